"""When a server may lead although backups may know more than it does.  No I/O, no clock.

    own journal   its folders                                         then
    any           each has been read                                  it takes on what continues its journal, and may lead
    not empty     some do not answer for WAIT_S, or cannot be read    it may lead with what it has, or has got from the others
    empty         some do not answer or cannot be read, one was read  the same
    empty         none can be read                                    it does not lead: an empty site would replace the one in the backups

Rules: folders are read as soon as this server runs, and every LOOK_S after that, so that nothing has to be waited for when the leader dies;
a folder that was read once counts as read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOOK_S: Final = 30.0
"""How far behind a folder its copy may be; what it costs is one listing of a folder."""
WAIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Note:
    """What operators are told."""

    text: str
    remedy: str = ""


class Seen(StrEnum):
    """What a server knows of one folder since its start."""

    NOT_YET = "not yet"
    READ = "read"
    FAILED = "failed"


def ready(index: int, folders: Sequence[Seen], waited_s: float) -> bool:
    """Whether the server may lead, once it has taken on what there is.

    index: the end of its own journal; waited_s: since something was last read.
    """
    if Seen.NOT_YET in folders and waited_s < WAIT_S:
        return False
    return index > 0 or Seen.READ in folders


def refusal(folders: Sequence[str]) -> Note:
    """What operators are told of a server that does not lead."""
    text = f"this directory server has no journal and cannot read its backups in {', '.join(folders)}: it does not lead"
    return Note(f"{text}, lest an empty site replaces theirs",
                "mount them, start another server, or remove [directory.backup] if this is a new site")  # fmt: skip
