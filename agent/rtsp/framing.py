"""What both ends of an RTSP connection share: bytes in, interleaved frames and messages out (RFC 2326, 10.12).  No I/O.

Rules: the same bytes give the same events however they are split.  After bytes that are no RTSP a framer stays broken, because nobody can
know where the next message would start.  What a message is, and how much of one may wait, is the subclass's.
"""

from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from ...wire.errors import FormatError

DOLLAR: Final = 0x24

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A binary frame: RTP or RTCP, by its channel."""

    channel: int
    data: bytes


@dataclass(slots=True)
class Framer(Generic[M]):
    """Feed bytes, then take events until None.  `next_event` raises FormatError, again and again once it has."""

    _buffer: bytearray = field(default_factory=bytearray)
    _broken: FormatError | None = None

    def feed(self, data: bytes) -> None:
        if self._broken is None:
            self._buffer += data

    def next_event(self) -> M | Interleaved | None:
        if self._broken is not None:
            raise self._broken
        try:
            self._skip_blank()
            if not self._buffer:
                return None
            return self._interleaved() if self._buffer[0] == DOLLAR else self._message()
        except FormatError as error:
            self._broken = error
            self._buffer.clear()
            raise

    def _skip_blank(self) -> None:
        """Drop the empty lines that keep a connection alive."""
        raise NotImplementedError

    def _message(self) -> M | None:
        """Take a whole message from the buffer; None when it has not come yet."""
        raise NotImplementedError

    def _interleaved(self) -> Interleaved | None:
        size = 4 + int.from_bytes(self._buffer[2:4], "big")
        if len(self._buffer) < size:  # also when the header itself is not complete: size is 4 or more
            return None
        frame = Interleaved(self._buffer[1], bytes(self._buffer[4:size]))
        del self._buffer[:size]
        return frame
