from .ring import Ring

class Lane:
    """A camera's way into its ring, see lane.pyx.  Set the state that it takes over, let Stream.process use it, then read the state back.

    limit: how far a stamp may leap ahead; sets: the last parameter sets that came in the stream, as native.parameter_sets gives them;
    waiting, depth: the window of DecodeTimes; rate: of sound, 0 to leave it out; clock: of its stamps, 0 for its rate;
    table: 256 code words of G.711, two bytes each.
    """

    def __init__(
        self, ring: Ring, *, hevc: bool, limit: int, sets: bytes, waiting: list[int], depth: int, rate: int = 0, clock: int = 0,
        table: bytes = b"",
    ) -> None: ...  # fmt: skip
    @property
    def waiting(self) -> list[int]: ...
    open: bool
    """It takes units; False after the first that it left."""
    cuts: bool
    """The next key frame is to begin a new run: it is left."""
    arrival_ns: int
    """UTC of what is processed next."""
    run: int
    zero: int
    """The stamp that is the run's 0."""
    last: int
    raw: int
    step: int
    """Of TrackClock: the last dts, as it came, and the interval before it."""
    decoded: int
    grows: bool
    """Of DecodeTimes: the last time that it gave; whether its depth is a guess."""
    heard: bool
    """The sound's stamps below are those of a packet."""
    sound_shift: int
    sound_zero: int
    sound_last: int
    sound_step: int
    sound_seen: int
    """Of the time line, by sound's clock; of the run's zero in sound's ticks, of sound's TrackClock; and the last stamp as it came."""
    place_shift: int
    place_last: int
    place_end: int
    """Of Soundtrack; place_last -1 before the first."""
    frames: int
    pictures: int
    keys: int
    sounds: int
    bytes: int
    """Pictures that the ring took, that came, that were key frames; frames of sound that came; bytes of both: counts of the lane's life."""
