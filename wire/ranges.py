"""Sets of chunk numbers as sorted, disjoint, inclusive ranges.

Rules: a camera that records without a gap for a year is one range, so every set here is as small as the
number of its gaps; what is done most often has a short way for sets of one range.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

Range = tuple[int, int]

_ABOVE: Final = 1 << 64
"""Above every chunk number: (n, _ABOVE) sorts behind every range that begins at n."""


class RangeSet:
    """A mutable set of integers; `[(0, 57), (60, 60)]` holds 59 of them."""

    __slots__ = ("_spans",)

    def __init__(self, spans: Iterable[Range] = ()) -> None:
        self._spans: list[Range] = []
        for low, high in spans:
            self.add(low, high)

    def __iter__(self) -> Iterator[Range]:
        return iter(self._spans)

    def __len__(self) -> int:
        """How many integers the set holds."""
        held = 0
        for low, high in self._spans:
            held += high - low + 1
        return held

    def __bool__(self) -> bool:
        return bool(self._spans)

    def __contains__(self, value: int) -> bool:
        return self.covers(value, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and self._spans == other._spans

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RangeSet({self._spans})"

    def spans(self) -> list[Range]:
        """A copy of the ranges, ascending."""
        return list(self._spans)

    def first(self) -> int | None:
        return self._spans[0][0] if self._spans else None

    def last(self) -> int | None:
        return self._spans[-1][1] if self._spans else None

    def covers(self, low: int, high: int) -> bool:
        """Whether every integer of low..high is in the set."""
        spans = self._spans
        if len(spans) == 1:
            return spans[0][0] <= low and high <= spans[0][1]
        at = bisect_right(spans, (low, _ABOVE)) - 1
        return at >= 0 and spans[at][1] >= high

    def meets(self, low: int, high: int) -> bool:
        """Whether any integer of low..high is in the set."""
        spans = self._spans
        if not spans or spans[-1][1] < low or spans[0][0] > high:
            return False
        at = bisect_right(spans, (high, _ABOVE)) - 1
        return at >= 0 and spans[at][1] >= low

    def add(self, low: int, high: int) -> None:
        """Add low..high, both included."""
        if high < low:
            raise ValueError(f"range {low}..{high} runs backwards")
        spans = self._spans
        if not spans or spans[-1][1] < low - 1:
            spans.append((low, high))
            return
        start = bisect_right(spans, (low, _ABOVE)) - 1
        if start < 0 or spans[start][1] < low - 1:
            start += 1
        end = start
        while end < len(spans) and spans[end][0] <= high + 1:
            low, high = min(low, spans[end][0]), max(high, spans[end][1])
            end += 1
        spans[start:end] = [(low, high)]

    def discard(self, low: int, high: int) -> None:
        """Remove low..high, both included, as far as present."""
        if high < low:
            raise ValueError(f"range {low}..{high} runs backwards")
        spans = self._spans
        if not spans or spans[-1][1] < low or spans[0][0] > high:
            return
        if len(spans) == 1 and low <= spans[0][0] and spans[0][1] <= high:
            spans.clear()
            return
        start = max(bisect_right(spans, (low, _ABOVE)) - 1, 0)
        kept: list[Range] = []
        end = start
        while end < len(spans) and spans[end][0] <= high:
            span_low, span_high = spans[end]
            if span_low < low:
                kept.append((span_low, min(span_high, low - 1)))
            if span_high > high:
                kept.append((max(span_low, high + 1), span_high))
            end += 1
        spans[start:end] = kept

    def clip(self, low: int, high: int) -> "RangeSet":
        """The part of the set inside low..high."""
        found, spans = RangeSet(), self._spans
        if not spans or spans[-1][1] < low or spans[0][0] > high or high < low:
            return found
        if len(spans) == 1:
            start, end = spans[0]
            found._spans.append((start if start > low else low, end if end < high else high))
            return found
        at = max(bisect_right(spans, (low, _ABOVE)) - 1, 0)
        while at < len(spans) and spans[at][0] <= high:
            start, end = spans[at]
            if end >= low:
                found._spans.append((start if start > low else low, end if end < high else high))
            at += 1
        return found

    def minus(self, other: "RangeSet") -> "RangeSet":
        """A new set with the integers that are in this set and not in the other."""
        left = RangeSet()
        left._spans = list(self._spans)
        for low, high in other._spans:
            left.discard(low, high)
        return left

    def update(self, other: "RangeSet") -> None:
        """Add every integer of the other set."""
        if not self._spans:
            self._spans = list(other._spans)
            return
        for low, high in other._spans:
            self.add(low, high)
