"""The figures of bench runs with different numbers of cameras as a picture (SVG): `./run bench --cameras 8,16,64 --plot docs/bench.svg`.

Rules: a run with a lost frame is not drawn, its number of cameras is named under the picture; axes begin at 0, and the next step
of 1, 2 or 5 above the highest value is their end; every point has its number beside it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from judge import TARGETS, Result, faults

WIDTH, HEIGHT, EDGE = 300, 220, 56
"""Of a panel's plotting area, and the room around it for words."""
OURS, THEIRS, MUTED, INK = "#0b6e4f", "#b4532a", "#8a8f98", "#22262b"


LEGEND = ((OURS, "Watchkeep: hashed, synced, written three times"), (THEIRS, "FFmpeg segment recorder: written once"), (MUTED, "target"))


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure over the number of cameras; `limit` is a dashed line, in the figure's unit or as a share of FFmpeg's."""

    title: str
    ours: Callable[[Result], float]
    theirs: Callable[[Result], float] | None
    limit: Callable[[Result], float]
    digits: int


PANELS = (
    Panel("CPU per camera, % of a core", lambda one: one.agent_cpu_percent_per_camera, lambda one: one.ffmpeg_cpu_percent_per_camera,
          lambda one: TARGETS["cpu_ratio"] * one.ffmpeg_cpu_percent_per_camera, 3),
    Panel("memory per camera, MB", lambda one: one.agent_rss_mb_per_camera, lambda one: one.ffmpeg_rss_mb_per_camera,
          lambda _: TARGETS["agent_rss_mb_per_camera"], 1),
    Panel("wake-ups a second, whole agent", lambda one: one.agent_wakeups_per_s, None, lambda _: TARGETS["agent_wakeups_per_s"], 0),
)  # fmt: skip


def svg(results: Sequence[Result]) -> str:
    """The picture of at least one run that counts; raises ValueError for none."""
    good = sorted((one for one in results if not faults(one)), key=lambda one: one.cameras)
    if not good:
        raise ValueError("no run counts: there is nothing to draw")
    bad = sorted(one.cameras for one in results if faults(one))
    wide, high = len(PANELS) * (WIDTH + 2 * EDGE), HEIGHT + 2 * EDGE + 40
    note = f"{good[0].when} to {good[-1].when}; {good[0].seconds:g} s each" + (f"; does not count: {_listed(bad)} cameras" if bad else "")
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="12" fill="{INK}">',
             f'<rect width="{wide}" height="{high}" fill="#ffffff"/>']  # fmt: skip
    for number, panel in enumerate(PANELS):
        lines += _panel(panel, good, number * (WIDTH + 2 * EDGE) + EDGE)
    at = EDGE
    for colour, text in LEGEND:
        lines += [f'<rect x="{at}" y="{high - 46}" width="12" height="12" fill="{colour}"/>', _text(at + 18, high - 36, text)]
        at += 40 + 7 * len(text)
    return "\n".join([*lines, _text(EDGE, high - 12, note, fill=MUTED), "</svg>", ""])


def _panel(panel: Panel, good: Sequence[Result], left: int) -> Iterator[str]:
    theirs = [panel.theirs(one) for one in good] if panel.theirs else []
    top = step_above(max([*(panel.ours(one) for one in good), *theirs, *(panel.limit(one) for one in good)]))
    low = EDGE + HEIGHT

    def at(number: int, value: float) -> tuple[float, float]:
        return left + WIDTH * (number + 0.5) / len(good), low - HEIGHT * value / top

    yield _text(left, EDGE - 24, panel.title, weight="bold")
    for share in (0.0, 0.5, 1.0):
        y = low - HEIGHT * share
        yield f'<line x1="{left}" y1="{y:.1f}" x2="{left + WIDTH}" y2="{y:.1f}" stroke="#e3e5e8"/>'
        yield _text(left - 6, y + 4, f"{top * share:g}", fill=MUTED, anchor="end")
    for number, one in enumerate(good):
        yield _text(at(number, 0)[0], low + 18, str(one.cameras), anchor="middle")
    yield _text(left + WIDTH / 2, low + 34, "cameras of 4 Mbit/s", fill=MUTED, anchor="middle")
    yield _line([at(number, panel.limit(one)) for number, one in enumerate(good)], MUTED, dashed=True)
    for colour, values in ((THEIRS, theirs), (OURS, [panel.ours(one) for one in good])):
        points = [at(number, value) for number, value in enumerate(values)]
        if points:
            yield _line(points, colour)
        for (x, y), value in zip(points, values, strict=True):
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
            yield _text(x, y - 8, f"{value:.{panel.digits}f}", fill=colour, anchor="middle")


def step_above(value: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below a value; 1 for 0."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _line(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = "5 4" if dashed else "none"
    return f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dashes}"/>'


def _text(x: float, y: float, text: str, *, fill: str = INK, anchor: str = "start", weight: str = "normal") -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}">{safe}</text>'


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
