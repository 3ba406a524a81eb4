"""What an agent makes of a directory's answers, and what it says of cameras that are left to it.  No I/O, no clock, no threads.

Rules: whom it asks and when an answer is of use is as for all who follow (wire/follow.py).  A document for another agent, or with one
camera twice, is refused.
"""

from collections.abc import Callable, Mapping

from ...wire import follow
from ...wire.begun import written
from ...wire.desired import AgentDesired
from ...wire.ids import epoch_term


class Follower(follow.Follower[AgentDesired]):
    """What is known of the directory; one thread."""

    def wrong(self, document: AgentDesired) -> str:
        if document.agent != self._name:
            return f"it is for agent {document.agent} of site {document.site}"
        ids = [camera.id for camera in document.cameras]
        return "it names a camera twice" if len(set(ids)) != len(ids) else ""

    def begun(self, epochs: Callable[[], Mapping[str, int]]) -> str:
        """What to say with the next question of cameras that another agent is leaving to this one (wire/begun.py): those that it records.

        epochs: of each camera's newest chunk, so that what is said has been cut, and does not only wait in a ring.
        """
        relieved = [one for one in self.taken.cameras if one.relieves] if self.taken is not None else []
        if not relieved:
            return ""
        newest = epochs()
        return written({one.id: one.term for one in relieved if epoch_term(newest.get(one.id, 0)) >= one.term})
