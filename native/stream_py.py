"""Plain-Python twin of stream.pyx without its sockets: the same units and messages.  The contract stands in stream.pyi.

Rules: written for reading, not for speed; tests/native and the fuzzer drive both with the same input.
"""

from typing import Final

from . import rtp_py
from .depay_py import Base, Rtp, VideoDepacketizer
from .lane_py import Lane
from .reorder_py import Sorter
from .rtp_py import ANEW, FRAME, IN_ORDER, LATE, TEXT, Counter
from .sound_py import SoundDepacketizer
from .unit import Unit

CAPACITY: Final = 256 << 10
MAX_TRACKS: Final = 4
_CONTROL: Final = -2


class _Track:
    def __init__(self, payload_type: int, depay: Base, sorts: bool) -> None:
        self.payload_type, self.depay, self.counter = payload_type, depay, Counter()
        self.order = Sorter() if sorts else None


class Stream:
    def __init__(self) -> None:
        self._buffer = b""
        self._tracks: list[_Track] = []
        self._roles: dict[int, int] = {}
        self.junk = self.strange = self.received = 0
        self.lane: Lane | None = None

    def add_video(self, channel: int, payload_type: int, hevc: bool, *, donl: bool = False, datagrams: bool = False) -> int:
        return self._add(channel, payload_type, VideoDepacketizer(hevc, donl=donl), datagrams)

    def add_sound(self, channel: int, payload_type: int, layout: int, *, frame_ticks: int = 0, channels: int = 1, size_bits: int = 13,
                  index_bits: int = 3, delta_bits: int = 3, datagrams: bool = False) -> int:  # fmt: skip
        sound = SoundDepacketizer(layout, frame_ticks=frame_ticks, channels=channels, size_bits=size_bits, index_bits=index_bits,
                                  delta_bits=delta_bits)  # fmt: skip
        return self._add(channel, payload_type, sound, datagrams)

    def _add(self, channel: int, payload_type: int, depay: Base, datagrams: bool) -> int:
        self._check_channel(channel)
        if len(self._tracks) == MAX_TRACKS:
            raise ValueError(f"a stream has at most {MAX_TRACKS} tracks")
        self._tracks.append(_Track(payload_type, depay, datagrams))
        self._roles[channel] = len(self._tracks) - 1
        return len(self._tracks) - 1

    def add_control(self, channel: int) -> None:
        self._check_channel(channel)
        self._roles[channel] = _CONTROL

    def _check_channel(self, channel: int) -> None:
        if not 0 <= channel <= 255 or channel in self._roles:
            raise ValueError(f"channel {channel} is none, or has a role already")

    def feed(self, data: bytes) -> bool:
        if len(data) > CAPACITY - len(self._buffer):
            return False
        self._buffer += data
        self.received += len(data)
        return True

    def feed_datagram(self, channel: int, data: bytes) -> bool:
        if len(data) > 0xFFFF or len(data) + 4 > CAPACITY - len(self._buffer):
            return False
        self._buffer += b"$" + bytes([channel]) + len(data).to_bytes(2, "big")
        return self.feed(data)

    def process(self, now: int) -> tuple[list[tuple[int, Unit]], list[tuple[int, bytes]]]:
        units: list[tuple[int, Unit]] = []
        messages: list[tuple[int, bytes]] = []
        pieces, used = rtp_py.split(self._buffer)
        for kind, channel, at, size in pieces:
            data = self._buffer[at : at + size]
            if kind == TEXT or (kind == FRAME and self._roles.get(channel) == _CONTROL):
                messages.append((channel, data))
            elif kind == FRAME:
                units += self._frame(channel, data, now)
            else:
                self.junk += size
        self._buffer = self._buffer[used:]
        for role, track in enumerate(self._tracks):
            if track.order is not None:
                units += self._packets(role, track.order.due(now))
        return units, messages

    def _frame(self, channel: int, data: bytes, now: int) -> list[tuple[int, Unit]]:
        role, parsed = self._roles.get(channel), rtp_py.parse(data)
        if role is None or parsed is None or parsed[0] != self._tracks[role].payload_type:
            self.strange += 1
            return []
        order = self._tracks[role].order
        return self._packets(role, [data] if order is None else order.take(parsed[2], data, now))

    def _packets(self, role: int, packets: list[bytes]) -> list[tuple[int, Unit]]:
        track, units = self._tracks[role], list[Unit]()
        for packet in packets:
            parsed = rtp_py.parse(packet)
            assert parsed is not None
            _, marker, sequence, timestamp, ssrc, at, size = parsed
            place = track.counter.place(sequence, ssrc)
            if place == ANEW:
                track.depay.renumbered()
            if place != LATE:
                units += track.depay.take_rtp(Rtp(marker, timestamp, packet[at : at + size]), place != IN_ORDER)
        return [(role, unit) for unit in units if self.lane is None or not self.lane.take(role, unit)]

    def finish(self) -> list[tuple[int, Unit]]:
        units: list[tuple[int, Unit]] = []
        for role, track in enumerate(self._tracks):
            if track.order is not None:
                units += self._packets(role, track.order.rest())
            units += [(role, unit) for unit in track.depay.finish()]
        return units

    def counts(self, index: int) -> tuple[int, int, int, int, int, int]:
        track = self._tracks[index]
        return (*track.counter.counts, track.depay.refused)

    def source(self, index: int) -> int | None:
        return self._tracks[index].counter.source

    @property
    def buffered(self) -> int:
        return len(self._buffer)
