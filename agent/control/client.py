"""The control socket of the agent that runs on this machine, from the command line.

Rules: one request, one answer, within ANSWER_S a read; whatever goes wrong says what to do.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ...wire.errors import UsageError, WatchkeepError
from ..home import refuge
from .model import MAX_ANSWER_BYTES, SOCKET_NAME, Answer, Request
from .server import short_path

ANSWER_S: Final = 10.0


class RefusedError(UsageError):
    """The agent does not do what it was asked, for one reason or several."""

    def __init__(self, answer: Answer) -> None:
        self.also = answer.also
        super().__init__(answer.error, remedy=answer.remedy)

    def lines(self) -> list[str]:
        return [self.line(), *self.also]


def ask(folder: Path, request: Request) -> Answer:
    """The answer of the agent with this data_dir; raises WatchkeepError when none runs, RefusedError when it refuses."""
    try:
        with _connected(folder) as connection:
            connection.sendall(request.model_dump_json().encode() + b"\n")
            answer = Answer.model_validate_json(_read(connection))
    except PermissionError as error:
        raise WatchkeepError(f"{folder / SOCKET_NAME} is another user's", remedy="run this as the agent's user, or as root") from error
    except (FileNotFoundError, ConnectionRefusedError) as error:
        remedy = "start it: watchkeep agent run, or look at its service"
        raise WatchkeepError(f"no agent runs with data_dir {folder}", remedy=remedy) from error
    except TimeoutError as error:
        raise WatchkeepError(f"the agent does not answer within {ANSWER_S:g} s", remedy="look at its log for what hangs") from error
    except (OSError, ValidationError) as error:
        raise WatchkeepError(f"the agent's answer cannot be read ({type(error).__name__})",
                             remedy="use the watchkeep command of the agent's own version") from error  # fmt: skip
    if answer.error:
        raise RefusedError(answer)
    return answer


@contextmanager
def _connected(folder: Path) -> Iterator[socket.socket]:
    """In RAM first: where one is there, the disk of data_dir may hang."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_S)
        if not any(_reached(connection, place) for place in refuge.places(folder)):
            with short_path(folder) as path:
                connection.connect(path)
        yield connection


def _reached(connection: socket.socket, place: Path) -> bool:
    """Raises TimeoutError when an agent is there and does not answer."""
    try:
        with short_path(place) as path:
            connection.connect(path)
    except TimeoutError:
        raise
    except OSError:  # what an agent that is not there any more has left
        return False
    return True


def _read(connection: socket.socket) -> bytes:
    found = bytearray()
    while len(found) < MAX_ANSWER_BYTES and (part := connection.recv(1 << 20)):
        found += part
    return bytes(found)
