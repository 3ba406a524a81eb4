"""The state that a camera shows, and when to try again.  No I/O, no clock.

    status        event         becomes
    ───────────   ───────────   ──────────────────────────────
    any           frame         recording
    any           no key frame  connecting, until the first key frame
    any           fault(s)      s: connecting | stalled | unauthorized | unsupported
    any           ended         connecting
    any           turned        connecting, and the first pause again
    any           afresh        the same, and the first pause again

Rules: retries for ever, pause 0.5 s (or what the camera's profile says: never less than that) doubling to 30 s, each with
jitter of +-25 %, and back to the first pause after 10 s of recording; a camera that refuses its credentials is asked every
30 s at most, because cameras lock accounts.
"""

from dataclasses import dataclass

from ..wire.causes import CameraStatus

FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 30.0
STEADY_S = 10.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What operators see of a camera's ingest."""

    status: CameraStatus
    since_s: float
    why: str


class CameraLife:
    """State and retry pauses of one camera.  Times are UTC seconds for show and monotonic for pauses."""

    def __init__(self, utc_s: float, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self.shown = Shown(CameraStatus.CONNECTING, utc_s, "starting")
        self.reconnects = 0
        self._first, self._most = first_pause_s, max(first_pause_s, MAX_PAUSE_S)
        self._pause = first_pause_s
        self._recording_since: float | None = None

    def frame(self, utc_s: float, now: float) -> bool:
        """A frame arrived; True when the shown state changed."""
        if self._recording_since is None:
            self._recording_since = now
            return self._show(CameraStatus.RECORDING, utc_s, "")
        return False

    def recorded_s(self, now: float) -> float:
        """For how long the session has been recording; 0 when it has not."""
        return 0.0 if self._recording_since is None else now - self._recording_since

    def waits(self, why: str, utc_s: float) -> bool:
        """The session is open and gives nothing that can be recorded yet; True when the shown state changed."""
        return self._recording_since is None and self._show(CameraStatus.CONNECTING, utc_s, why)

    def failed(self, status: CameraStatus, why: str, utc_s: float, now: float) -> bool:
        """The session could not be opened or broke; True when the shown state changed."""
        steady = self._recording_since is not None and now - self._recording_since >= STEADY_S
        if steady:
            self._pause = self._first
        self._recording_since = None
        self.reconnects += 1
        return self._show(status, utc_s, why)

    def turned(self, utc_s: float, first_pause_s: float) -> bool:
        """Its address or make was changed: what is known of its faults is of the old one.  True when the shown state changed."""
        self._first, self._most = first_pause_s, max(first_pause_s, MAX_PAUSE_S)
        self._pause, self._recording_since = first_pause_s, None
        return self._show(CameraStatus.CONNECTING, utc_s, "its configuration has changed")

    def afresh(self) -> None:
        """What it failed for may be over: the next pause is the first one again."""
        self._pause = self._first

    def pause_s(self, jitter: float) -> float:
        """How long to wait before the next try; jitter is a random number from 0 to 1.

        A profile may ask for no pause at all: that holds for the first try only, a camera that is gone is not hammered.
        """
        if self.shown.status is CameraStatus.UNAUTHORIZED:
            self._pause = self._most
        pause, self._pause = self._pause, min(max(self._pause * 2, FIRST_PAUSE_S), self._most)
        return max(pause * (0.75 + jitter / 2), self._first)

    def _show(self, status: CameraStatus, utc_s: float, why: str) -> bool:
        changed = (status, why) != (self.shown.status, self.shown.why)
        if changed:
            self.shown = Shown(status, utc_s, why)
        return changed
