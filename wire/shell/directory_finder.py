"""Directory servers by mDNS: what a browser shows goes into the book, to whoever follows, and onto the disk for the next start.

    browser's thread ──found()──▶ wire/servers.py ──▶ servers.json          wk-directory ──urls()──▶ whom to ask

Rules: nothing waits for it; mDNS that shows nothing, or cannot run, takes nobody away.  What cannot be kept on disk is used all the same,
and told.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..mdns import Found, remembered
from ..servers import ServerBook
from .files import publish

log = logging.getLogger(__name__)
KEPT: Final = "servers.json"
MAX_BYTES: Final = 64 << 10
"""MAX_KNOWN addresses are 2 kB."""


class ServerFinder:
    """found() by one thread, urls() by any."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / KEPT
        self._book = ServerBook(remembered("server", _kept(self._file)))
        self._urls = self._book.urls()

    def urls(self) -> tuple[str, ...]:
        """Whom to ask; empty before the first was ever seen."""
        return self._urls

    def found(self, hubs: Mapping[str, Found]) -> None:
        """All hubs of the site that mDNS shows now."""
        if not self._book.found({hub.id: hub.url for hub in hubs.values() if "directory" in hub.roles}):
            return
        self._urls = self._book.urls()
        log.info("mDNS shows directory servers", extra={"servers": " ".join(self._urls)})
        try:
            publish(self._file, json.dumps(self._book.last_known()).encode())
        except OSError as error:
            log.warning("the directory servers that mDNS shows cannot be kept for the next start",
                        extra={"why": error.strerror or str(error), "remedy": "free space on the disk of data_dir"})  # fmt: skip


def _kept(file: Path) -> bytes | None:
    """None when there is nothing, or it cannot be read: then mDNS shows them again."""
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("the directory servers that mDNS showed last cannot be read",
                    extra={"file": str(file), "why": error.strerror or str(error), "remedy": "none is needed: mDNS shows them again"})
        return None
