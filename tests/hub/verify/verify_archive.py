"""An archive on disk, recorded by hand: real names, seals, hashes and counters, small enough to damage byte by byte.

Rules: what `Recorder` writes is good; tests break it.  The pictures are noise.
"""

from pathlib import Path

from blake3 import blake3
from sealed import INIT, TIMESCALE, WALL_NS, box, moof

from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.counter import FrameCounter, sei_nal
from watchkeep.wire.paths import IDENTITY_FILE, SegmentName
from watchkeep.wire.record import chunk_digest
from watchkeep.wire.seal import ZERO_HASH, Seal, SealFlag, pack_seal

SECOND_NS = 1_000_000_000
RUN = 0xC0FFEE
FRAMES = 4
"""Video frames of a chunk of one second."""


def volume(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / IDENTITY_FILE).write_text("{}")
    return root


def counted_frame(run: int, session: int, counter: int) -> bytes:
    """An MP4 sample: the SEI with the counter, then something like a slice; each behind its length."""
    nals = sei_nal("h264", FrameCounter(run, session, counter, 0)), b"\x41" + b"picture %d" % counter
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def sealed(seal: Seal, video: list[bytes], audio: list[bytes], *, stored: list[bytes] | None = None) -> tuple[Seal, bytes]:
    """The chunk with all its hashes made right; `stored` takes the place of the video in moof and mdat, as a bad recorder would."""
    written = video if stored is None else stored
    rest = moof(written, audio) + box(b"mdat", *written, *audio)
    seal = seal._replace(video_frames=len(video), audio_frames=len(audio), chunk_hash=ZERO_HASH,
                   frame_hashes=tuple(blake3(sample).digest() for sample in video + audio))  # fmt: skip
    seal = seal._replace(chunk_hash=chunk_digest(seal.size, pack_seal(seal) + rest))
    return seal, pack_seal(seal) + rest


class Recorder:
    """Records one camera: chunks of one second, a file for every `per_file` of them."""

    def __init__(self, camera: str = "cam0", *, per_file: int = 5, counted: bool = True, audio: bool = False) -> None:
        self.camera, self.per_file, self._counted, self._audio = camera, per_file, counted, audio
        self.now_ns, self.epoch, self.session = WALL_NS, WALL_NS // SECOND_NS, 1
        self.counter = 0
        self.init = INIT
        self.cause = Cause.FIRST_START
        self.files: list[list[tuple[Seal, bytes]]] = []
        self._seq, self._prev = 0, ZERO_HASH

    def record(self, chunks: int) -> "Recorder":
        for _ in range(chunks):
            if self._seq % self.per_file == 0:
                self.files.append([])
            self.files[-1].append(self._chunk())
        return self

    def restart(self, cause: Cause, away_s: float, *, new_session: bool = True) -> "Recorder":
        """Begin the next epoch after a pause; frames that the source sends meanwhile are nobody's."""
        self.now_ns += int(away_s * SECOND_NS)
        self.epoch, self.cause, self._seq, self._prev = self.epoch + 1, cause, 0, ZERO_HASH
        if new_session:
            self.session, self.counter = self.session + 1, 0
        return self

    def _chunk(self) -> tuple[Seal, bytes]:
        video = [self._frame() for _ in range(FRAMES)]
        audio = [b"sound %d" % self._seq] if self._audio else []
        seal = Seal(
            camera=self.camera, epoch=self.epoch, seq=self._seq, segment_seq=self._seq - self._seq % self.per_file,
            flags=SealFlag.KEY, clock=ClockQuality.SYNCHRONISED, cause=self.cause, timescale=TIMESCALE, duration=TIMESCALE,
            wall_start_ns=self.now_ns, pts=0, video_frames=0, audio_frames=0, init_hash=blake3(self.init).digest(),
            prev_hash=self._prev, frame_hashes=(), chunk_hash=ZERO_HASH)  # fmt: skip
        seal, payload = sealed(seal, video, audio)
        self._seq, self._prev, self.now_ns = self._seq + 1, seal.chunk_hash, self.now_ns + SECOND_NS
        return seal, payload

    def _frame(self) -> bytes:
        self.counter += 1
        return counted_frame(RUN, self.session, self.counter - 1) if self._counted else b"plain picture %d" % self.counter

    def write(self, root: Path) -> list[Path]:
        """Write every file under its name; returns their paths in recording order."""
        return [write(root, chunks, self.init) for chunks in self.files]


def write(root: Path, chunks: list[tuple[Seal, bytes]], init: bytes = INIT) -> Path:
    """One segment file of these chunks, named by the first."""
    first = chunks[0][0]
    path = root / SegmentName(first.camera, first.wall_start_ns, first.epoch, first.seq).path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(init + b"".join(payload for _, payload in chunks))
    return path
