"""How an archiver keeps video by what the directory says and its own hub.toml.  No I/O, no clock.

    hub.toml has retention_days   the directory                                    days
    ───────────────────────────   ──────────────────────────────────────────────   ───────────────────────────────────────
    yes                           whatever it says                                 hub.toml's
    no                            a document with days                             its days, MIN_DAYS at least
    no                            a document without, or no such archiver          the default
    no                            has not said anything yet                        not known: age deletes nothing

    days are said ──longer──▶ they count          the start ─▶ spared for ever
                  └─shorter─▶ what counted until then is spared for another UNDO_S ──▶ they count

Rules: what the box's own file says wins, as with agents.  A number that somebody mistyped, or that a server said which lags behind, can be
put right before it deletes anything; so can one that was changed while this hub was down, hence the start.  Days of single cameras in
hub.toml, evidence locks and the floor of free space are as ever.  That a document does not go back is for wire/follow.py to see to.
"""

from typing import Final

from ...wire import follow
from ...wire.desired import ArchiverDesired

MIN_DAYS: Final = 1.0
"""The directory deletes nothing that is younger.  Who wants less says so in hub.toml."""
UNDO_S: Final = 3600.0
"""An event tells the new days at once; an hour is for who reads it."""
FOR_EVER: Final = 36_500.0


class Follower(follow.Follower[ArchiverDesired]):
    """What is known of the directory; one thread."""

    SECTION = "hub"

    def wrong(self, document: ArchiverDesired) -> str:
        if document.archiver != self._name:
            return f"it is for archiver {document.archiver} of site {document.site}"
        ids = [peer.id for peer in document.peers]
        return "it names an archiver twice" if len(set(ids)) != len(ids) else ""


class Retention:
    """Which days count; for a hub.toml that does not say.  One thread.  Every `now` is monotonic."""

    def __init__(self, default: float, taken: ArchiverDesired | None, now: float) -> None:
        """taken: what was taken up before the start."""
        self._default = default
        self._known = taken is not None
        self.days = _said(taken, default)
        """What is wanted; the default while nothing is known."""
        self.spared = FOR_EVER
        """What is younger than these days is not deleted for its age, though it may be older than `days`; 0: nothing is spared."""
        self._until = now + UNDO_S

    def heard(self, document: ArchiverDesired | None, now: float) -> str:
        """It was taken up; None: the directory has no such archiver.  Returns what to tell operators, empty when nothing changes."""
        if document is None and self._known:
            return ""
        wanted, old = _said(document, self._default), self.days
        if not self._known or wanted < old:
            self.spared, self._until = max(self.spared, old), now + UNDO_S
        self._known, self.days = True, wanted
        if wanted == old:
            return ""
        by = "as nobody says otherwise"
        if document is not None and document.retention_days is not None:
            by = f"as the directory says at {document.term}.{document.index}"
            if document.retention_days < wanted:
                by += f" (it says {document.retention_days:g}; less than {MIN_DAYS:g} only hub.toml can say)"
        deletes = f": what is older is deleted in {UNDO_S / 60:g} minutes" if wanted < old else ""
        return f"video is kept for {wanted:g} days from now on, {old:g} before, {by}{deletes}"

    def tick(self, now: float) -> bool:
        """Whether what was spared is spared no more."""
        if not self._known or self.spared == 0 or now < self._until:
            return False
        self.spared = 0.0
        return True


def _said(document: ArchiverDesired | None, default: float) -> float:
    return default if document is None or document.retention_days is None else max(document.retention_days, MIN_DAYS)


def peers(document: ArchiverDesired | None) -> dict[str, str]:
    """The archivers to compare with that can be reached as the directory says."""
    return {one.id: one.url for one in document.peers if one.url.startswith("http://")} if document is not None else {}
