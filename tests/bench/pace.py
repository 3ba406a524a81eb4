"""The pauses between one durable chunk of a camera and its next, as somebody sees them who asks all the time.  No I/O, no clock.

Rules: a pause that was begun before a turn and ends after it belongs, whole, to what follows: a fault at the turn cannot hide in it.  The
first pause of a camera is left out, because nobody saw it begin.
"""

from collections.abc import Mapping


class Pace:
    """Fed with the newest seq of every camera; -1, or a camera that is left out, says nothing."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, float | None]] = {}
        self._ended: dict[str, list[float]] = {}

    def feed(self, newest: Mapping[str, int], now: float) -> None:
        """A seq that differs is a new chunk: it starts again at 0 in a new epoch."""
        for camera, seq in newest.items():
            before, since = self._newest.get(camera, (-1, None))
            if seq < 0 or seq == before:
                continue
            if before >= 0 and since is not None:
                self._ended.setdefault(camera, []).append(now - since)
            self._newest[camera] = seq, (now if before >= 0 else None)

    def fewest(self) -> int:
        """How many pauses have ended since the last turn, of the camera with the fewest."""
        return min((len(self._ended.get(camera, [])) for camera in self._newest), default=0)

    def turn(self) -> float:
        """The longest pause that has ended since the last turn, of any camera."""
        longest = max((pause for pauses in self._ended.values() for pause in pauses), default=0.0)
        self._ended.clear()
        return longest
