"""Who a volume is: the identity file in its root, and the archiver's memory of the volumes that it has known.

Rules: a volume without identity gets one only while it is empty and was never known by this archiver, or when an operator
forces it.  A known volume whose identity is missing is an unmounted disk.  The memory is not part of the catalog: the
catalog is a cache, and this cannot be rebuilt from files that are not mounted.
"""

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from ...wire.errors import VolumeError
from ...wire.ids import check_id
from ...wire.paths import IDENTITY_FILE
from ...wire.shell.files import passes, publish

IDENTITY_VERSION: Final = 1
KNOWN_FILE: Final = "volumes.json"
_HARMLESS: Final = {"lost+found", f".{IDENTITY_FILE}.tmp"}
"""Names that an empty volume may hold: a fresh ext4 has the first, a power cut during `init` leaves the second."""
_MAX_BYTES: Final = 64 << 10


class AwayError(VolumeError):
    """The volume is not there now, fails or is another process's: it may be well later, and nothing has to be configured otherwise."""

    exit_code = 1


def unusable(error: OSError, message: str, *, remedy: str) -> VolumeError:
    """What a failed call to a volume says of it: AwayError when it may pass by itself."""
    return (AwayError if passes(error) else VolumeError)(message, remedy=remedy)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a volume says about itself."""

    volume: str
    archiver: str
    version: int = IDENTITY_VERSION


def force_command(root: Path) -> str:
    return f"`watchkeep hub init-volume {root} --force`"


def read_identity(root: Path) -> Identity | None:
    """The identity in a volume's root, None when there is none; raises VolumeError when it cannot be read or understood."""
    try:
        with (root / IDENTITY_FILE).open("rb") as stream:
            data = json.loads(stream.read(_MAX_BYTES))
        found = Identity(str(data["volume"]), str(data["archiver"]), int(data["version"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(error, f"volume {root}: its identity cannot be read ({error.strerror})",
                       remedy="check the disk and its permissions") from error  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise VolumeError(f"volume {root}: {IDENTITY_FILE} is damaged", remedy=f"check the disk, then run {force_command(root)}") from error
    if found.version != IDENTITY_VERSION:
        raise VolumeError(f"volume {root} has identity version {found.version}", remedy="update this machine's Watchkeep")
    return found


def write_identity(root: Path, identity: Identity) -> None:
    try:
        publish(root / IDENTITY_FILE, (json.dumps(asdict(identity), indent=2) + "\n").encode())
    except OSError as error:
        raise unusable(error, f"volume {root} cannot be written ({error.strerror})",
                       remedy="mount it writable and check its permissions") from error  # fmt: skip


def missing(root: Path, *, known: bool) -> VolumeError:
    """There is no directory.  Where a volume was seen before, a mount is late; otherwise the path may be mistyped."""
    return (AwayError if known else VolumeError)(f"volume {root} does not exist", remedy="mount the disk or create the directory")


def unidentified(root: Path, *, known: bool) -> VolumeError | None:
    """What stands against using a directory without identity; None when it is empty and new."""
    if known:
        return AwayError(f"volume {root} has lost its identity: it is probably not mounted",
                         remedy=f"mount the disk, or run {force_command(root)} if this is a new one")  # fmt: skip
    if not is_empty(root):
        return VolumeError(f"volume {root} is not empty and has no identity",
                           remedy=f"choose an empty directory, or run {force_command(root)}")  # fmt: skip
    return None


def is_empty(root: Path) -> bool:
    return all(entry.name in _HARMLESS for entry in root.iterdir())


def init_volume(root: Path, archiver: str, state_dir: Path, *, force: bool = False) -> Identity:
    """Give a directory its identity and remember it; the only way besides a first start.

    Without force the directory has to be empty.  With force a volume that has an identity keeps its id and changes hands,
    and one with other files gets an identity beside them.  Raises VolumeError.
    """
    check_id("hub", archiver)
    if not root.is_dir():
        raise VolumeError(f"volume {root} does not exist", remedy="mount the disk or create the directory")
    if not force and not is_empty(root):
        raise VolumeError(f"volume {root} is not empty", remedy=f"choose an empty directory, or run {force_command(root)}")
    try:
        found = read_identity(root)
    except VolumeError:
        if not force:
            raise
        found = None  # an operator who forces has seen that the old identity is damaged
    identity = Identity(found.volume if found else uuid4().hex, archiver)
    write_identity(root, identity)
    KnownVolumes(state_dir).remember(root, identity.volume)
    return identity


_REMEMBERING: Final = threading.Lock()
"""Volumes are opened each on its own thread, and remembered in one file."""


class KnownVolumes:
    """`volumes.json` in the state directory: which volume id was last seen under which path."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir, self._path = state_dir, state_dir / KNOWN_FILE

    def load(self) -> dict[str, str]:
        """Volume ids by path; raises VolumeError when the file is damaged, because guessing could fill the root disk."""
        try:
            data = json.loads(self._path.read_bytes())
            return {str(path): str(volume) for path, volume in data.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError) as error:
            raise VolumeError(f"{self._path} is damaged", remedy="check that every volume is mounted, then remove the file") from error

    def remember(self, root: Path, volume: str) -> None:
        with _REMEMBERING:
            known = self.load()
            if known.get(str(root)) == volume:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            publish(self._path, (json.dumps({**known, str(root): volume}, indent=2) + "\n").encode())
