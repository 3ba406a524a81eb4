"""What is seen of a camera's network and of its clock while it is read, over all of its sessions.  No I/O, no clock.

Rules: one thread at a time writes, whoever reads the camera; others look.  A clock is only reported, never followed: stream time is
anchored to the recorder's (invariant 10), whatever a camera believes.
"""

from dataclasses import dataclass

from .rtcp import SenderReport


@dataclass(slots=True)
class Quality:
    lost_packets: int = 0
    """RTP packets that never came, or so late that nothing waited for them any more."""
    clock_ahead_s: float | None = None
    """How far the camera's clock is ahead of ours, by the last sender report of the picture; None when it has sent none."""

    def begin(self) -> None:
        """Another session, maybe of another camera, or read by PyAV, which does not tell."""
        self.clock_ahead_s = None

    def heard(self, report: SenderReport, utc_ns: int) -> None:
        """A report that has just come.  It was under way for milliseconds, and waited for a tick: tenths of a second are what it tells."""
        if report.ntp:  # RFC 3550, 6.4.1: a camera without a clock says 0
            self.clock_ahead_s = round((report.utc_ns - utc_ns) / 1e9, 1) + 0.0  # -0.0 would be shown
