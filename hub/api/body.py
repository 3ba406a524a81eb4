"""The JSON body of a request: small, soon, and of one model.

Rules: a body is bounded in bytes and in time before anything of it is looked at; FastAPI's own reading bounds neither.
"""

import asyncio
from typing import Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from ...wire import http
from .errors import ApiError

M = TypeVar("M", bound=BaseModel)

MAX_BODY_BYTES: Final = 16 << 10
"""Of a lock, the longest there is: owner and reason of 600 characters, each as an escape of 12 bytes, are 7 kB."""
BODY_S: Final = 10.0


async def asked(request: Request, model: type[M], max_bytes: int = MAX_BODY_BYTES, limit_s: float | None = None) -> M:
    """What the body asks for; raises ApiError when it is too long, late, or not what the model wants.  limit_s: BODY_S when None."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S if limit_s is None else limit_s):
            async for part in request.stream():
                body += part
                if len(body) > max_bytes:
                    raise ApiError(http.OVERSIZE, f"the body is over {max_bytes} bytes", remedy="shorten its texts", close=True)
        return model.model_validate_json(bytes(body))
    except (TimeoutError, ClientDisconnect) as error:
        raise ApiError(http.TRUNCATED, "the body ended early", remedy="send it again", close=True) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(["body", *map(str, first["loc"])])
        raise ApiError(http.BAD_REQUEST, f"{where}: {first['msg']}", remedy="see /docs for what this address takes") from error
