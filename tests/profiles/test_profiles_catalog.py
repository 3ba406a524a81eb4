"""Every shipped profile, and what a wrong one is told: firmware-profiles/."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from watchkeep import profiles
from watchkeep.profiles.schema import PACES
from watchkeep.wire.errors import ProfileError, UsageError

SHIPPED = Path(profiles.__file__).parent / "recorders"
AGENT, SCHEMA = SHIPPED.parents[1] / "agent", SHIPPED.parent / "schema.py"
GENERIC = (SHIPPED / "generic.toml").read_text()


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def refused(folder: Path, text: str) -> ProfileError:
    with pytest.raises(ProfileError) as error:
        profiles.recorder_profile(write(folder, text))
    assert error.value.exit_code == 2
    assert error.value.file.endswith("mine.toml")
    assert error.value.remedy
    return error.value


def without(key: str) -> str:
    return "\n".join(line for line in GENERIC.splitlines() if not line.startswith(f"{key} ="))


@pytest.mark.parametrize("name", profiles.names("recorders"))
def test_every_recorder_profile_loads_and_keeps_its_promises(name):
    profile = profiles.recorder_profile(name)
    assert profile.chunk_ms + profile.sync_ms <= 3000
    assert profile.ring_bytes == profile.ring_seconds * profile.bitrate_mbit * 125_000
    second = profile.max_cameras * profile.bitrate_mbit * 125_000
    assert profile.journal_ram_bytes >= second, "appending would wait for fsync at every tick"
    assert profile.journal_max_bytes >= 600 * second, "archivers may be away for ten minutes"
    assert profile.description


@pytest.mark.parametrize("name", profiles.names("recorders"))
def test_every_value_of_a_recorder_profile_stands_near_a_reason(name):
    lines = (SHIPPED / f"{name}.toml").read_text().splitlines()
    comments = sum(line.startswith("#") for line in lines)
    assert comments >= sum(" = " in line and not line.startswith("#") for line in lines) * 2 // 3


@pytest.mark.parametrize("model", [profiles.RecorderProfile, profiles.CameraProfile, profiles.Quirks, profiles.Stream])
def test_a_profile_says_nothing_that_is_not_acted_on(model):
    """A key that nobody reads is a promise that nobody keeps."""
    read = "".join(file.read_text() for file in AGENT.glob("*.py")) + SCHEMA.read_text()
    readers = r"(?:profile|make|cameras\[camera\.id\]|quirks|self|known)"
    assert [key for key in model.model_fields if not re.search(rf"{readers}\.{key}\b", read)] == []


def test_the_shipped_names():
    assert profiles.names("recorders") == ["generic", "intel-n100", "raspberry-pi-5", "x86-server"]
    assert profiles.names("cameras") == ["axis", "generic", "hikvision", "reolink"]


def test_a_profile_may_be_a_file_of_ones_own(tmp_path):
    assert profiles.recorder_profile(write(tmp_path, GENERIC)) == profiles.recorder_profile("generic")
    assert profiles.recorder_profile(write(tmp_path, GENERIC.replace("max_cameras = 32", "max_cameras = 4"))).max_cameras == 4


def test_an_unknown_name_is_refused_with_the_nearest_and_all_known():
    with pytest.raises(ProfileError) as error:
        profiles.recorder_profile("rasberry-pi5")
    assert "recorders/rasberry-pi5.toml" in error.value.message
    assert "did you mean raspberry-pi-5?" in error.value.remedy
    assert "generic, intel-n100, raspberry-pi-5, x86-server" in error.value.remedy
    with pytest.raises(ProfileError) as error:
        profiles.camera_profile("zzz")
    assert error.value.remedy == "known ones: axis, generic, hikvision, reolink"


@pytest.mark.parametrize("name", ["../cameras/axis", "/etc/passwd", "missing.toml", ""])
def test_a_name_never_leaves_the_folder(name):
    with pytest.raises(ProfileError):
        profiles.recorder_profile(name)
    with pytest.raises(ProfileError):
        profiles.camera_profile(name)


def test_an_unknown_key_is_refused_with_the_nearest(tmp_path):
    error = refused(tmp_path, GENERIC + "\nsync_msec = 1000\n")
    assert (error.key, "sync_ms" in error.remedy) == ("sync_msec", True)
    assert "is not a known key" in error.message


def test_a_missing_key_is_named(tmp_path):
    error = refused(tmp_path, without("ring_seconds"))
    assert error.key == "ring_seconds"
    assert "is missing" in error.message


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('power = "balanced"', 'sync_ms = "1000"', "sync_ms"),
        ('power = "balanced"', "sync_ms = 1000.5", "sync_ms"),
        ('power = "balanced"', "read_ms = 201", "read_ms"),
        ('power = "balanced"', 'power = "much"', "power"),
        ("max_cameras = 32", "max_cameras = true", "max_cameras"),
        ("ring_seconds = 60", "ring_seconds = 29", "ring_seconds"),
        ("stage_seconds = 30", "stage_seconds = 29", "stage_seconds"),
        ("chunk_ms = 1000", "chunk_ms = 1001", "chunk_ms"),
        ('storage = "ssd"', 'storage = "tape"', "storage"),
        ("journal_max_bytes = 20_000_000_000", "journal_max_bytes = 0", "journal_max_bytes"),
    ],
)
def test_wrong_types_and_ranges_are_refused_with_their_key(tmp_path, old, new, key):
    assert old in GENERIC
    error = refused(tmp_path, GENERIC.replace(old, new))
    assert error.key == key
    assert error.message.startswith(f"{error.file}: {key}: ")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('power = "balanced"', "tick_ms = 1000\nchunk_ms = 500", "tick_ms may not be longer than chunk_ms"),
        ('power = "balanced"', "tick_ms = 1000\nsync_ms = 500", "tick_ms may not be longer than sync_ms"),
        ("journal_max_bytes = 20_000_000_000", "journal_max_bytes = 200_000_000", "at least 3 files"),
    ],
)
def test_values_that_do_not_fit_together_are_refused_with_the_reason(tmp_path, old, new, reason):
    text = GENERIC
    for line in new.splitlines()[1:]:
        text = "\n".join(other for other in text.splitlines() if not other.startswith(line.split(" =")[0] + " ="))
    assert reason in refused(tmp_path, text.replace(old, new)).message


@pytest.mark.parametrize(("power", "times"), [("performance", (20, 100, 500)), ("balanced", (100, 200, 1000)), ("low", (200, 500, 2000))])
def test_power_sets_the_times_that_a_profile_does_not_say_itself(tmp_path, power, times):
    text = GENERIC.replace('"balanced"', f'"{power}"')
    made = profiles.recorder_profile(write(tmp_path, text))
    assert (made.read_ms, made.tick_ms, made.sync_ms) == times
    assert f'"{power}"'.ljust(16) + f"{times[0]:7}{times[1]:10}{times[2]:10}" in GENERIC.replace("#   ", "")
    own = profiles.recorder_profile(write(tmp_path, text + "\ntick_ms = 150\n"))
    assert (own.read_ms, own.tick_ms, own.sync_ms) == (times[0], 150, times[2])


def test_broken_toml_and_unreadable_files_are_refused(tmp_path):
    assert "is not TOML" in refused(tmp_path, "sync_ms = ").message
    with pytest.raises(ProfileError) as error:
        profiles.recorder_profile(str(tmp_path / "missing.toml"))
    assert "cannot be read" in error.value.message


def test_profiles_are_found_from_any_folder(tmp_path):
    code = "from watchkeep import profiles as p; print(p.recorder_profile('generic').chunk_ms, p.camera_profile('axis').default_port)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1000", "554"]


def test_a_usage_error_is_what_a_command_line_expects():
    assert issubclass(ProfileError, UsageError)


def test_the_tables_for_installers_say_what_the_profiles_say():
    page = (Path(__file__).parents[2] / "docs" / "OPERATIONS.md").read_text()
    for name in profiles.names("recorders"):
        profile = profiles.recorder_profile(name)
        assert f"| `{name}` | {profile.description} | {profile.max_cameras} | `{profile.power}` |\n" in page
    for power, pace in PACES.items():
        assert f"| `{power}` | {' | '.join(map(str, pace))} |\n" in page
