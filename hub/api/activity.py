"""When somebody asked this hub for something last.

Rules: health checks, scrapes and the directory's questions do not count: they go on whether it is needed or not.
Written on the event loop, read on any thread.
"""

from collections.abc import Callable
from typing import Any, Final

from ...wire import http

IDLE_PATHS: Final = frozenset({http.HEALTH, http.METRICS, http.FRESHNESS})


class Activity:
    """An ASGI application around another one."""

    def __init__(self, app: Any, monotonic: Callable[[], float]) -> None:
        self._app, self._monotonic = app, monotonic
        self.asked_at, self.under_way = monotonic(), 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] in IDLE_PATHS:
            await self._app(scope, receive, send)
            return
        self.under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.under_way -= 1
            self.asked_at = self._monotonic()
