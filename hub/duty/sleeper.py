"""The thread that puts a standby's machine to sleep, `wk-hub-standby`, when standby.py says so.

Rules: runs only with a sleep_command; looks once a second, asks the store only when all else agrees.  The command gets COMMAND_S.
What is acknowledged as durable is on the disk before; a request that comes meanwhile is answered before or after the sleep.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from ...wire.shell.threads import Supervised
from .standby import Standby, Standing

log = logging.getLogger(__name__)
LOOK_S: Final = 1.0
COMMAND_S: Final = 60.0
MAX_SAID: Final = 300
"""Characters of what a command that failed has said."""


class Sleeper:
    """start() once, stop() once."""

    def __init__(self, command: Sequence[str], sleep_after_s: float, standing: Callable[[], Standing], unsynced: Callable[[], bool],
                 tell: Callable[[str, str], None]) -> None:  # fmt: skip
        """`tell` makes an event of a text and a remedy."""
        self._command, self._standing, self._unsynced, self._tell = list(command), standing, unsynced, tell
        self._standby = Standby(sleep_after_s, time.monotonic())
        self._thread = Supervised("wk-hub-standby", self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A command under way ends first, within COMMAND_S."""
        self._thread.stop()
        self._thread.join(COMMAND_S)

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(LOOK_S):
            if self._standby.due(time.monotonic(), self._standing()) and not self._unsynced():
                self._sleep()
                self._standby.slept(time.monotonic())

    def _sleep(self) -> None:
        log.info("nobody needs this standby: it goes to sleep", extra={"command": self._command[0]})
        try:
            done = subprocess.run(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,  # noqa: S603 (the operator's command)
                                  stderr=subprocess.STDOUT, timeout=COMMAND_S, check=False)  # fmt: skip
            why = "" if done.returncode == 0 else f"exit code {done.returncode}: {done.stdout[:MAX_SAID].decode(errors='replace').strip()}"
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        if why:
            self._tell(f"standby.sleep_command failed, and this archiver stays awake: {why}", "run it by hand as the hub's user")
