"""The signals that a process gets, one after the other, on the thread that waits for them.

Rules: one object a process, made by its main thread, which alone may wait.  SimpleQueue.put may interrupt a get of the same thread, as a
signal handler does; Event.set could deadlock there.  Of two signals at one instant the kernel may give one to another thread, which does
not wake this one: so it looks once a second.
"""

import signal
from queue import Empty, SimpleQueue
from typing import Final

LOOK_S: Final = 1.0
AGAIN: Final = 0
"""What `again` puts in the row of signals; no signal has this number."""


class Signals:
    def __init__(self, *numbers: signal.Signals) -> None:
        """From now on they do nothing but to be waited for."""
        self._came: SimpleQueue[int] = SimpleQueue()
        for number in numbers:
            signal.signal(number, lambda received, _frame: self._came.put(received))

    def again(self) -> None:
        """Have whoever waits end its work and begin it anew; any thread."""
        self._came.put(AGAIN)

    def next(self) -> int:
        """The next one that came, or comes."""
        while True:
            try:
                return self._came.get(timeout=LOOK_S)
            except Empty:
                continue  # the look of the rule above: a handler that waits for this thread runs now
