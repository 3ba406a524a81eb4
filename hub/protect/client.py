"""Locks of an archiver over HTTP, for the command line.

Rules: asking is hub/remote.py's; here is only what is asked.
"""

from typing import Final
from urllib.parse import quote

from pydantic import TypeAdapter

from ...wire import http
from ..remote import Remote
from .model import LockRequest, LockState

_ONE: Final = TypeAdapter(LockState)
_LIST: Final = TypeAdapter(list[LockState])


class LockClient:
    """Requests to the archiver at a URL; raises what Remote raises."""

    def __init__(self, url: str) -> None:
        self._remote = Remote(url)

    def add(self, request: LockRequest) -> LockState:
        return self._remote.ask(_ONE, "POST", http.LOCKS, request.model_dump_json().encode())

    def list(self) -> list[LockState]:
        return self._remote.ask(_LIST, "GET", http.LOCKS)

    def remove(self, lock_id: str) -> LockState:
        """What it was."""
        return self._remote.ask(_ONE, "DELETE", http.lock(quote(lock_id, safe="")))
