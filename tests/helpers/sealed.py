"""Chunks and segment files built in plain Python from wire/ alone, small enough to damage byte by byte.

Rules: what it builds is valid; tests break it.  The samples are noise, so nothing here decodes as video.
"""

from struct import pack

from blake3 import blake3

from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.record import Header, RecordKind, chunk_digest, pack_header
from watchkeep.wire.seal import ZERO_HASH, Seal, SealFlag, pack_seal

CAMERA = "cam0"
EPOCH = 1_767_225_600
WALL_NS = 1_767_225_600_000_000_000
TIMESCALE = 90_000


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return pack(">I4s", 8 + len(body), kind) + body


INIT = box(b"ftyp", b"iso6\0\0\0\0iso6") + box(b"moov", box(b"mvhd", bytes(100)))


def moof(video: list[bytes], audio: list[bytes]) -> bytes:
    """A moof whose runs carry only sizes: all that finding samples takes."""
    tracks = [_traf(number, track) for number, track in enumerate([video, audio], 1) if track]
    return box(b"moof", box(b"mfhd", pack(">II", 0, 1)), *tracks)


def _traf(number: int, track: list[bytes]) -> bytes:
    sizes = b"".join(pack(">I", len(sample)) for sample in track)
    return box(b"traf", box(b"tfhd", pack(">II", 0x20000, number)), box(b"trun", pack(">II", 0x200, len(track)), sizes))


def chunk(seq: int = 0, *, video: list[bytes] | None = None, audio: list[bytes] | None = None, prev: bytes = ZERO_HASH,
          camera: str = CAMERA, epoch: int = EPOCH, init: bytes = INIT) -> tuple[Seal, bytes]:  # fmt: skip
    """A sealed chunk and its seal; one second long, starting seq seconds after WALL_NS."""
    frames, sounds = video or [b"key frame %d" % seq, b"frame %d" % seq], audio or []
    seal = Seal(
        camera=camera, epoch=epoch, seq=seq, segment_seq=0, flags=SealFlag.KEY | (SealFlag.SEGMENT_START if seq == 0 else SealFlag(0)),
        clock=ClockQuality.SYNCHRONISED, cause=Cause.FIRST_START, timescale=TIMESCALE, duration=TIMESCALE,
        wall_start_ns=WALL_NS + seq * 1_000_000_000, pts=seq * TIMESCALE, video_frames=len(frames), audio_frames=len(sounds),
        init_hash=blake3(init).digest(), prev_hash=prev, frame_hashes=tuple(blake3(frame).digest() for frame in frames + sounds),
        chunk_hash=ZERO_HASH)  # fmt: skip
    rest = moof(frames, sounds) + box(b"mdat", *frames, *sounds)
    seal = seal._replace(chunk_hash=chunk_digest(seal.size, pack_seal(seal) + rest))
    return seal, pack_seal(seal) + rest


def chain(count: int) -> list[tuple[Seal, bytes]]:
    """Chunks 0..count-1 of one epoch, each with the hash of the one before it."""
    made: list[tuple[Seal, bytes]] = []
    for seq in range(count):
        made.append(chunk(seq, prev=made[-1][0].chunk_hash if made else ZERO_HASH))
    return made


def segment(count: int) -> bytes:
    """A segment file of chunks 0..count-1."""
    return INIT + b"".join(payload for _, payload in chain(count))


def record(seal: Seal, payload: bytes, position: int = 0) -> bytes:
    """A CHUNK record, as the journal and the wire carry it."""
    return pack_header(Header(RecordKind.CHUNK, seal.camera, seal.epoch, seal.seq, len(payload), seal.chunk_hash, position)) + payload
