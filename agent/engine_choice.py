"""Which engine reads a camera: agent/rtsp (native) or agent/pyav (libav).  No I/O, no clock.

    ingest       state        event                                    becomes
    ──────────   ──────────   ──────────────────────────────────────   ─────────────────────────────────────────────────
    "native"     NATIVE       any                                      NATIVE
    "pyav"       PYAV         any                                      PYAV
    "auto"       UNDECIDED    it is unfit: it cannot record all        PYAV, with that as the reason
                 UNDECIDED    a session records for PROVEN_S           NATIVE
                 UNDECIDED    TRIES sessions in a row do not, or       TRIAL: the next session is PyAV's
                              COMMON_TRIES that any engine would meet
                 TRIAL        the session records for PROVEN_S         PYAV, with what the last native session said
                 TRIAL        it does not: it was not the engine       UNDECIDED
                 NATIVE       it is unfit                              PYAV, with that as the reason
                 NATIVE       a session fails                          NATIVE: it is the camera
                 PYAV         any                                      PYAV
    any          any          the camera's source changes              as at the start

Rules: a source that records goes from native to PyAV once and never back, so nothing flaps; whatever has not recorded yet may be tried
with either.  A camera that is off, booting, or refuses is the same to any engine: were it PyAV's turn each fourth time, a quarter of
the cameras that come back after the agent would stay with it.  A restart of the agent asks anew.
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
MAX_WHY: Final = 200


class State(Enum):
    UNDECIDED = auto()
    TRIAL = auto()
    NATIVE = auto()
    PYAV = auto()


_START: Final = {"auto": State.UNDECIDED, "native": State.NATIVE, "pyav": State.PYAV}


class EngineChoice:
    """Ask `engine` before each session, and tell afterwards how it ended, with `unfit` or `ended`."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest: Ingest = ingest
        self._state, self._failed, self._last = _START[ingest], 0, ""
        self.why = ""
        """Why a camera that may be read natively is not; empty when it is, or nobody asked for it."""

    @property
    def engine(self) -> Engine:
        return "pyav" if self._state in (State.PYAV, State.TRIAL) else "native"

    @property
    def whole(self) -> bool:
        """Whether native is to refuse what PyAV could record more of."""
        return self._ingest == "auto"

    def turned(self, ingest: Ingest) -> None:
        """The camera has another source: all is as at the start."""
        self._ingest, self._state, self._failed, self._last, self.why = ingest, _START[ingest], 0, "", ""

    def unfit(self, why: str) -> bool:
        """The native engine cannot record this camera, or not all of it; True when PyAV takes over."""
        if self._ingest != "auto" or self._state is State.PYAV:
            return False
        self._settle(why)
        return True

    def ended(self, recorded_s: float, why: str, *, common: bool = False) -> bool:
        """A session is over, after it recorded for so long; True when it is now known that PyAV has to do it.

        common: any engine would have met what ended it."""
        proven = recorded_s >= PROVEN_S
        if self._state is State.TRIAL:
            if proven:
                self._settle(f"the native engine could not read it: {self._last}")
                return True
            self._state, self._failed = State.UNDECIDED, 0
        elif self._state is State.UNDECIDED:
            self._failed, self._last = self._failed + (1 if common else COMMON_TRIES // TRIES), why
            if proven:
                self._state = State.NATIVE
            elif self._failed >= COMMON_TRIES:
                self._state = State.TRIAL
        return False

    def _settle(self, why: str) -> None:
        self._state, self.why = State.PYAV, why[:MAX_WHY]
