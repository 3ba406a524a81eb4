"""What operators and their tools send a directory server, and what it answers: the models of /v1/site.  No I/O.

Rules: what is asked is strict, what is answered may grow; a refusal lists every problem, and what a stale entity is by now.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...wire.errors import FormatError
from ...wire.messages import ErrorAnswer
from .rules import MAX_CHANGES
from .site import Change


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    actor: str = Field(default="", max_length=100)

    def by(self, actor: str) -> Self:
        """The same; a header's actor counts when the body names none."""
        return self if self.actor or not actor else self.model_copy(update={"actor": actor})


class ChangeText(BaseModel):
    """One entity put (value) or removed (null)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    entity: str = Field(max_length=40)
    id: str = Field(max_length=80)
    value: dict[str, Any] | None
    was: int | None = Field(default=None, ge=0)
    """The revision it must have now: 0 for none, null for any."""


class EditRequest(_Asked):
    """Body of POST /v1/site/edit."""

    changes: list[ChangeText] = Field(min_length=1, max_length=MAX_CHANGES)
    note: str = Field(default="", max_length=200)

    @classmethod
    def of(cls, change: Change) -> "EditRequest":
        """Raises FormatError for an id that is none at all."""
        try:
            return cls(changes=[ChangeText(**change.to_json())])
        except ValidationError as error:
            raise FormatError("this is no id", remedy="use 1 to 63 of a-z, 0-9 and -") from error


class SettleRequest(_Asked):
    """Body of POST /v1/site/contingency/{origin}."""

    verdict: str = Field(pattern="^(apply|dismiss)$")


class EntityText(BaseModel):
    value: dict[str, Any]
    revision: int


class SiteText(BaseModel):
    """Answer to GET /v1/site, as OpenAPI has it: the whole state as one server knows it."""

    index: int
    term: int
    hash: str
    leader: str
    """Empty when none is known."""
    entities: dict[str, dict[str, EntityText]]
    """By kind and id."""
    recorders: dict[str, tuple[str, int]]
    """By camera: agent, empty for nobody, and term of its epochs."""
    leaving: dict[str, list[tuple[str, int]]]
    """By camera: those that had it before, and go on until the present one records it."""
    archivers: dict[str, list[str]]
    """By camera: planned lists of those that name none."""
    leases: dict[str, tuple[str, int]]
    """By role: holder, and number."""
    contingencies: dict[str, dict[str, Any]]
    servers: dict[str, dict[str, Any]]
    """Directory servers that are heard, with what they say of themselves."""
    lives: dict[str, str]
    stores: dict[str, str]
    without: dict[str, str]


class ContingencyText(BaseModel):
    """An edit of another branch: its changes, what is there `now`, and why it was not made."""

    origin: str
    index: int
    why: str
    entries: list[dict[str, Any]]


class HistoryEntry(BaseModel):
    index: int
    term: int
    actor: str
    at_s: float
    kind: str
    payload: dict[str, Any]


class HistoryPage(BaseModel):
    """before: where to go on; null when there is nothing older."""

    entries: list[HistoryEntry]
    before: int | None


class ProblemText(BaseModel):
    code: str
    path: str
    text: str
    remedy: str


class Refusal(ErrorAnswer):
    """Answer 412 or 422 to an edit: every problem; `now`, what the stale entity is by now."""

    problems: list[ProblemText] = Field(default_factory=list)
    now: EntityText | None = None
