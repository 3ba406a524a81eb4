"""From a url to a camera that plays: the shell around client.py, up to the first packet and after the last.

Rules: takes no decisions; opened, used and closed by one thread; every wait ends at the client's deadline.  What the camera sends
before it answers PLAY is kept, at most MAX_EARLY_BYTES of it.
"""

import secrets
import time
from typing import Final

from ...wire.errors import FormatError
from ..pyav.ingest import CameraError
from . import actions, faults
from .actions import Action, Failed, Playing
from .client import Client
from .link import Link
from .transport import Kind

MAX_EARLY_BYTES: Final = 128 << 10


class UnfitError(CameraError):
    """The camera plays, and this client cannot record all of it: another engine may."""


class CommonError(CameraError):
    """Any engine would have met it: nobody answers, or the camera refuses before it has described what it has."""


class Opened:
    """A session that plays: `playing` has its tracks, `early` what belongs in front of what the connection brings next."""

    def __init__(self, url: str, transport: Kind, *, whole: bool = False) -> None:
        """Raises CameraError, UnfitError for what another engine may do, see Client; then everything is closed."""
        self.link = Link()
        self.early = b""
        self.playing: Playing | None = None
        self.over: Failed | None = None
        self.ended = False
        try:
            self.client = Client(url, transport, lambda: secrets.token_hex(8), whole=whole)
            self.perform(self.client.start(time.monotonic()))
            while not self._plays():
                self._wait()
            self.early += self.client.rest()
        except FormatError as error:
            self.link.close()
            raise _error(faults.malformed(error)) from error
        except BaseException:
            self.link.close()
            raise

    def _wait(self) -> None:
        deadline = self.client.next_deadline()
        now = time.monotonic()
        try:
            data = self.link.read((deadline or now) - now)
        except TimeoutError:
            self.handle(actions.Tick())
        except OSError as error:
            self.handle(actions.Lost(_why(error)))
        else:
            self.handle(actions.Received(data) if data else actions.Lost("it ends the connection"))
            self.handle(actions.Tick())  # a camera that goes on sending without an answer, drop by drop or in floods, has no more time

    def _plays(self) -> bool:
        """Whether it has come to that; raises what it came to instead."""
        if self.over is not None:
            raise _error(self.over)
        return self.playing is not None

    def failure(self) -> CameraError | None:
        """Why the session is over, or None when it is not, or ended in peace."""
        return None if self.over is None else _error(self.over)

    def handle(self, event: actions.Event) -> None:
        self.perform(self.client.handle(event, time.monotonic()))

    def catch_up(self) -> None:
        """Send what the connection did not take while nothing was to wait for it."""
        if self.link.backlog:
            self.perform([actions.Send(b"")])

    def perform(self, todo: list[Action]) -> None:
        """Do what the client wants, and tell it what came of it."""
        queue = list(todo)
        while queue:
            action = queue.pop(0)
            queue += self._done(action)

    def _done(self, action: Action) -> list[Action]:
        now = time.monotonic()
        left = max((self.client.next_deadline() or now) - now, 0.001)
        try:
            match action:
                case actions.Connect(host, port):
                    self.link.connect(host, port, left)
                    return self.client.handle(actions.Connected(), time.monotonic())
                case actions.Send(data):
                    self.link.send(data, left)
                case actions.OpenPorts():
                    return self.client.handle(actions.Ports(*self.link.open_pair()), time.monotonic())
                case actions.OpenWay(pair, server):
                    self.link.open_way(pair, server)
                case actions.Media(channel, data) if len(self.early) < MAX_EARLY_BYTES:
                    self.early += b"$" + bytes([channel]) + len(data).to_bytes(2, "big") + data
                case Playing():
                    self.playing = action
                case Failed():
                    self.over = action
                case actions.Close():
                    self.ended = True
        except OSError as error:
            return self.client.handle(actions.Lost(_why(error)), time.monotonic())
        return []

    def close(self) -> None:
        """Tell the camera, do not wait for what it says, and close."""
        if self.over is None and not self.ended:
            self.handle(actions.Stop())
        self.link.close()


def _why(error: OSError) -> str:
    return "it does not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)


def _error(failure: Failed) -> CameraError:
    kind = UnfitError if failure.unfit else CommonError if failure.common else CameraError
    return kind(failure.status, failure.why, remedy=failure.remedy)
