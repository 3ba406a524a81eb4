from typing_extensions import Buffer

from .cut import Cut
from .pool import Pool

class Ring:
    """Access units of one camera on their way from the ingest thread to the cutting thread.

    Ticks of video are always 90 kHz; the caller rescales.  A *run* is an unbroken piece of one camera's stream, with
    one set of parameters: pts and dts count from the run's zero, which the caller chooses so that no video dts is negative.

    The producer, one thread, calls push; the consumer, one thread, calls cut, build and release; both may read the
    properties.  Anything else raises RuntimeError when it is noticed.  After close everything but properties and close
    raises ValueError.
    """

    def __init__(
        self,
        capacity_bytes: int,
        max_frames: int,
        *,
        chunk_ticks: int,
        segment_ticks: int,
        max_chunk_frames: int = 2048,
        max_chunk_bytes: int = 25165824,
        pool: Pool | None = None,
    ) -> None:
        """Reserve address space for capacity_bytes and max_frames (64 bytes each); memory is taken as frames touch it.

        A chunk has at most max_chunk_frames (<= 2048) and max_chunk_bytes (<= 31 MiB) of samples.  Raises ValueError.
        """

    def push(
        self,
        data: Buffer,
        *,
        run: int,
        track: int,
        pts: int,
        dts: int,
        duration: int,
        key: bool,
        damaged: bool,
        arrival_ns: int,
        annexb: bool,
    ) -> bool:
        """Copy one access unit of track 0 (video) or 1 (audio); False when it was not accepted.

        pts, dts and duration (0: unknown) are ticks of its track.  With annexb, start codes become 4-byte lengths; room
        for 5/4 of the data is needed for that moment.  An access unit without any byte is refused and counted in
        empty_frames, nothing more.

        Without room, or above max_chunk_bytes, the frame is dropped and `dropping` begins: everything is refused until a
        video key frame fits.  A run that lost frames is over, so that the gap gets a new epoch: *the caller* sees
        `dropping` before it pushes a video key frame and gives it a new, higher run and a new zero, whether it will
        fit or not; the ring raises ValueError when it did not.  Frames that are refused may carry either run.
        Runs never go down.  Raises ValueError or OverflowError for numbers out of range, BufferError or TypeError for
        data that is no contiguous buffer; the frame is then not counted.
        """

    def cut(self, flush: bool = False, early: bool = False) -> Cut | None:
        """Decide the next chunk from the oldest frames; None when its end is not there yet.  cutter.pyx has the rules.

        Frees nothing but audio that no chunk can carry (dropped_audio).  flush: the newest run has ended, take all that
        waits; call until None.  early: do not wait for the chunk to become full, take all but the newest video frame; then one
        call is enough.  The same cut is returned until it is released, or made longer by frames that came after a flush
        or an early cut.  What happens next: build, hand the chunk on, release; a cut that is never released stops the ring.
        """

    def build(
        self,
        cut: Cut,
        *,
        camera: bytes,
        epoch: int,
        seq: int,
        segment_seq: int,
        clock: int,
        cause: int,
        wall_start_ns: int,
        pts_base: int,
        init_hash: bytes,
        prev_hash: bytes,
    ) -> bytes | memoryview:
        """The whole chunk: seal, moof and mdat, hashes filled in.  May be called again until the cut is released.

        A read-only view of the pool's memory when the ring has one, which comes back to the pool with the last such view; bytes otherwise.

        pts_base: the camera's own stamp of the run's zero, in ticks; the seal's stream pts is cut.pts + pts_base.
        clock, cause: codes of wire.causes.  Raises ValueError for a released cut and for numbers out of range.
        """

    def release(self, cut: Cut) -> None:
        """Free the frames of a cut; the next one may then be cut.  Raises ValueError when it is not the oldest."""

    def close(self) -> None:
        """Free the memory, at once or when a push or build of another thread comes back.  May be called again."""

    @property
    def frames(self) -> int:
        """Frames waiting."""
    @property
    def bytes_used(self) -> int:
        """Bytes of the frames waiting."""
    @property
    def high_water(self) -> int:
        """The most that bytes_used has been."""
    @property
    def capacity(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def dropping(self) -> bool:
        """Everything is refused until a video key frame of a new run fits."""
    @property
    def damaged_frames(self) -> int:
        """Video frames that came in with a part of them missing."""
    @property
    def dropped_frames(self) -> int:
        """Frames refused for want of room, audio too."""
    @property
    def dropped_gops(self) -> int:
        """GOPs that lost frames for want of room."""
    @property
    def dropped_audio(self) -> int:
        """Audio frames accepted and then dropped by cut, because their run had no more video."""
    @property
    def empty_frames(self) -> int:
        """Access units without any byte: nothing was lost."""
