"""mDNS that follows the network: an announcement or a browser, made anew whenever this machine's addresses have changed.

    look, every LOOK_S ─▶ other addresses than the last one was opened on, or none is open ─▶ stop the old one, open another

Rules: zeroconf opens its sockets once, on the addresses that are there.  After a power cut a box is up before its switch and its DHCP
server: it would announce itself, and listen, on its loopback alone, until somebody starts it again.  Nothing waits for any of this.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from ..errors import DiscoveryError, UsageError
from .mdns import usable
from .threads import Supervised

LOOK_S: Final = 10.0
JOIN_S: Final = 8.0
"""An opening under way takes up to 3 s, and closing what it opened as long."""


class Service(Protocol):
    """Advertiser or Browser: start raises DiscoveryError or UsageError and leaves nothing behind."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Following:
    """start() and stop() once each; neither raises.  `make` gives a new Service, `off` hears why there is none, once for each reason."""

    def __init__(self, name: str, make: Callable[[], Service], interfaces: Sequence[str] | None, off: Callable[[str], None], *,
                 present: Callable[[Sequence[str] | None], list[str]] = usable) -> None:  # fmt: skip
        self._make, self._interfaces, self._off, self._present = make, interfaces, off, present
        self._open: Service | None = None
        self._on: frozenset[str] = frozenset()
        """The addresses that it was opened on."""
        self._told = ""
        self._thread = Supervised(name, self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """May take some seconds."""
        self._thread.stop()
        self._thread.join(JOIN_S)

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self.look()
                stop.wait(LOOK_S)
        finally:
            self._close()

    def look(self) -> None:
        """Open it, or open it anew, if that is due; one thread."""
        try:
            present = frozenset(self._present(self._interfaces))
            if self._open is not None and present == self._on:
                return
            self._close()
            service = self._make()
            service.start()
        except (DiscoveryError, UsageError) as error:
            self._close()
            if error.line() != self._told:
                self._told = error.line()
                self._off(self._told)
            return
        self._open, self._on, self._told = service, present, ""

    def _close(self) -> None:
        service, self._open = self._open, None
        if service is not None:
            service.stop()
