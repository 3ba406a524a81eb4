"""Who wants to be called when something changed.

Rules: `listen` and what it returns may be called from any thread, also by one that is being called; called are those of the moment.
"""

import threading
from collections.abc import Callable

Call = Callable[[], None]


class Listeners:
    """A set of calls; whoever owns it calls `tell`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: set[Call] = set()

    def listen(self, changed: Call) -> Call:
        """Call `changed` from now on, until the returned function is called."""
        with self._lock:
            self._calls.add(changed)

        def end() -> None:
            with self._lock:
                self._calls.discard(changed)

        return end

    def tell(self) -> None:
        with self._lock:
            calls = list(self._calls)
        for call in calls:
            call()
