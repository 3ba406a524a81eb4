"""What this server and the others have seen of the site, in memory and on disk; copied from whoever watches.

    wk-dir-health ──look()──▶ own log ─┐
    wk-dir-records ── every PULL_S: what do you have behind mine? ──▶ the server that watches; now and then all others ─▶ copies
                   └─ writes what is new to data_dir/health/

Rules: the watching thread never waits for a disk or another server.  Every server has a copy of what the others have seen, so a leader that
dies with its disk takes two PULL_S of it along.  Of its own log a server gives away what is on its disk, so that no number is given to
two lines by a crash.  A copy that cannot be had or written costs history, and is tried again.

Bounds: MAX_LOGS logs (record.py), the ones that ended first go first; one question under way, ASK_S; PAGE lines of a log in an answer.
"""

import logging
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ....wire import http
from ....wire.shell.threads import Supervised
from ..availability import Availability
from ..doer import doer
from ..errands import Errands
from ..link import LinkError
from ..roles import HEALTH
from ..server import DirectoryServer
from .logfile import LogFile
from .measure import measured
from .model import LogText, Records, RecordsQuestion, Standing
from .record import Line, Log

log = logging.getLogger(__name__)
FOLDER: Final = "health"
SUFFIX: Final = ".jsonl"
PULL_S: Final = 5.0
EVERYBODY: Final = 12
"""Every so many pulls all servers are asked: one that was away, or led apart, has what nobody else has."""
ASK_S: Final = 3.0
STOP_S: Final = 6.0
MAX_LOGS: Final = 14
"""Twice MAX_SERVERS: those of before and after a change of all servers, or of their disks."""
PAGE: Final = 5000


class Recorder:
    """start() once, stop() once, after whoever calls look(); everything else from any thread."""

    def __init__(self, data_dir: Path, server: DirectoryServer) -> None:
        self._folder, self._server = data_dir / FOLDER, server
        self._lock = threading.Lock()
        self._name = f"{server.me}.{secrets.token_hex(4)}"
        self._logs: dict[str, Log] = {}
        self._files: dict[str, LogFile] = {}
        self._told = ""
        self._errands = Errands(server.me)
        self._thread = Supervised("wk-dir-records", self._run)

    def start(self) -> None:
        """Read what there is; a folder that cannot be read costs history, not the start."""
        try:
            self._folder.mkdir(exist_ok=True)
            self._read()
        except OSError as error:
            self._tell(error)
        self._thread.start()

    def stop(self) -> None:
        self._thread.stop()
        self._errands.abort()
        self._thread.join(STOP_S)

    def _read(self) -> None:
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            name = path.name.removesuffix(SUFFIX)
            self._files[name] = LogFile(path)
            self._logs[name] = self._files[name].read()
            if not self._files[name].whole:
                log.warning("a part of what was seen of the site is damaged, the rest of it counts", extra={"file": str(path)})
        mine = [name for name, file in self._files.items() if name.rpartition(".")[0] == self._server.me and file.whole]
        if mine:  # one with a damaged end may have been copied further, so its numbers are not gone on with
            self._name = max(mine, key=lambda name: self._logs[name].until_s)
            self._logs[self._name].end()  # this process has not watched yet, whatever the last one did

    # -- the watching thread -------------------------------------------------------------------------------------------

    def look(self, states: Mapping[str, Standing], at_s: float) -> None:
        """Everybody as this server sees it now."""
        with self._lock:
            self._logs.setdefault(self._name, Log()).look(states, at_s)

    def end(self, at_s: float) -> None:
        """This server watches no more."""
        with self._lock:
            self._logs.setdefault(self._name, Log()).end(at_s)

    # -- questions -----------------------------------------------------------------------------------------------------

    def measured(self, start_s: float, end_s: float) -> dict[str, Availability]:
        """Of everybody, by kind/id."""
        with self._lock:
            return measured(self._logs.values(), start_s, end_s)

    def records(self, asked: RecordsQuestion) -> Records:
        """What another server has not got yet."""
        with self._lock:
            found = {name: self._text(name, one, asked.have.get(name)) for name, one in self._logs.items() if one.base or one.lines}
        return Records(logs={name: text for name, text in found.items() if text is not None})

    def _text(self, name: str, one: Log, have: int | None) -> LogText | None:
        file = self._files.get(name)
        known = one.number if name != self._name else file.written if file is not None else -1
        fresh = None if have is None else one.after(have)
        lines = [line for line in (one.lines if fresh is None else fresh) if line.number <= known]
        if known < one.base_number:
            return None
        page = lines[:PAGE]
        following = one.following(page[-1].number if page else known)
        until_s = one.until_s if following is None else following.at_s
        return LogText(base_s=one.base_s, base_number=one.base_number, base=one.base if fresh is None else None,
                       lines=[(line.number, line.at_s, line.key, line.state) for line in page], until_s=until_s)  # fmt: skip

    # -- the thread that keeps -----------------------------------------------------------------------------------------

    def _run(self, stop: threading.Event) -> None:
        turn = 0
        try:
            while not stop.wait(PULL_S):
                self._pull(everybody=turn % EVERYBODY == 0)
                self._write()
                turn += 1
        finally:
            self._write()
            self._errands.close()

    def _pull(self, *, everybody: bool) -> None:
        urls = {name: status.url for name, status in self._server.servers().items() if status.url and name != self._server.me}
        watching = doer(self._server, HEALTH)
        for name, url in urls.items():
            if everybody or (watching is not None and watching.id == name):
                self._ask(name, url)

    def _ask(self, server: str, url: str) -> None:
        with self._lock:
            have = {name: one.number for name, one in self._logs.items()}
        try:
            body = RecordsQuestion(have=have).model_dump_json().encode()
            reply = self._errands.send(url, "POST", http.DIRECTORY_RECORDS, body, limit_s=ASK_S)
            if reply.status == 200:
                self._take(Records.model_validate_json(reply.body))
        except (LinkError, ValidationError) as error:
            log.debug("no copy of what a server has seen", extra={"server": server, "why": type(error).__name__})

    def _take(self, found: Records) -> None:
        with self._lock:
            for name, text in found.logs.items():
                if name == self._name:
                    continue
                if text.base is not None:
                    self._logs[name] = Log(text.base_s, text.base_number, text.base)
                if name in self._logs:
                    self._logs[name].take((Line(*line) for line in text.lines), text.until_s)

    def _write(self) -> None:
        with self._lock:
            oldest = sorted((name for name in self._logs if name != self._name), key=lambda name: self._logs[name].until_s)
            for name in oldest[: max(0, len(self._logs) - MAX_LOGS)]:
                del self._logs[name]
            logs = dict(self._logs)
        try:
            for name in self._files.keys() - logs.keys():
                self._files.pop(name).path.unlink(missing_ok=True)
            for name, one in logs.items():
                file = self._files.setdefault(name, LogFile(self._folder / f"{name}{SUFFIX}"))
                with self._lock:
                    snapshot = one.copy()
                file.write(snapshot)
        except OSError as error:
            self._tell(error)
        else:
            self._told = ""

    def _tell(self, error: OSError) -> None:
        why = error.strerror or str(error)
        if why != self._told:
            self._told = why
            log.warning("what was seen of the site cannot be kept on disk, and is tried again",
                        extra={"folder": str(self._folder), "why": why, "remedy": "check the disk of data_dir"})  # fmt: skip

