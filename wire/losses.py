"""Declared losses: what an agent had to give up before anybody had it, told to archivers so that a gap says so for ever.

    kind        names                                    explains
    numbered    epoch, first_seq to last_seq             chunks that were cut: the journal was full, or its disk damaged them
    window      start_s to end_s, and how many frames    what never became a chunk and so has no number

Rules: a loss explains a gap and makes none: chunks that turn up after all are served as any other.  The same loss told twice is one.
"""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from .ids import MAX_EPOCH, MAX_SEQ
from .messages import Message

MAX_LOSSES_A_REPORT: Final = 12
"""Of 1.2 kB at most, with 200 characters of 4 bytes in the text: below the 16 KiB of a body."""
MAX_TEXT: Final = 200
MAX_STAMP_S: Final = 253_402_300_799.0
"""The end of the year 9999."""

_Seq = Annotated[int, Field(ge=0, le=MAX_SEQ)]
_Stamp = Annotated[float, Field(ge=0, le=MAX_STAMP_S, allow_inf_nan=False)]


class Loss(Message):
    """Seq ranges include both ends; stamps are UTC seconds of the agent's clock."""

    camera: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")]
    epoch: Annotated[int, Field(ge=0, le=MAX_EPOCH)] = 0
    first_seq: _Seq | None = None
    last_seq: _Seq | None = None
    start_s: _Stamp | None = None
    end_s: _Stamp | None = None
    frames: Annotated[int, Field(ge=0, le=MAX_SEQ)] = 0
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00-\x1f\x7f]*$")]
    """Why, in the agent's words; one line."""

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.seqs is None) == (self.window is None):
            raise ValueError("give first_seq and last_seq, or start_s and end_s")
        low, high = self.seqs or self.window or (0, 0)
        if high < low:
            raise ValueError("it ends before it begins")
        return self

    @property
    def seqs(self) -> tuple[int, int] | None:
        """The chunks of a numbered loss."""
        return None if self.first_seq is None or self.last_seq is None else (self.first_seq, self.last_seq)

    @property
    def window(self) -> tuple[float, float] | None:
        """The time in which frames without a number were lost."""
        return None if self.start_s is None or self.end_s is None else (self.start_s, self.end_s)


class LossReport(Message):
    """Body of `POST /v1/losses`."""

    losses: Annotated[list[Loss], Field(min_length=1, max_length=MAX_LOSSES_A_REPORT)]


class LossAnswer(Message):
    """Answer 200 to `POST /v1/losses`: all of them are on this archiver's disk."""

    archiver: str
    fresh: int
    """How many it had not made durable since its start."""
