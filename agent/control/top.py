"""What `watchkeep agent top` shows of an agent: one row for the process, one for each camera.  No I/O.

Rules: figures are those of the beacon and of the cameras' states, so that MQTT says the same.
"""

from collections.abc import Iterator
from typing import Any

from ...wire.messages import CameraState
from .model import Status

COLUMNS = ("camera", "status", "protection", "ingest", "Mbit/s", "frames", "dropped", "damaged", "reconnects", "age s", "owed")


def title(found: Status) -> str:
    beacon = found.beacon
    return (f"agent {beacon.agent}: {beacon.recording} of {beacon.cameras} cameras, {beacon.cpu_percent:.1f} % of a core, "
            f"{beacon.cpu_percent_per_camera:.3f} % a camera, {beacon.wakeups_s:.0f} wake-ups a second, {beacon.rss_mb:.0f} MB, "
            f"journal {beacon.journal_bytes / 1e9:.2f} GB")  # fmt: skip


def rows(found: Status) -> Iterator[tuple[str, ...]]:
    """In the order of COLUMNS."""
    for state in sorted(found.cameras, key=lambda one: one.camera):
        age = "" if state.chunk_age_s is None else f"{state.chunk_age_s:.1f}"
        yield (state.camera, state.status.value, state.protection.value, state.ingest, f"{state.mbit_s:.2f}", str(state.frames),
               str(state.dropped_frames), str(state.damaged_frames), str(state.reconnects), age, str(sum(state.owed.values())))  # fmt: skip


def figures(found: Status) -> dict[str, Any]:
    """The same for machines."""
    beacon = found.beacon
    return {"agent": beacon.agent, "cpu_percent": beacon.cpu_percent, "cpu_percent_per_camera": beacon.cpu_percent_per_camera,
            "wakeups_s": beacon.wakeups_s, "rss_mb": beacon.rss_mb, "cameras": [_figures(state) for state in found.cameras]}  # fmt: skip


def _figures(state: CameraState) -> dict[str, Any]:
    return {"camera": state.camera, "status": state.status.value, "protection": state.protection.value, "ingest": state.ingest,
            "ingest_why": state.ingest_why, "mbit_s": state.mbit_s, "frames": state.frames, "dropped_frames": state.dropped_frames,
            "damaged_frames": state.damaged_frames, "lost_packets": state.lost_packets, "clock_ahead_s": state.clock_ahead_s,
            "reconnects": state.reconnects, "chunk_age_s": state.chunk_age_s, "owed": sum(state.owed.values())}  # fmt: skip
