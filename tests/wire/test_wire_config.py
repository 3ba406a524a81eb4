"""Errors of a configuration file name the file, the dotted key and what to do."""

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from watchkeep.wire.config import MAX_CONFIG_BYTES, Config, load, validate
from watchkeep.wire.errors import MAX_MISTAKES, ConfigError, ProfileError


class Camera(Config):
    id: str
    copies: int = 1


class Agent(Config):
    site: str
    beacon_s: float = 5.0


class Sample(Config):
    agent: Agent
    camera: tuple[Camera, ...] = ()
    links: tuple[Camera, ...] = Field(default=(), alias="link")
    spare: Camera | None = None


def refused(text: str, path: Path) -> ConfigError:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, Sample)
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sample.toml"


def test_a_good_file_is_typed_and_frozen(path: Path) -> None:
    path.write_text('[agent]\nsite = "x"\nbeacon_s = 2\n[[camera]]\nid = "a"\n[[camera]]\nid = "b"\ncopies = 2\n[[link]]\nid = "c"\n')
    sample = load(path, Sample)
    assert [(camera.id, camera.copies) for camera in sample.camera] == [("a", 1), ("b", 2)]
    assert sample.links == (Camera(id="c"),)
    with pytest.raises(ValidationError, match="frozen"):
        sample.agent.site = "y"


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ('[agent]\nsit = "x"\n', "agent.sit", "did you mean site?"),
        ('[agent]\nsite = "x"\nzzz = 1\n', "agent.zzz", "known keys here: beacon_s, site"),
        ('[agnet]\nsite = "x"\n', "agnet", "did you mean agent?"),
        ('[agent]\nsite = "x"\n[[camera]]\nid = "a"\n[[camera]]\nid = "b"\ncopis = 2\n', "camera[1].copis", "did you mean copies?"),
        ('[agent]\nsite = "x"\n[[link]]\nid = "a"\ncopis = 2\n', "link[0].copis", "did you mean copies?"),
        ('[agent]\nsite = "x"\n[spare]\nid = "a"\ncopis = 2\n', "spare.copis", "did you mean copies?"),
        ('[agent]\nbeacon_s = 1\n[[camera]]\nid = "a"\n', "agent.site", "add it"),
        ('[agent]\nsite = "x"\n[[camera]]\nid = "a"\ncopies = "2"\n', "camera[0].copies", "write digits, without quotes"),
        ("[agent]\nsite = 7\n", "agent.site", 'write it in quotes: "..."'),
        ("agent = 7\n", "agent", "write it as [agent] with its keys below"),
    ],
)
def test_a_wrong_key_is_named_with_its_remedy(text: str, key: str, remedy: str, path: Path) -> None:
    error = refused(text, path)
    assert (error.file, error.key, error.remedy) == (str(path), key, remedy)
    assert error.line().startswith(f"{path}: {key}: ")
    assert error.exit_code == 2


def test_all_mistakes_are_told_together_and_the_entry_of_a_list_by_its_id(path: Path) -> None:
    error = refused('[agent]\nsite = 7\nzzz = 1\n[[camera]]\nid = "door"\ncopies = "2"\n[[camera]]\nid = 3\n', path)
    assert error.lines() == [
        f"{path}: agent.zzz: is not a known key; known keys here: beacon_s, site",
        f'{path}: agent.site: is not a text; write it in quotes: "..."',
        f"{path}: camera[0].copies: is not a whole number (camera door); write digits, without quotes",
        f'{path}: camera[1].id: is not a text; write it in quotes: "..."',
    ]
    assert refused('[agent]\nsiet = "x"\n', path).lines() == [f"{path}: agent.siet: is not a known key; did you mean site?"]


def test_of_many_mistakes_ten_are_told_and_the_rest_is_counted(path: Path) -> None:
    error = refused('[agent]\nsite = "x"\n' + "".join(f'[[camera]]\nid = "c{number}"\ncopies = 1.5\n' for number in range(14)), path)
    assert [line.partition(":")[0] for line in error.lines()] == [str(path)] * (MAX_MISTAKES + 1)
    assert error.lines()[-1] == f"{path}: and 4 more like these"


def test_nothing_is_coerced(path: Path) -> None:
    assert refused('[agent]\nsite = "x"\nbeacon_s = "5"\n', path).key == "agent.beacon_s"
    assert refused('[agent]\nsite = "x"\n[spare]\nid = "a"\ncopies = true\n', path).key == "spare.copies"


def test_an_unknown_key_is_told_before_what_it_probably_caused(path: Path) -> None:
    assert refused('[agent]\nsiet = "x"\n', path).key == "agent.siet"


def test_a_file_that_cannot_be_read_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "absent.toml", Sample)
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, Sample)


@pytest.mark.parametrize("raw", [b"[agent\n", b"\xff\xfe", b"site = \n"])
def test_what_is_not_toml_is_told_with_its_line(raw: bytes, path: Path) -> None:
    path.write_bytes(raw)
    with pytest.raises(ConfigError, match="is not TOML"):
        load(path, Sample)


def test_a_huge_file_is_refused_unparsed(path: Path) -> None:
    path.write_bytes(b"#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        load(path, Sample)


def test_a_password_in_a_value_never_reaches_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        validate("x.toml", {"agent": {"site": "x", "rtsp://admin:SECRET@cam": 1}}, Sample)
    assert "SECRET" not in caught.value.line()


def test_the_caller_chooses_the_error(path: Path) -> None:
    path.write_text("x = 1\n")
    with pytest.raises(ProfileError):
        load(path, Sample, error=ProfileError)
