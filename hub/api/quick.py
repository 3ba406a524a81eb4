"""Questions that servers ask all day long, answered in front of FastAPI: it takes more of an idle server's time than the answers do.

    POST to one of `answers` ──a whole body that is understood──▶ answered here
                              └─anything else──▶ the application, which gets the body again, and says what is wrong with it

Rules: the application has the same route, which is its definition, its description and the way of everything unusual.  An answer comes from
memory, on the event loop.  This stands behind the application's handler for bugs, so that they are answered and logged as everywhere.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from . import openapi
from .body import BODY_S

Answer = Callable[[bytes], bytes | None]
"""From body to body, both JSON; None when the application is to answer."""


class Quick:
    """ASGI middleware: `app` is the application around which it stands."""

    def __init__(self, app: Any, answers: Mapping[str, Answer]) -> None:
        self._app, self._answers = app, answers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = self._answers.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        first: Any = None
        if answer is not None:
            with suppress(TimeoutError):  # the application bounds the wait as well, and says that it was in vain
                async with asyncio.timeout(BODY_S):
                    first = await receive()
        found = answer(first.get("body", b"")) if answer is not None and _whole(first) else None
        if found is None:
            await self._app(scope, receive if first is None else _again(first, receive), send)
            return
        headers = [(b"content-type", openapi.JSON.encode()), (b"content-length", str(len(found)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found})


def _whole(first: Any) -> bool:
    return first is not None and first["type"] == "http.request" and not first.get("more_body", False)


def _again(first: Any, receive: Any) -> Any:
    """The same messages from the beginning."""
    waiting = [first]

    async def following() -> Any:
        return waiting.pop() if waiting else await receive()

    return following
