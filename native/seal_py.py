"""Plain-Python twin of seal.pyx: the seal of one chunk with its hashes.  wire/seal.py draws and explains the layout.

Rules: states the layout once more, as native imports nothing of ours; tests/native hold all three together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from blake3 import blake3

_FIXED = Struct(">I4s16s")
_BODY = Struct("<HHBBHHHIIIQQQqq64s32s32s")
_USERTYPE = b"watchkeep\x8e\xa1\x5e\xa1\xc0\xde\x01"
_HASH_BYTES = 32
KEY, SEGMENT_START, DURATION_GUESSED, DAMAGED = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Label:
    """The fields of a seal that its frames do not tell."""

    flags: int
    clock: int
    cause: int
    duration: int
    epoch: int
    seq: int
    segment_seq: int
    wall_start_ns: int
    pts: int
    camera: bytes
    init_hash: bytes
    prev_hash: bytes


def sealed(label: Label, video: Sequence[bytes], audio: Sequence[bytes], fragment: bytes) -> bytes:
    """The chunk: seal, then fragment, whose samples are video and audio."""
    size = _FIXED.size + _BODY.size + _HASH_BYTES * (len(video) + len(audio) + 1)
    head = _FIXED.pack(size, b"uuid", _USERTYPE) + _BODY.pack(
        1, label.flags, label.clock, label.cause, len(video), len(audio), 0, 90000, label.duration, 0, label.epoch, label.seq,
        label.segment_seq, label.wall_start_ns, label.pts, label.camera, label.init_hash, label.prev_hash)  # fmt: skip
    head += b"".join(blake3(sample).digest() for sample in (*video, *audio))
    return head + blake3(head + fragment).digest() + fragment
