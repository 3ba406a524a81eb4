"""What operators order of a running site: bodies of `POST /v1/site/failover`, `/move`, `/maintenance`, and payloads under `cmd/` on MQTT.

Rules: an order is strict: a field that is not known, or of another type, refuses it whole, because half an order is another order.  On MQTT
it carries its own time, and its id is in the topic (wire/topics.py): one that is old, or whose id was there before, is refused.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from .config import NAME_PATTERN
from .messages import Message

MAX_MOVED: Final = 1000
"""Cameras in one order."""
MAX_ABSENCE_S: Final = 366 * 86_400.0
WINDOW_S: Final = 60.0
"""How far the time of a command may be from the directory's own: clocks of a site differ by seconds, and what waited in a broker is old."""

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=NAME_PATTERN)]
Seconds = Annotated[float, Field(ge=1, le=MAX_ABSENCE_S)]


class Order(BaseModel):
    """What all orders have."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    actor: str = Field(default="", max_length=100)
    """Who orders it, for the history."""


class FailoverOrder(Order):
    """Another one takes over from `name`, which goes on living: a role, the leading directory server, an agent with all its cameras, or
    an archiver, which is used last in every list until it is given back."""

    name: Name
    """`directory`, or an id; `agent/edge-1` where several kinds have it."""
    back: bool = False
    """The end of an archiver's failover: it has its place in every list again."""


class MoveOrder(Order):
    """These cameras are recorded by this agent from now on; all of them or none."""

    cameras: Annotated[list[Name], Field(min_length=1, max_length=MAX_MOVED)]
    agent: Name


class MaintenanceOrder(Order):
    """An agent, archiver or directory server will be away for a while, or is back."""

    name: Name
    """An id; `archiver/a` where several kinds have it."""
    on: bool
    lasting_s: Seconds = 3600.0
    """From now on; of no meaning when `on` is false."""


class FailoverCommand(FailoverOrder):
    """`cmd/failover/<id>`."""

    at_s: float
    """When it was given; more than WINDOW_S from the directory's clock it is refused."""


class MoveCommand(MoveOrder):
    """`cmd/move/<id>`."""

    at_s: float
    """When it was given; more than WINDOW_S from the directory's clock it is refused."""


class MaintenanceCommand(MaintenanceOrder):
    """`cmd/maintenance/<id>`."""

    at_s: float
    """When it was given; more than WINDOW_S from the directory's clock it is refused."""


Command = FailoverCommand | MoveCommand | MaintenanceCommand

COMMANDS: Final[dict[str, type[Command]]] = {"failover": FailoverCommand, "move": MoveCommand, "maintenance": MaintenanceCommand}
"""By the word in the topic."""
ORDERS: Final[dict[str, type[FailoverOrder] | type[MoveOrder] | type[MaintenanceOrder]]] = {
    "failover": FailoverOrder, "move": MoveOrder, "maintenance": MaintenanceOrder,
}  # fmt: skip
"""What a command orders, without its time."""


class OrderAnswer(Message):
    """Answer 200 to an order: the entry of the journal that it became, on how many servers that is, and what will happen, in one line."""

    index: int
    copies: int
    text: str


class Outcome(StrEnum):
    """What became of a command."""

    DONE = "done"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    STALE = "stale"
    REPEATED = "repeated"
    NOT_ALLOWED = "not-allowed"
    REFUSED = "refused"
    BUSY = "busy"
    UNSURE = "unsure"


class CommandReply(Message):
    """`cmd/<command>/<id>/reply`, not retained."""

    id: str
    command: str
    outcome: Outcome
    text: str
    """What was done, or why not, in one line."""
    remedy: str = ""
    server: str
    """The directory server that answers: the leader."""
    at_s: float
    index: int = 0
    """The entry of the journal that it became."""
    copies: int = 0
    """On how many servers that is."""
