"""Layout of the seal: the `uuid` box before each chunk that makes a segment file prove itself.

Layout, version 1.  The box header is big-endian (ISO/IEC 14496-12, 4.2); the body is little-endian.

      0 ┌──────────────────────────────┐
        │ box size            u32 (BE) │
      4 │ 'uuid'                       │
      8 │ usertype            16 bytes │
     24 ├──────────────────────────────┤
        │ version             u16 = 1  │
     26 │ flags               u16      │  KEY SEGMENT_START DURATION_GUESSED DAMAGED
     28 │ clock quality       u8       │  causes.ClockQuality
     29 │ start cause         u8       │  causes.Cause: why this epoch began
     30 │ video frames        u16      │
     32 │ audio frames        u16      │
     34 │ reserved            u16 = 0  │
     36 │ timescale           u32      │  ticks a second of pts and duration
     40 │ duration            u32      │  ticks, of the video track
     44 │ reserved            u32 = 0  │
     48 │ epoch               u64      │
     56 │ seq                 u64      │
     64 │ segment seq         u64      │  seq of the first chunk of this chunk's segment
     72 │ wall-clock start    i64      │  UTC ns of the first frame
     80 │ stream pts          i64      │  the camera's own stamp of the first video frame, in ticks
     88 │ camera id           64 bytes │  zero-padded ASCII
    152 │ init hash           32 bytes │  BLAKE3 of ftyp+moov
    184 │ previous hash       32 bytes │  chunk hash of seq-1; zeros when seq is 0
    216 │ frame hashes        32 x n   │  BLAKE3 of each sample, video first, then audio
        │ chunk hash          32 bytes │  BLAKE3 of all above (box header too), moof and mdat
        └──────────────────────────────┘

Rules: 1. a chunk is cut once and its bytes never change.  2. (camera, epoch, seq) names one chunk.
native/ writes the same bytes without importing this file; tests/native hold them together.
"""

from enum import IntFlag
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from .causes import Cause, ClockQuality
from .errors import FormatError, IdError, TruncatedError, VersionError
from .ids import MAX_EPOCH, MAX_SEQ, check_id

SEAL_UUID: Final = bytes.fromhex("77617463686b6565708ea15ea1c0de01")
SEAL_VERSION: Final = 1
HASH_BYTES: Final = 32
ZERO_HASH: Final = bytes(HASH_BYTES)
_BOX = Struct(">I4s16s")
_BODY = Struct("<HHBBHHHIIIQQQqq64s32s32s")
FIXED_BYTES: Final = _BOX.size + _BODY.size
assert FIXED_BYTES == 216
MAX_FRAMES: Final = 2048
"""Frames of one chunk, video and audio: 1 s of 240 fps video and of 1000 audio packets fits; bounds a seal to 64 KiB."""


class SealFlag(IntFlag):
    """Flags of a chunk."""

    KEY = 1
    """The first video frame is a key frame."""
    SEGMENT_START = 2
    """The chunk opens a segment; the epoch's first chunk always does."""
    DURATION_GUESSED = 4
    """The last frame's duration was not known when the chunk was cut."""
    DAMAGED = 8
    """The transport reported a damaged or incomplete frame; the bytes are kept as they came."""


class Seal(NamedTuple):
    """The fields of one seal; `size` is the box's length in bytes."""

    camera: str
    epoch: int
    seq: int
    segment_seq: int
    flags: SealFlag
    clock: ClockQuality
    cause: Cause
    timescale: int
    duration: int
    wall_start_ns: int
    pts: int
    video_frames: int
    audio_frames: int
    init_hash: bytes
    prev_hash: bytes
    frame_hashes: tuple[bytes, ...]
    chunk_hash: bytes

    @property
    def size(self) -> int:
        return seal_bytes(self.video_frames + self.audio_frames)

    @property
    def duration_ns(self) -> int:
        return self.duration * 1_000_000_000 // self.timescale

    @property
    def wall_end_ns(self) -> int:
        return self.wall_start_ns + self.duration_ns


def seal_bytes(frames: int) -> int:
    """Length in bytes of the seal of a chunk with this many frames."""
    return FIXED_BYTES + HASH_BYTES * frames + HASH_BYTES


def pack_seal(seal: Seal) -> bytes:
    """The seal as a box; the inverse of parse_seal."""
    fixed = _BOX.pack(seal.size, b"uuid", SEAL_UUID) + _BODY.pack(
        SEAL_VERSION, seal.flags, seal.clock, seal.cause, seal.video_frames, seal.audio_frames, 0,
        seal.timescale, seal.duration, 0, seal.epoch, seal.seq, seal.segment_seq, seal.wall_start_ns, seal.pts,
        seal.camera.encode("ascii"), seal.init_hash, seal.prev_hash)  # fmt: skip
    return fixed + b"".join(seal.frame_hashes) + seal.chunk_hash


def parse_seal(data: bytes | memoryview) -> Seal:
    """Read the seal at the start of data.  Checks the layout, not the hashes; raises FormatError or TruncatedError."""
    view = memoryview(data)
    if len(view) < FIXED_BYTES:
        raise TruncatedError("seal ends early", remedy="fetch the chunk again from another copy")
    size, kind, usertype = _BOX.unpack_from(view)
    if kind != b"uuid" or usertype != SEAL_UUID:
        raise FormatError("no Watchkeep seal here", remedy="check that this is a Watchkeep segment file")
    (version, flags, clock, cause, video, audio, zero_a, timescale, duration, zero_b, epoch, seq, segment_seq,
     wall, pts, camera, init_hash, prev_hash) = _BODY.unpack_from(view, _BOX.size)  # fmt: skip
    if version != SEAL_VERSION:
        raise VersionError(f"seal version {version} is not known", remedy="update this machine's Watchkeep")
    frames = video + audio
    if not (0 < frames <= MAX_FRAMES and size == seal_bytes(frames) and timescale > 0 and zero_a == zero_b == 0):
        raise FormatError("seal fields contradict each other", remedy="fetch the chunk again from another copy")
    if epoch > MAX_EPOCH or seq > MAX_SEQ or segment_seq > seq:
        raise FormatError("seal numbers are out of range", remedy="fetch the chunk again from another copy")
    if len(view) < size:
        raise TruncatedError("seal ends early", remedy="fetch the chunk again from another copy")
    try:
        name, known_cause, known_clock, known_flags = _values(camera, cause, clock, flags)
    except (ValueError, IdError) as error:
        raise FormatError(f"seal holds an unknown value: {error}", remedy="update this machine's Watchkeep") from error
    return Seal(
        camera=name, epoch=epoch, seq=seq, segment_seq=segment_seq, flags=known_flags, clock=known_clock, cause=known_cause,
        timescale=timescale, duration=duration, wall_start_ns=wall, pts=pts, video_frames=video, audio_frames=audio,
        init_hash=init_hash, prev_hash=prev_hash,
        frame_hashes=_hashes(frames).unpack_from(view, FIXED_BYTES),
        chunk_hash=bytes(view[size - HASH_BYTES : size]))  # fmt: skip


@lru_cache(maxsize=64)
def _hashes(frames: int) -> Struct:
    """Takes so many hashes apart in one call; a camera's chunks have one or two numbers of frames."""
    return Struct(f"{HASH_BYTES}s" * frames)


@lru_cache(maxsize=1024)
def _values(camera: bytes, cause: int, clock: int, flags: int) -> tuple[str, Cause, ClockQuality, SealFlag]:
    """What these fields mean; chunks of one camera have few combinations, and an enum's look-up costs more than all other fields.
    Bound: 1024 of 0.3 kB."""
    return check_id("camera", camera.rstrip(b"\0").decode("ascii")), Cause(cause), ClockQuality(clock), SealFlag(flags)
