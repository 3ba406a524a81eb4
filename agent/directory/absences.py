"""Which archivers are away as planned, by what the directory told last.  No I/O, no clock, no threads.

    directory: absences with begin and end in UTC ──▶ left_s(archiver, now) ──▶ as if the archiver had announced it in its answer

Rules: the recorder's own wall clock says whether it is time.  One that is wrong finds no absence, and then a silent archiver is replaced as
ever; or one that is over, and then what health.py bounds is bridged.  Recording depends on it in neither case.
"""

from ...wire.desired import AgentDesired, DesiredAbsence


class Absences:
    """told() replaces everything at once, so left_s() may be called from any thread."""

    def __init__(self) -> None:
        self._known: tuple[DesiredAbsence, ...] = ()

    def told(self, document: AgentDesired | None) -> None:
        """This is what the directory wants now; None: there is none."""
        self._known = document.absences if document is not None else ()

    def left_s(self, archiver: str, utc_s: float) -> float:
        """What is left of its absence; 0 outside of one."""
        return max((one.end_s - utc_s for one in self._known if one.archiver == archiver and one.start_s <= utc_s < one.end_s), default=0.0)
