"""What `agent status` prints fits a terminal, and says a reason once."""

from watchkeep.agent.control import show
from watchkeep.agent.control.model import Status
from watchkeep.agent.replicate.overview import Copies, Lane, Overview
from watchkeep.wire.causes import CameraStatus, Protection
from watchkeep.wire.messages import AgentBeacon, ArchiverLink, CameraState

WHY = "http://archiver-in-the-cellar.example.net:9701 cannot be reached (connection refused by the other side)"


def test_a_long_reason_is_said_once_and_in_eighty_columns() -> None:
    link = ArchiverLink(archiver="a", healthy=False, why=WHY, since_s=0.0, received=0, durable=0, missing=9, sent_bytes=0)
    beacon = AgentBeacon(agent="edge-1", site="s", version="1", online=True, boot="b", beat=1, sent_s=0.0, cameras=2, links=(link,))
    cameras = [CameraState(camera=name, agent="edge-1", boot="b", status=CameraStatus.RECORDING, since_s=0.0, protection_since_s=0.0,
                           protection=Protection.UNPROTECTED, protection_why=f"a: {WHY}") for name in ("cam0", "cam1")]  # fmt: skip
    copies = tuple(Copies(camera.camera, 2, ("a", "b"), ("a", "b"), (), "", {"a": {"owed": 9}}) for camera in cameras)
    lines = list(show.status(Status(beacon=beacon, cameras=cameras, replication=Overview(copies, (Lane("a", "unhealthy", 2, 1, 9, 0),)))))
    assert max(map(len, lines)) <= show.WIDTH
    text = " ".join(" ".join(lines).split())
    assert text.count(WHY) == 1
    assert text.count("unprotected (a: see above); 2 of a, b wanted") == 2
    assert [line for line in lines if line.startswith("    a: ")] == ["    a: 9 owed"] * 2
