"""agent.toml: what is accepted, and what a wrong file is told: agent/config.py."""

import json

import pytest
from typer.testing import CliRunner

from watchkeep.agent import cli
from watchkeep.agent.config import read
from watchkeep.agent.replicate.policy import CameraPolicy
from watchkeep.agent.setup import mode, plan
from watchkeep.wire.errors import ConfigError

GOOD = """
[agent]
id = "edge-1"
site = "demo"
data_dir = "/var/lib/watchkeep"
[[archiver]]
id = "a"
url = "http://127.0.0.1:9701"
[[camera]]
id = "cam0"
url = "rtsp://user:secret@127.0.0.1:8554/cam0"
"""


def load(tmp_path, text):
    file = tmp_path / "agent.toml"
    file.write_text(text)
    return read(file)


def test_defaults(tmp_path):
    config = load(tmp_path, GOOD)
    assert config.rule(config.camera[0]) == (1, None, 5, None)
    assert config.discovery.mdns
    assert config.mqtt is None


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('site = "demo"', 'sight = "demo"', "agent.sight", "did you mean site?"),
        ('site = "demo"', "", "agent.site", "missing"),
        ('id = "cam0"', 'id = "Cam 0"', "camera[0].id", "use 1 to 63 of a-z, 0-9 and -"),
        ("rtsp://user", "http://user", "camera[0].url", "rtsp://host:554/path"),
        ("rtsp://user:secret@127.0.0.1:8554/cam0", "rtsp://[::1", "camera[0].url", "rtsp://host:554/path"),
        ('id = "cam0"', 'id = "cam0"\ncopies = 0', "camera[0].copies", "less than 1 (camera cam0); use 1 or more"),
        ('id = "cam0"', 'id = "cam0"\ncopies = "2"', "camera[0].copies", "whole number (camera cam0)"),
        ('id = "cam0"', 'id = "cam0"\ncopies = 2\narchivers = ["a"]', "camera[0].copies", "list more archivers"),
        ('id = "cam0"', 'id = "cam0"\ntransport = "sctp"', "camera[0].transport", "'tcp' or 'udp'"),
        ('id = "a"\n', 'id = "a"\nurl = "http://x"\n[[archiver]]\nid = "a"\n', "archiver[1].id", "used twice"),
        ('id = "cam0"', 'id = "cam0"\npriority = 10', "camera[0].priority", "more than 9 (camera cam0); use 9 or less"),
        ('id = "cam0"', 'id = "cam0"\ngroup = "doors"', "camera[0].group", "add a [[group]] with this id"),
        ("[[camera]]", '[[group]]\nid = "doors"\n[[camera]]\ngroup = "dors"', "camera[0].group", "did you mean doors?"),
        ("[[camera]]", '[[group]]\nid = "g"\n[[group]]\nid = "g"\n[[camera]]', "group[1].id", "used twice"),
        ("[[camera]]", '[[group]]\nid = "g"\narchivers = ["a", "a"]\n[[camera]]', "group[0].archivers", "list each archiver once"),
        ("[[camera]]", '[[group]]\nid = "g"\ncopies = 2\narchivers = ["a"]\n[[camera]]\ngroup = "g"', "camera[0].group", "of group 'g'"),
        ("[[camera]]", '[[group]]\nid = "g"\ncopies = 2\n[[camera]]\ngroup = "g"\narchivers = ["a"]', "camera[0].archivers", "fewer"),
        ("[[camera]]", '[[group]]\nid = "g"\narchivers = ["a"]\n[[camera]]\ngroup = "g"\ncopies = 2', "camera[0].copies", "list more"),
        ("[agent]", "[agent", "", "TOML"),
        ("[agent]", '[discovery]\ninterfaces = ["eth0"]\n[agent]', "discovery.interfaces[0]", "by its address"),
        ("[agent]", '[directory]\nservers = ["https://h:1"]\n[agent]', "directory.servers[0]", "http://host:9701"),
        ("[agent]", '[directory]\nmdns = true\nservers = ["http://h:1"]\n[agent]', "directory.mdns", "remove one of the two"),
        ("[agent]", "[directory]\nmdns = true\n[discovery]\nmdns = false\n[agent]", "directory.mdns", "discovery.mdns is false"),
        ('data_dir = "/', 'data_dir = "here/', "agent.data_dir", "absolute path"),
        ('cam0"\n', 'cam0"\nuser = "u"\n', "camera[0].user", "host"),
        ("rtsp://user", "rtsp//user", "camera[0].url", "'***@127.0.0.1:8554/cam0' is not a valid URL"),
        *((f"{sign}@127", f"{sign}{wrong}@127", "camera[0].url", says) for sign, wrong, says in (
            ("secret", "/x", "/ ? # % [ ] and spaces of a user or password as %2F %3F %23 %25 %5B %5D %20"),
            ("secret", "#x", "%23"), ("secret", "?x", "%3F"), ("secret", "[", "%5B"), ("secret", " x", "%20"))),
        ("127.0.0.1:8554/cam0", "127.0.0.1:8554/a\\r\\nX: y", "camera[0].url", "not a valid URL"),
        ("[agent]", '[mqtt]\nurl = "mqtts://u:secret@h"\n[agent]', "mqtt.url", "mqtts is not supported"),
        ("[agent]", '[mqtt]\nurl = "mqtt://u:secret@h/path"\n[agent]', "mqtt.url", "not valid"),
    ],
)
def test_wrong_files_name_file_key_and_remedy_and_no_password(tmp_path, old, new, key, says):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    line = caught.value.line()
    assert line.startswith(str(tmp_path / "agent.toml"))
    assert caught.value.key == key
    assert says in line
    assert "secret" not in "".join(caught.value.lines())
    assert "secret" not in line
    assert caught.value.exit_code == 2


def test_missing_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "nothing.toml")


def test_no_archiver_and_no_mdns_is_refused(tmp_path):
    text = GOOD.replace('[[archiver]]\nid = "a"\nurl = "http://127.0.0.1:9701"', "[discovery]\nmdns = false")
    with pytest.raises(ConfigError, match="mDNS is off"):
        load(tmp_path, text)


def test_a_camera_has_its_own_values_then_its_groups_then_the_defaults(tmp_path):
    text = GOOD.replace("[[camera]]", """
[[group]]
id = "doors"
copies = 2
archivers = ["a", "b", "c"]
priority = 7
failback = "sticky"
[[camera]]
group = "doors"
priority = 9""") + """
[[camera]]
id = "cam1"
url = "rtsp://127.0.0.1:8554/cam1"
group = "doors"
copies = 3
failback = "auto"
[[camera]]
id = "cam2"
url = "rtsp://127.0.0.1:8554/cam2"
group = "doors"
archivers = ["c", "a"]
priority = 0
[[camera]]
id = "cam3"
url = "rtsp://127.0.0.1:8554/cam3"
"""
    config = load(tmp_path, text)
    assert [config.rule(camera) for camera in config.camera] == [
        (2, ("a", "b", "c"), 9, "sticky"), (3, ("a", "b", "c"), 7, "auto"), (2, ("c", "a"), 0, "sticky"), (1, None, 5, None)]  # fmt: skip
    ready = plan(tmp_path / "agent.toml", config)
    assert [ready.policy(camera) for camera in config.camera][1:3] == [
        CameraPolicy("cam1", 3, ("a", "b", "c"), 7, "auto"), CameraPolicy("cam2", 2, ("c", "a"), 0, "sticky")]  # fmt: skip
    assert [mode(ready.policy(camera)) for camera in config.camera] == ["redundant with spare", "redundant", "redundant", "failover"]


def test_check_shows_the_resolved_rule(tmp_path):
    file = tmp_path / "agent.toml"
    here = GOOD.replace("/var/lib/watchkeep", str(tmp_path / "data"))
    file.write_text(here.replace("[[camera]]", '[[group]]\nid = "g"\ncopies = 2\narchivers = ["b", "a"]\n[[camera]]\ngroup = "g"'))
    said = CliRunner().invoke(cli.app, ["check", "-c", str(file)]).output
    assert "2 copies on b, a (redundant), priority 5, group g" in " ".join(said.split())
    (row,) = json.loads(CliRunner().invoke(cli.app, ["check", "--json", "-c", str(file)]).output)["cameras"]
    assert (row["copies"], row["archivers"], row["priority"], row["group"]) == (2, ["b", "a"], 5, "g")


def test_a_cold_standby_needs_to_know_how_it_is_woken(tmp_path):
    listed = 'url = "http://127.0.0.1:9701"\n'
    cold = load(tmp_path, GOOD.replace(listed, listed + 'cold = true\nmac = "02:00:5e:10:00:ff"\n')).archiver[0]
    assert (cold.cold, cold.mac, cold.wake_broadcast) == (True, "02:00:5e:10:00:ff", "255.255.255.255:9")
    for added, key in (("cold = true", "mac"), ('mac = "02:00:5e:10:00:ff"', "cold"), ('cold = true\nmac = "02:00"', "mac"),
                       ('cold = true\nmac = "02:00:5e:10:00:ff"\nwake_broadcast = "lan:9"', "wake_broadcast")):  # fmt: skip
        with pytest.raises(ConfigError) as found:
            load(tmp_path, GOOD.replace(listed, f"{listed}{added}\n"))
        assert found.value.key == f"archiver[0].{key}", added
        assert found.value.remedy


def test_all_that_does_not_fit_is_told_together(tmp_path):
    text = GOOD.replace('id = "cam0"', 'id = "cam0"\ngroup = "doors"\narchivers = ["a", "a"]', 1).replace("rtsp://user", "http://user", 1)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert [error.key for error in (caught.value, *caught.value.also)] == ["camera[0].url", "camera[0].group", "camera[0].archivers"]
    assert all("cam0)" in line for line in caught.value.lines())
