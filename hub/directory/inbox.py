"""Commands that come over MQTT: which of them are carried out, and what the others are told.  No I/O, no clock.

    topic and payload ─▶ its id is new ─▶ a command there is ─▶ allowed ─▶ its form ─▶ its time ─▶ what was before is known ─▶ Command
                              └── no: a CommandReply that says why

Rules: every directory server takes note of every id, and only the leader answers, so that a new leader knows what the old one has
carried out.  An id is remembered as long as a command with its time could still be in time; one without a time of its own would be good
for ever, so there is none.  What waited in a broker is old, and is refused.

A server that was started a moment ago, or was away from the broker, knows no ids of before: the leader of that time may have carried
out what comes again.  So what was given before it heard everything is not carried out, and the reply says that nobody knows.  This holds
for a giver whose clock is ahead by SKEW_S at most; one that is further ahead can have a command carried out a second time, by sending it
again within the minute after such a start.

Bounds: MAX_KNOWN ids; beyond them commands are refused until some are forgotten, so that nobody can push an id out to repeat it.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final, NamedTuple

from pydantic import ValidationError

from ...wire.commands import COMMANDS, WINDOW_S, Command, CommandReply, Outcome
from ...wire.config import worded
from ...wire.errors import IdError
from ...wire.ids import check_id

MAX_KNOWN: Final = 10_000
"""More than 80 commands a second, which no operator gives; 2 MB."""
KEEP_S: Final = 2 * WINDOW_S + 1.0
"""From the earliest to the latest moment at which one and the same command is in time."""
SKEW_S: Final = 2.0
"""Clocks of machines that keep time differ by less; so long after a start nothing is carried out."""
MAX_PAYLOAD_BYTES: Final = 128 << 10


class Address(NamedTuple):
    """What a topic says."""

    kind: str
    id: str


def addressed(topic: str) -> Address | None:
    """None for what is no command's topic."""
    parts = topic.split("/")
    try:
        return Address(check_id("command", parts[-2]), check_id("command", parts[-1]))
    except (IdError, IndexError):
        return None


class Inbox:
    """One server's; `now` is monotonic seconds, `utc_s` the wall clock that commands carry."""

    def __init__(self, server: str, allowed: Collection[str]) -> None:
        self._server, self._allowed = server, frozenset(allowed)
        self._known: OrderedDict[Address, float] = OrderedDict()

    def take(self, to: Address, payload: bytes, now: float, utc_s: float, since: float) -> Command | CommandReply:
        """The command, for the leader to carry out; or why not, for the leader to tell.

        since: monotonic time from when on every command was heard here.
        """
        found = self._noted(to, now) or self._expected(to) or _parsed(to, payload)
        if isinstance(found, _No):
            return self.reply(to, utc_s, found.outcome, found.text, found.remedy)
        if not abs(found.at_s - utc_s) <= WINDOW_S:  # also for a time that is no number
            text = f"its time is {found.at_s - utc_s:+.0f} s from the directory's clock, more than {WINDOW_S:g} s"
            return self.reply(to, utc_s, Outcome.STALE, text, "give it again with the present time, or set the clocks")
        if found.at_s - utc_s < since - now + SKEW_S:
            text = f"this server has heard all commands for {now - since:.0f} s only: it may have been carried out before"
            return self.reply(to, utc_s, Outcome.UNSURE, text, "look at the site, and give it again with a new id if it was not")
        return found

    def reply(self, to: Address, utc_s: float, outcome: Outcome, text: str, remedy: str = "", index: int = 0,
              copies: int = 0) -> CommandReply:  # fmt: skip
        return CommandReply(id=to.id, command=to.kind, outcome=outcome, text=text, remedy=remedy, server=self._server, at_s=utc_s,
                            index=index, copies=copies)  # fmt: skip

    def _noted(self, to: Address, now: float) -> "_No | None":
        while self._known and next(iter(self._known.values())) < now - KEEP_S:
            self._known.popitem(last=False)
        if to in self._known:
            return _No(Outcome.REPEATED, "a command of this id was there before", "give it a new id if it is to be carried out again")
        if len(self._known) >= MAX_KNOWN:
            return _No(Outcome.BUSY, f"{MAX_KNOWN} commands came within {KEEP_S:g} s", "find out who sends them")
        self._known[to] = now
        return None

    def _expected(self, to: Address) -> "_No | None":
        if to.kind not in COMMANDS:
            return _No(Outcome.UNKNOWN, f"there is no command {to.kind}", f"there are {', '.join(COMMANDS)}")
        if to.kind not in self._allowed:
            return _No(Outcome.NOT_ALLOWED, f"{to.kind} is not taken over MQTT here", "add it to directory.mqtt_commands of each server")
        return None


class _No(NamedTuple):
    outcome: Outcome
    text: str
    remedy: str


def _parsed(to: Address, payload: bytes) -> "Command | _No":
    kind = COMMANDS[to.kind]
    if len(payload) > MAX_PAYLOAD_BYTES:
        return _No(Outcome.MALFORMED, f"it has more than {MAX_PAYLOAD_BYTES} bytes", "split it")
    try:
        return kind.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if not first["loc"]:
            return _No(Outcome.MALFORMED, "it is no JSON object", f"its fields are {', '.join(kind.model_fields)}")
        text, remedy = worded(first, kind)
        return _No(Outcome.MALFORMED, f"{'.'.join(map(str, first['loc']))} {text}"[:300], remedy[:300])
