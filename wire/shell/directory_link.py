"""The thread that follows the directory, of agents and archivers: asks, keeps what was taken up on disk, and hands it on.

    ask (held by the server) ─▶ wire/follow.py: news? ─▶ taken() ─▶ desired.json          the start: desired.json ─▶ document

Rules: the thread owns the client; nothing waits for it.  What cannot be kept on disk is taken up all the same, and told.  A server that is
of no use is told once for each reason, not at each try.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from pydantic import ValidationError

from ..desired import Document
from ..errors import WatchkeepError
from ..follow import Follower, Verdict
from .directory_client import MAX_ANSWER_BYTES, DirectoryClient
from .files import publish
from .threads import Supervised

log = logging.getLogger(__name__)
CACHE: Final = "desired.json"
MAX_TOLD: Final = 32
"""Servers whose reason is remembered; of more, as when mDNS shows ever other addresses, all are told anew."""
LOOK_S: Final = 1.0
"""How often is looked whether mDNS has found the first server."""
STOP_S: Final = 4.0
"""A connect under way ends within its time-out of 2 s."""

D = TypeVar("D", bound=Document)


class DirectoryLink(Generic[D]):
    """start() once, stop() once, also when it was not started."""

    def __init__(self, cache: Path, follower: Follower[D] | None, client: DirectoryClient[D], ask: Callable[[Follower[D]], D | None],
                 taken: Callable[[], None], asked: Callable[[WatchkeepError | None], None] = lambda _: None, *,
                 found: Callable[[], Sequence[str]] | None = None) -> None:  # fmt: skip
        """`ask` asks the follower's server, by `client`.  On the thread: `taken` is called when `document` is another one, `asked` after
        every question, with why its answer was of no use, `found` before it, for the servers that are known by then, where the follower was
        made without a list.  Without a follower there is no directory."""
        self._cache, self._follower, self._client, self._ask = cache, follower, client, ask
        self._taken, self._asked, self._found, self._told = taken, asked, found, dict[str, str]()
        self._behind = False
        """What is known is not taken up yet: it is tried again with the next answer, also when that brings nothing new."""
        self._thread = Supervised("wk-directory", self._run)

    @property
    def document(self) -> D | None:
        """What was taken up last; None without a directory, or before its first answer."""
        return self._follower.taken if self._follower is not None else None

    @property
    def at(self) -> tuple[int, int]:
        """(term, index) of `document`; (0, 0) without one."""
        return self._follower.at if self._follower is not None else (0, 0)

    def start(self) -> None:
        if self._follower is not None:
            self._thread.start()

    def stop(self) -> None:
        self._thread.stop()
        self._client.abort()
        self._thread.join(STOP_S)

    @property
    def stragglers(self) -> list[str]:
        """The thread, when stop() did not end it: a look-up of a name, or a connect, that nothing can interrupt."""
        return [self._thread.name] if self._thread.alive else []

    def _run(self, stop: threading.Event) -> None:
        follower = self._follower
        assert follower is not None, "started with a directory"
        while not stop.is_set():
            if self._found is not None:
                follower.use(self._found())
            if not follower.server:
                stop.wait(LOOK_S)
                continue
            server, began = follower.server, time.monotonic()
            try:
                verdict = follower.answered(self._ask(follower))
            except WatchkeepError as error:
                self._tell(server, error, stop)
                self._asked(error)
                stop.wait(follower.missed(random.random()))
                continue
            self._told.pop(server, None)
            self._behind = self._behind or verdict is Verdict.NEWS
            if self._behind:
                self._taken()
                self._keep(follower)
                self._behind = False
            self._asked(None)
            stop.wait(follower.pause(verdict, time.monotonic() - began))
        self._client.close()

    def _keep(self, follower: Follower[D]) -> None:
        assert follower.taken is not None, "there was news"
        try:
            publish(self._cache, follower.taken.model_dump_json().encode())
        except OSError as error:
            log.warning("what the directory wants is taken up and cannot be kept for the next start",
                        extra={"why": error.strerror or str(error), "remedy": "free space on the disk of data_dir"})  # fmt: skip

    def _tell(self, server: str, error: WatchkeepError, stop: threading.Event) -> None:
        if not stop.is_set() and self._told.get(server) != error.message:
            if len(self._told) >= MAX_TOLD:
                self._told.clear()
            self._told[server] = error.message
            log.warning("a directory server is of no use now", extra={"server": server, "why": error.message, "remedy": error.remedy})


def cached(file: Path, model: type[D]) -> D | None:
    """What was kept; nothing when it cannot be read: then the directory says it again."""
    try:
        with file.open("rb") as stream:
            return model.model_validate_json(stream.read(MAX_ANSWER_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("what the directory wanted last cannot be read",
                    extra={"file": str(file), "why": type(error).__name__, "remedy": "none is needed: the directory says it again"})
        return None
