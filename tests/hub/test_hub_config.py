"""hub.toml: what is accepted, and the one line that each mistake gets."""

from pathlib import Path

import pytest

from watchkeep.hub.config import Address, broker_address, http_address, load_hub, parse_address
from watchkeep.hub.explain import explain
from watchkeep.wire.errors import ConfigError

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "hub.toml"
GOOD = """
[hub]
id = "a"
site = "demo"
roles = ["archiver"]
listen = "127.0.0.1:9701"
data_dir = "/var/lib/watchkeep-hub"
[archiver]
volumes = ["/srv/video"]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hub.toml"
    path.write_text(text)
    return path


def refusal(tmp_path: Path, old: str, new: str) -> ConfigError:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        load_hub(written(tmp_path, GOOD.replace(old, new)))
    assert caught.value.exit_code == 2
    assert str(tmp_path / "hub.toml") in caught.value.line()
    assert caught.value.remedy
    assert "\n" not in caught.value.line()
    return caught.value


def test_defaults(tmp_path: Path) -> None:
    config = load_hub(written(tmp_path, GOOD))
    assert config.archiver is not None
    assert (config.archiver.retention_days, config.archiver.min_free_bytes, config.archiver.sync_ms) == (30, 5_000_000_000, 1000)
    assert config.discovery.mdns
    assert config.mqtt.url is None
    assert http_address(config) == Address("127.0.0.1", 9701)


def test_the_sample_loads_and_names_every_key() -> None:
    config = load_hub(SAMPLE)
    text = SAMPLE.read_text()
    for section, model in (("hub", config.hub), ("mqtt", config.mqtt), ("broker", config.broker), ("archiver", config.archiver),
                           ("discovery", config.discovery)):  # fmt: skip
        assert f"[{section}]" in text
        assert model is not None
        for key in type(model).model_fields:
            assert f"{key} = " in text, f"{section}.{key} is not in the sample"


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('site = "demo"', 'site = "demo"\nsight = 1', "hub.sight", "did you mean site?"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/video"]\nretention_day = 3', "archiver.retention_day", "retention_days"),
        ('id = "a"', "id = 7", "hub.id", "quotes"),
        ('id = "a"', 'id = "Archiver One"', "hub.id", "a-z"),
        ('site = "demo"', "", "hub.site", "missing"),
        ('roles = ["archiver"]', "roles = []", "hub.roles", "at least 1"),
        ('roles = ["archiver"]', 'roles = ["archiver", "archiver"]', "hub.roles", "once"),
        ('roles = ["archiver"]', 'roles = ["recorder"]', "hub.roles", "archiver"),
        ('roles = ["archiver"]', 'roles = ["archiver", "broker"]', "broker.listen", "give broker.listen or mqtt.url"),
        ('roles = ["archiver"]', 'roles = ["broker"]', "archiver", "does not hold archiver"),
        ('listen = "127.0.0.1:9701"', 'listen = "9701"', "hub.listen", "host:port"),
        ('listen = "127.0.0.1:9701"', 'listen = "127.0.0.1:99999"', "hub.listen", "host:port"),
        ('data_dir = "/var/lib/watchkeep-hub"', 'data_dir = "state"', "hub.data_dir", "absolute"),
        ('volumes = ["/srv/video"]', 'volumes = "/srv/video"', "archiver.volumes", "brackets"),
        ('volumes = ["/srv/video"]', "volumes = []", "archiver.volumes", "at least 1"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a", "/srv/a"]', "archiver.volumes[1]", "once"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a", "/srv/a/b"]', "archiver.volumes[1]", "once"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a"]\nretention_days = 0', "archiver.retention_days", "use more than 0"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a"]\nretention = { cam0 = 0 }', "archiver.retention.cam0", "use more than 0"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a"]\nretention = { Gate = 9 }', "archiver.retention", "a-z"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a"]\nretention = { cam0 = "9" }', "archiver.retention.cam0", "number"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a"]\nsync_ms = "1000"', "archiver.sync_ms", "whole number"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a"]\n[broker]\nlisten = "127.0.0.1:1"', "broker.listen", "does not hold broker"),
        ('volumes = ["/srv/video"]', 'volumes = ["/srv/a"]\n[mqtt]\nurl = "http://h"', "mqtt.url", "mqtt://"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_remedy(tmp_path: Path, old: str, new: str, key: str, says: str) -> None:
    error = refusal(tmp_path, old, new)
    assert error.key.startswith(key)
    assert says in error.line()


def test_days_of_single_cameras(tmp_path: Path) -> None:
    config = load_hub(written(tmp_path, f"{GOOD}[archiver.retention]\nentrance = 90\ncar-park = 7.5\n"))
    assert config.archiver is not None
    assert config.archiver.retention == {"entrance": 90, "car-park": 7.5}


def test_an_mqtt_password_is_not_shown(tmp_path: Path) -> None:
    error = refusal(tmp_path, '["/srv/video"]', '["/srv/a"]\n[mqtt]\nurl = "mqtts://me:hunter2@broker"')
    assert "hunter2" not in error.line()


def test_no_archiver_section_for_the_archiver_role(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[archiver]\nvolumes = ["/srv/video"]', "")
    assert error.key == "archiver"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)), ("[::1]:0", Address("::1", 0)), ("nvr.local:9701", Address("nvr.local", 9701)),
        ("::1:80", None), (":80", None), ("host:", None), ("host:-1", None), ("host:8a", None), ("ho st:80", None), ("http://h:80", None),
        ("host:٣", None), ("", None),
    ],
)  # fmt: skip
def test_addresses(text: str, address: Address | None) -> None:
    assert parse_address(text) == address
    if address is not None:
        assert parse_address(str(address)) == address


def test_the_broker_listens_where_it_is_told_or_where_mqtt_url_points(tmp_path: Path) -> None:
    text = GOOD.replace('["archiver"]', '["archiver", "broker"]') + '[mqtt]\nurl = "mqtt://127.0.0.1:1884"\n'
    assert broker_address(load_hub(written(tmp_path, text))) == Address("127.0.0.1", 1884)
    assert broker_address(load_hub(written(tmp_path, text + '[broker]\nlisten = "0.0.0.0:1"\n'))) == Address("0.0.0.0", 1)


ONE = '{ id = "a", url = "http://10.0.0.1:9701", rank = 0 }'


@pytest.mark.parametrize(("lines", "key", "says"), [
    (f'servers = [{ONE}, {{ id = "b", url = "http://10.0.0.2:9701", rank = 0 }}]', "directory.servers[1]", "rank"),
    (f"servers = [{ONE}, {ONE}]", "directory.servers[1]", "id"),
    ('servers = [{ id = "b", url = "http://10.0.0.2:9701", rank = 0 }]', "directory.servers", "does not hold this hub"),
    ('servers = [{ id = "a", url = "10.0.0.1:9701", rank = 0 }]', "directory.servers[0].url", "http://host"),
    ('servers = [{ id = "a", url = "http://ops:secret@10.0.0.1:9701", rank = 0 }]', "directory.servers[0].url", "without user"),
    ('servers = [{ id = "a", url = "https://10.0.0.1:9701", rank = 0 }]', "directory.servers[0].url", "by http alone"),
    ('servers = [{ id = "a", url = "http://10.0.0.1:9701", rank = 7 }]', "directory.servers[0].rank", "less than 7"),
    ('servers = [{ id = "A", url = "http://10.0.0.1:9701", rank = 0 }]', "directory.servers[0].id", "a-z"),
    ('database = "here.sqlite"', "directory.database", "absolute path"),
    ("backup = {}", "directory.backup.folders", "missing"),
    ("backup = { folders = [] }", "directory.backup.folders", "at least 1"),
    ('backup = { folders = ["here"] }', "directory.backup.folders[0]", "absolute path"),
    ('backup = { folders = ["/b", "/c", "/b"] }', "directory.backup.folders[2]", "named twice"),
    ('backup = { folders = ["/srv/video/backup"] }', "directory.backup.folders[0]", "another disk"),
    ('backup = { folders = ["/b"], full = "nightly" }', "directory.backup.full", "cron expression"),
    ('backup = { folders = ["/b"], incremental = "0 0 31 2 *" }', "directory.backup.incremental", "Bad day-of-month"),
    ('backup = { folders = ["/b"], keep_full = 0 }', "directory.backup.keep_full", "use 1 or more"),
    ('backup = { folders = ["/b"], keep = 3 }', "directory.backup.keep", "did you mean keep_full?"),
])  # fmt: skip
def test_a_wrong_list_of_directory_servers_is_refused(tmp_path: Path, lines: str, key: str, says: str) -> None:
    text = GOOD.replace('roles = ["archiver"]', 'roles = ["archiver", "directory"]') + f"\n[directory]\n{lines}\n"
    with pytest.raises(ConfigError) as caught:
        load_hub(written(tmp_path, text))
    assert caught.value.key == key
    assert says in caught.value.line()
    assert "secret" not in caught.value.line()


def test_a_directory_without_its_role_is_refused_and_with_it_needs_no_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not hold directory"):
        load_hub(written(tmp_path, GOOD + "\n[directory]\n"))
    assert load_hub(written(tmp_path, GOOD.replace('"archiver"]', '"archiver", "directory"]'))).directory is None


FOLLOWED = '[directory]\nservers = [{ id = "d", url = "http://10.0.0.9:1", rank = 0 }]\n'


def test_an_archiver_without_the_role_gives_the_servers_that_it_follows_and_no_more(tmp_path: Path) -> None:
    made = load_hub(written(tmp_path, f"{GOOD}\n{FOLLOWED}"))
    assert made.followed("own") == ("http://10.0.0.9:1",)
    with pytest.raises(ConfigError) as caught:
        load_hub(written(tmp_path, f'{GOOD}\n{FOLLOWED}database = "/x"\nmqtt_commands = []\n'))
    assert [error.key for error in (caught.value, *caught.value.also)] == ["directory.database", "directory.mqtt_commands"]
    beside = GOOD.replace('"archiver"]', '"archiver", "directory"]')
    assert load_hub(written(tmp_path, beside)).followed("own") == ("own",)
    with pytest.raises(ConfigError, match="does not hold this hub"):
        load_hub(written(tmp_path, f"{beside}\n{FOLLOWED}"))
    with pytest.raises(ConfigError, match="by http alone"):
        load_hub(written(tmp_path, f"{GOOD}\n{FOLLOWED.replace('http:', 'https:')}"))


def test_an_archiver_may_follow_the_servers_that_mdns_shows_and_lists_none_then(tmp_path: Path) -> None:
    found, silent = "\n[directory]\nmdns = true\n", "[discovery]\nmdns = false\n"
    made = load_hub(written(tmp_path, GOOD + found))
    assert (made.finds, made.followed("own")) == (True, ())
    assert not load_hub(written(tmp_path, f"{GOOD}\n{FOLLOWED}")).finds
    for text, says in ((f"{GOOD}\n{FOLLOWED}mdns = true\n", "remove one of the two"), (GOOD + found + silent, "discovery.mdns is false"),
                       (GOOD.replace('"archiver"]', '"archiver", "directory"]') + found, "a directory server itself"),
                       (f'{GOOD}{found}database = "/x"\n', "for the servers themselves")):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            load_hub(written(tmp_path, text))
        assert says in caught.value.line()
        assert caught.value.also == ()


def test_check_says_whose_days_count(tmp_path: Path) -> None:
    text = (f'[hub]\nid = "a"\nsite = "s"\nroles = ["archiver"]\nlisten = "127.0.0.1:0"\ndata_dir = "{tmp_path}/own"\n'
            f'[archiver]\nvolumes = ["{tmp_path}"]\nDAYS\n')  # fmt: skip
    alone, own = text.replace("DAYS", ""), text.replace("DAYS", "retention_days = 9") + FOLLOWED
    theirs = alone + FOLLOWED
    assert f"keeps 30 days on {tmp_path}, " in "\n".join(explain(load_hub(written(tmp_path, alone))))
    assert "keeps 9 days, whatever the directory says: archiver.retention_days is in this file, on " in "\n".join(
        explain(load_hub(written(tmp_path, own))))  # fmt: skip
    shown = "\n".join(explain(load_hub(written(tmp_path, theirs))))
    assert "keeps as many days as the directory says, 30 days when it says none, on " in shown
    assert "follows the directory at http://10.0.0.9:1" in shown
    shown = "\n".join(explain(load_hub(written(tmp_path, f"{alone}\n[directory]\nmdns = true\n"))))
    assert "keeps as many days as the directory says, 30 days when it says none, on " in shown
    assert "follows the directory servers that mDNS shows, whoever announces them: set archiver.retention_days" in shown


def test_all_that_does_not_fit_is_told_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_hub(written(tmp_path, GOOD.replace('id = "a"', 'id = "A"', 1).replace('volumes = ["/srv/video"]', 'volumes = ["video"]')))
    assert [error.key for error in (caught.value, *caught.value.also)] == ["hub.id", "archiver.volumes[0]"]


def test_a_card_s_name_is_no_address_and_a_hub_is_no_peer_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_hub(written(tmp_path, GOOD + '\n[discovery]\ninterfaces = ["eth0"]\n[[peer]]\nid = "a"\nurl = "http://127.0.0.1:1"\n'))
    assert [error.key for error in (caught.value, *caught.value.also)] == ["discovery.interfaces[0]", "peer[0].id"]
    assert "by its address" in caught.value.remedy


def test_check_says_what_is_free_who_is_compared_with_who_may_talk_and_that_data_dir_lies_in_a_volume(tmp_path: Path) -> None:
    text = (f'[hub]\nid = "a"\nsite = "s"\nroles = ["archiver", "broker"]\nlisten = "127.0.0.1:0"\ndata_dir = "{tmp_path}/own"\n'
            f'[broker]\nlisten = "127.0.0.1:1884"\n[archiver]\nvolumes = ["{tmp_path}"]\nmin_free_bytes = 0\n'
            '[[peer]]\nid = "b"\nurl = "http://ops:hunter2@10.0.0.2:9701"\n')  # fmt: skip
    shown = "\n".join(explain(load_hub(written(tmp_path, text))))
    assert f"free on {tmp_path}: " in shown
    assert f"note: hub.data_dir {tmp_path}/own lies in a volume" in shown
    assert "serves MQTT on 127.0.0.1:1884" in shown
    assert "compares itself with b at http://***@10.0.0.2:9701" in shown


def test_check_says_what_a_directory_server_is_where_its_journal_lies_and_who_backs_it_up(tmp_path: Path) -> None:
    hub = (f'[hub]\nid = "d1"\nsite = "s"\nroles = ["directory"]\nlisten = "127.0.0.1:0"\ndata_dir = "{tmp_path}/own"\n'
           '[discovery]\nmdns = false\n')  # fmt: skip
    alone = explain(load_hub(written(tmp_path, hub)))
    assert "is the only server of the site's directory: while it is away nobody takes edits, and recording goes on" in alone
    assert f"keeps its journal in {tmp_path}/own/directory.sqlite" in alone
    assert "note: no [directory.backup]: when all servers and their disks are lost, so is the site's description" in alone
    assert not any("archiver" in line for line in alone), "it is none"
    listed = ('[directory]\nservers = [{ id = "d1", url = "http://d1:1", rank = 0 },'
              ' { id = "d2", url = "http://d2:1", rank = 6, recovery = true }]\n'
              'database = "postgresql+psycopg://ops:hunter2@/name?host=db1:5432"\n'
              f'[directory.backup]\nfolders = ["{tmp_path}", "{tmp_path}/away"]\nfull = ""\n')  # fmt: skip
    shown = explain(load_hub(written(tmp_path, hub + listed)))
    assert any(line.startswith("is a server of the site's directory, rank 0; the others: d2 at http://d2:1;") for line in shown)
    assert "keeps its journal in /name?host=db1:5432" in shown
    assert f"writes backups, when it is its turn, to {tmp_path}, {tmp_path}/away: incremental `*/15 * * * *`; 7 full ones are kept" in shown
    assert [line.partition(" is no folder")[0] for line in shown if line.startswith("note:")] == [f"note: {tmp_path}/away"]
    spare = explain(load_hub(written(tmp_path, (hub + listed).replace('id = "d1"\nsite', 'id = "d2"\nsite'))))
    assert any("directory, leads when no other lives; the others: d1 at http://d1:1;" in line for line in spare)
