"""The live view of `agent top`: it is drawn anew as long as somebody watches, and once for nobody."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from watchkeep.agent.control import screen
from watchkeep.agent.control.model import Status
from watchkeep.agent.replicate.overview import Overview
from watchkeep.wire.errors import UsageError
from watchkeep.wire.messages import AgentBeacon

ENTERS, LEAVES = "\x1b[?1049h", "\x1b[?1049l"
"""What gives a terminal another screen, and its own one back."""


class Watched:
    """An agent that wakes once more often each time it is asked, until what is given comes of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, terminal: bool, looks: int, end: BaseException) -> None:
        self.asked, self.looks, self.end, self.drawn = 0, looks, end, io.StringIO()
        self.pauses: list[float] = []
        monkeypatch.setattr(screen, "Console", lambda: Console(file=self.drawn, force_terminal=terminal, width=200, height=20))
        monkeypatch.setattr(screen, "time", SimpleNamespace(sleep=self.pauses.append))

    def ask(self) -> Status:
        if self.asked == self.looks:
            raise self.end
        self.asked += 1
        return Status(beacon=AgentBeacon(agent="edge-1", site="s", version="1", online=True, boot="b", beat=1, sent_s=0.0,
                                         wakeups_s=float(self.asked)), cameras=[], replication=Overview((), ()))  # fmt: skip

    def shown(self, number: int) -> bool:
        return f"{number} wake-ups a second" in self.drawn.getvalue()


def test_a_terminal_shows_each_look_until_it_is_interrupted_and_is_then_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Watched(monkeypatch, terminal=True, looks=3, end=KeyboardInterrupt())
    screen.watch(seen.ask, 2.5)
    assert [seen.shown(number) for number in (1, 2, 3)] == [True, True, True]
    assert seen.pauses == [2.5, 2.5, 2.5], "one before each look but the first"
    assert (ENTERS in seen.drawn.getvalue(), LEAVES in seen.drawn.getvalue()) == (True, True)


def test_an_agent_that_ends_while_it_is_watched_ends_the_view_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Watched(monkeypatch, terminal=True, looks=2, end=UsageError("no agent runs", remedy="start it"))
    with pytest.raises(UsageError, match="no agent runs"):
        screen.watch(seen.ask, 1.0)
    assert LEAVES in seen.drawn.getvalue(), "the reason is to be read on the terminal's own screen"


def test_a_file_or_a_pipe_gets_one_look_and_no_codes_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Watched(monkeypatch, terminal=False, looks=1, end=AssertionError("asked again for nobody"))
    screen.watch(seen.ask, 1.0)
    assert (seen.shown(1), seen.pauses, "\x1b" in seen.drawn.getvalue()) == (True, [], False)
