"""Which engine reads a camera: agent/rtsp (native) or agent/pyav (libav).  No I/O, no clock.

    ingest       state        event                                         becomes
    ──────────   ──────────   ───────────────────────────────────────────   ──────────────────────────────────────────────────
    "native"     NATIVE       any                                           NATIVE
    "pyav"       PYAV         any                                           PYAV
    "auto"       UNDECIDED    native is unfit: it cannot record all         PYAV, in the same try, with that as the reason
                 UNDECIDED    a session records for PROVEN_S                NATIVE
                 UNDECIDED    TRIES sessions in a row do not, or            TRIAL: the next session is PyAV's, with what the last
                              COMMON_TRIES that any engine would meet       native one said as the reason
                 TRIAL        the session records for PROVEN_S, and TIMES   PYAV, while it goes on
                              as long as the longest native one
                 TRIAL        it ends before, and neither ever recorded     UNDECIDED: the camera is not there
                 TRIAL        it ends before; both recorded, PyAV not       NATIVE: the camera ends its sessions
                              TIMES as long
                 TRIAL        it ends before; one alone recorded            UNDECIDED; the MOST_TRIALS-th time that one's engine
                 NATIVE       native is unfit                               NATIVE: it may have been garbled, or the camera starts
                 NATIVE       unfit again, nothing recorded in between      DOUBT: PyAV's in the same try, with that as the reason
                 NATIVE       unfit again after a DOUBT of PROVEN_S         PYAV, in the same try, with that as the reason
                 NATIVE       a session fails                               NATIVE: it is the camera
                 DOUBT        the session ends                              NATIVE: it is asked again
                 PYAV         any                                           PYAV
    any          any          the camera's source changes                   as at the start

Rules: nothing flaps: what recorded is tried with the other engine MOST_TRIALS times at most, and that one then has to do far better, not
only to be lucky; whatever has not recorded yet may be tried with either.  PyAV never reads without a reason that is shown.  A camera
that is off, booting, or refuses is the same to any engine: were it PyAV's turn each fourth time, a quarter of the cameras that come
back after the agent would stay with it.  A restart of the agent asks anew.
"""

from enum import Enum, auto
from typing import Final, Literal

from ..wire.desired import Ingest

Engine = Literal["native", "pyav"]
DEFAULT_INGEST: Final = "auto"
PROVEN_S: Final = 10.0
"""A session that recorded for so long was read by an engine that can."""
TRIES: Final = 3
COMMON_TRIES: Final = 30
"""Up to a quarter of an hour: a camera may still be one that PyAV is more to the taste of."""
TIMES: Final = 5
"""Of sessions that a bad link ends by chance, one in fifty is so much longer than the longest of TRIES others."""
MOST_TRIALS: Final = 3
MAX_WHY: Final = 200


class State(Enum):
    UNDECIDED = auto()
    TRIAL = auto()
    NATIVE = auto()
    DOUBT = auto()
    PYAV = auto()


_START: Final = {"auto": State.UNDECIDED, "native": State.NATIVE, "pyav": State.PYAV}


class EngineChoice:
    """Ask `engine` before each session, tell `unfit` what its opening came to, `recorded` how it goes, and `ended` how it ended."""

    def __init__(self, ingest: Ingest) -> None:
        self.turned(ingest)

    def turned(self, ingest: Ingest) -> None:
        """The camera has another source: all is as at the start."""
        self._ingest: Ingest = ingest
        self._state = _START[ingest]
        self._failed = self._trials = self._unfit = 0
        self._native_s = self._pyav_s = 0.0
        """How long the longest session of either recorded that has proven nothing."""
        self._doubted = False
        """PyAV has recorded what native was unfit for."""
        self.why = ""
        """Why a camera that may be read natively is not; empty when it is, or nobody asked for it."""

    @property
    def engine(self) -> Engine:
        return "pyav" if self._state in (State.PYAV, State.TRIAL, State.DOUBT) else "native"

    @property
    def settled(self) -> bool:
        """PyAV reads the camera, and native is not asked again."""
        return self._ingest == "auto" and self._state is State.PYAV

    @property
    def whole(self) -> bool:
        """Whether native is to refuse what PyAV could record more of."""
        return self._ingest == "auto"

    def unfit(self, why: str) -> bool:
        """The native engine cannot record this camera, or not all of it; True when PyAV is to read it, in the same try."""
        if self._ingest != "auto" or self.engine == "pyav":
            return False
        if self._state is State.UNDECIDED or self._doubted:
            self._go(State.PYAV, why)
            return True
        self._unfit += 1
        if self._unfit == 1:
            return False
        self._go(State.DOUBT, why)
        return True

    def recorded(self, seconds: float) -> bool:
        """The session has recorded for so long; True when that has shown that PyAV can do what native cannot, which is to be told: it has
        the camera from now on, or, when that is not `settled`, for this session."""
        if self._state is State.UNDECIDED and seconds >= PROVEN_S:
            self._state = State.NATIVE
        elif self._state is State.TRIAL and seconds >= max(PROVEN_S, TIMES * self._native_s):
            self._state = State.PYAV
            return True
        elif self._state is State.DOUBT and seconds >= PROVEN_S and not self._doubted:
            self._doubted = True
            return True
        return False

    def ended(self, recorded_s: float, why: str, *, common: bool = False) -> bool:
        """A session is over, or could not be opened, after it recorded for so long; True when that has settled it, which is to be told.

        common: any engine would have met what ended it."""
        settled = self.settled
        self.recorded(recorded_s)
        if self._state is State.UNDECIDED:
            self._native_s = max(self._native_s, recorded_s)
            self._failed += 1 if common else COMMON_TRIES // TRIES
            if self._failed >= COMMON_TRIES:
                self._go(State.TRIAL, f"the native engine could not read it: {why}")
        elif self._state is State.TRIAL:
            self._pyav_s = max(self._pyav_s, recorded_s)
            self._go(self._compared())
        elif self._state is State.DOUBT:
            self._go(State.NATIVE)
        elif self._state is State.NATIVE and recorded_s:
            self._unfit, self._doubted = 0, False
        return self.settled and not settled

    def _compared(self) -> State:
        """What a trial comes to that proved nothing by its length."""
        if not (self._native_s or self._pyav_s):
            return State.UNDECIDED
        self._trials += 1
        better = State.PYAV if self._pyav_s >= TIMES * self._native_s else State.NATIVE
        even = better is State.NATIVE and self._pyav_s > 0
        return better if even or self._trials >= MOST_TRIALS else State.UNDECIDED

    def _go(self, state: State, why: str = "") -> None:
        """Into this state; a reason that PyAV had before stays when it has it for good."""
        self._state, self._failed = state, 0
        self.why = "" if self.engine == "native" else why[:MAX_WHY] or self.why
