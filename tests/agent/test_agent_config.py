"""agent.toml: what is accepted, and what a wrong file is told: agent/config.py."""

import pytest

from watchkeep.agent.config import read
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
    assert config.camera[0].copies == 1
    assert config.discovery.mdns
    assert config.mqtt is None


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('site = "demo"', 'sight = "demo"', "agent.sight", "did you mean site?"),
        ('site = "demo"', "", "agent.site", "missing"),
        ('id = "cam0"', 'id = "Cam 0"', "camera[0].id", "pattern"),
        ("rtsp://user", "http://user", "camera[0].url", "rtsp://host:554/path"),
        ("rtsp://user:secret@127.0.0.1:8554/cam0", "rtsp://[::1", "camera[0].url", "rtsp://host:554/path"),
        ('id = "cam0"', 'id = "cam0"\ncopies = 0', "camera[0].copies", "greater than or equal to 1"),
        ('id = "cam0"', 'id = "cam0"\ncopies = "2"', "camera[0].copies", "integer"),
        ('id = "cam0"', 'id = "cam0"\ncopies = 2\narchivers = ["a"]', "camera[0].copies", "list more archivers"),
        ('id = "cam0"', 'id = "cam0"\ntransport = "sctp"', "camera[0].transport", "'tcp' or 'udp'"),
        ('id = "a"\n', 'id = "a"\nurl = "http://x"\n[[archiver]]\nid = "a"\n', "archiver[1].id", "used twice"),
        ("[agent]", "[agent", "", "TOML"),
        ('cam0"\n', 'cam0"\nuser = "u"\n', "camera[0].user", "host"),
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
    assert "secret" not in line
    assert caught.value.exit_code == 2


def test_missing_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "nothing.toml")


def test_no_archiver_and_no_mdns_is_refused(tmp_path):
    text = GOOD.replace('[[archiver]]\nid = "a"\nurl = "http://127.0.0.1:9701"', "[discovery]\nmdns = false")
    with pytest.raises(ConfigError, match="mDNS is off"):
        load(tmp_path, text)
