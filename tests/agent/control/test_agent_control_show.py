"""What `agent status` prints fits a terminal, and says a reason once."""

import pytest

from watchkeep.agent.control import show
from watchkeep.agent.control.model import Status
from watchkeep.agent.replicate.overview import Copies, Lane, Overview
from watchkeep.wire.causes import CameraStatus, Protection
from watchkeep.wire.messages import AgentBeacon, ArchiverLink, CameraState

BEACON = AgentBeacon(agent="edge-1", site="s", version="1", online=True, boot="b", beat=1, sent_s=0.0)
WHY = "http://archiver-in-the-cellar.example.net:9701 cannot be reached (connection refused by the other side)"


def test_a_long_reason_is_said_once_and_in_eighty_columns() -> None:
    link = ArchiverLink(archiver="a", healthy=False, why=WHY, since_s=0.0, received=0, durable=0, missing=9, sent_bytes=0)
    beacon = BEACON.model_copy(update={"cameras": 2, "links": (link,)})
    cameras = [CameraState(camera=name, agent="edge-1", boot="b", status=CameraStatus.RECORDING, since_s=0.0, protection_since_s=0.0,
                           protection=Protection.UNPROTECTED, protection_why=f"a: {WHY}") for name in ("cam0", "cam1")]  # fmt: skip
    copies = tuple(Copies(camera.camera, 2, ("a", "b"), ("a", "b"), (), "", {"a": {"owed": 9}}) for camera in cameras)
    lines = list(show.status(Status(beacon=beacon, cameras=cameras, replication=Overview(copies, (Lane("a", "unhealthy", 2, 1, 9, 0),)))))
    assert max(map(len, lines)) <= show.WIDTH
    text = " ".join(" ".join(lines).split())
    assert text.count(WHY) == 1
    assert text.count("unprotected (a: see above); 2 of a, b wanted") == 2
    assert [line for line in lines if line.startswith("    a: ")] == ["    a: 9 owed"] * 2


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({}, ""), ({"clock_ahead_s": -1.9}, ""),
        ({"damaged_frames": 1, "lost_packets": 7, "clock_ahead_s": 3600.2}, "; 1 frame damaged, 7 packets lost; its clock is 3600 s ahead"),
        ({"clock_ahead_s": -2.0}, "; its clock is 2 s behind"),
    ],
)  # fmt: skip
def test_a_network_and_a_clock_are_told_of_when_they_are_worth_it(seen: dict[str, float], said: str) -> None:
    state = CameraState(camera="cam0", agent="edge-1", boot="b", status=CameraStatus.RECORDING, since_s=0.0, protection_since_s=0.0,
                        protection=Protection.PROTECTED)  # fmt: skip
    found = Status(beacon=BEACON, cameras=[state.model_copy(update=seen)],
                   replication=Overview((Copies("cam0", 1, ("a",), ("a",), (), "", {}),), ()))  # fmt: skip
    text = " ".join(" ".join(show.status(found)).split())
    assert text.endswith(f"cam0: recording, protected; 1 of a wanted, goes to a{said}")


def test_a_disk_that_takes_nothing_stands_behind_the_agent_with_its_reason_and_since_when() -> None:
    broken = BEACON.model_copy(update={"disk_why": "it is gone", "disk_since_s": 1_800_000_000.0})
    well, ill = (Status(beacon=one, cameras=[], replication=Overview((), ())) for one in (BEACON, broken))
    assert shown(ill) == (f"{shown(well)} its disk takes nothing since 2027-01-15 08:00:00Z, new video is in RAM alone until "
                          "archivers have it: it is gone")  # fmt: skip


def shown(found: Status) -> str:
    return " ".join(" ".join(show.status(found)).split())
