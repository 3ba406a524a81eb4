"""A report on a terminal: one table, then what is wrong, then the verdict.

Rules: every line fits a fault to a place; lists are cut at MAX_LINES a camera and say so, `--json` has them all.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .report import CameraComparison, CameraReport, Comparison, Difference, Report

MAX_LINES = 20


def show(report: Report, console: Console) -> None:
    """Print a report."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("camera", "files", "chunks", "MB", "frames", "from (UTC)", "length", "epochs", "gaps", "damage"):
        table.add_column(column, justify="left" if column in ("camera", "from (UTC)") else "right", overflow="fold")
    for camera in report.cameras:
        table.add_row(*_row(camera))
    console.print(table)
    for camera in report.cameras:
        if camera.sessions:
            _lines(console, [_counters(camera)])
        _lines(console, list(_faults(camera)))
    if report.against is not None:
        _show_comparison(report.against, console)
    console.print(_verdict(report), style="bold green" if report.good else "bold red", highlight=False, soft_wrap=True)


def _row(camera: CameraReport) -> list[str]:
    spans = camera.spans
    start, length = (_time(spans[0].start_s), str(timedelta(seconds=round(spans[-1].end_s - spans[0].start_s)))) if spans else ("-", "-")
    counts = [str(camera.files), str(camera.chunks), f"{camera.bytes / 1e6:.1f}", str(camera.frames)]
    faults = [str(len(camera.epochs)), str(len(camera.gaps)), str(camera.damage_total)]
    return [escape(_name(camera)), *counts, start, length, *faults]


def _name(camera: CameraReport) -> str:
    return camera.camera or "(unknown)"


def _counters(camera: CameraReport) -> str:
    missing = sum(session.missing_frames for session in camera.sessions)
    twice = sum(high - low + 1 for session in camera.sessions for low, high in session.duplicates)
    counted = sum(session.frames for session in camera.sessions)
    bare = f", {camera.uncounted} frames without" if camera.uncounted else ""
    return f"counters {escape(_name(camera))}: {counted} in {len(camera.sessions)} session(s), {missing} missing, {twice} twice{bare}"


def _faults(camera: CameraReport) -> Iterable[str]:
    name = escape(_name(camera))
    for damage in camera.damage:
        place = "" if damage.seq is None else f" epoch {damage.epoch} chunk {damage.seq}"
        frame = "" if damage.frame is None else f" frame {damage.frame}"
        yield f"[red]damage[/] {name}{place}{frame}: {escape(damage.reason)} ({escape(damage.file)} at byte {damage.offset})"
    if camera.damage_total > len(camera.damage):
        yield f"[red]damage[/] {name}: {camera.damage_total - len(camera.damage)} more"
    for gap in camera.gaps:
        chunks = "" if gap.first_seq is None else f", chunks {gap.first_seq} to {gap.last_seq} of epoch {gap.epoch}"
        why = f": {escape(gap.text)}" if gap.text else ""
        yield f"[yellow]gap[/] {name}: {gap.end_s - gap.start_s:.3f} s from {_time(gap.start_s)}, {gap.cause}{chunks}{why}"
    for session in camera.sessions:
        where = f"{name} run {session.run:08x} session {session.session}"
        if session.missing:
            yield f"[red]frames missing[/] {where}: {_ranges(session.missing)}"
        if session.duplicates:
            yield f"[red]frames twice[/] {where}: {_ranges(session.duplicates)}"


def _show_comparison(comparison: Comparison, console: Console) -> None:
    same = sum(camera.same for camera in comparison.cameras)
    console.print(f"against {escape(comparison.against)}: {same} chunks are the same", highlight=False, soft_wrap=True)
    for camera in comparison.cameras:
        _lines(console, list(_differences(camera)))


def _differences(camera: CameraComparison) -> Iterable[str]:
    lists: tuple[tuple[str, Sequence[Difference]], ...] = (
        ("missing here", camera.missing_here), ("missing there", camera.missing_there), ("different", camera.different))  # fmt: skip
    for what, differences in lists:
        for one in differences:
            yield f"[red]{what}[/] {escape(camera.camera)} epoch {one.epoch} chunks {one.first_seq} to {one.last_seq}"


def _lines(console: Console, lines: Sequence[str]) -> None:
    for line in lines[:MAX_LINES]:
        console.print(line, highlight=False, soft_wrap=True)
    if len(lines) > MAX_LINES:
        console.print(f"... and {len(lines) - MAX_LINES} more; --json lists them all", highlight=False)


def _verdict(report: Report) -> str:
    what = f"{report.files} files, {sum(camera.chunks for camera in report.cameras)} chunks, {report.bytes / 1e6:.1f} MB"
    if report.good:
        return f"all good: {what}, every hash, chain and number holds, no gap"
    return f"not good: {what}; see above"


def _ranges(ranges: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges[:MAX_LINES])
    return shown if len(ranges) <= MAX_LINES else f"{shown} and {len(ranges) - MAX_LINES} more ranges"


def _time(stamp_s: float) -> str:
    """UTC to the millisecond; stamps that no calendar holds are shown as they are."""
    try:
        return datetime.fromtimestamp(stamp_s, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    except (ValueError, OverflowError, OSError):
        return f"{stamp_s:.0f}"
