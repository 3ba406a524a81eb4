"""What becomes of a request that reaches a server: only a leader takes one.  No I/O, no clock.

    not leading ─▶ unable        gives numbers, and owes some ─▶ unable        else ─▶ Leading: its role, its lead, its journal

Rules: no number is given while those that this server, or its database, gave before are not passed: an `assign`, a hand-over and the
branch of another server give numbers.  Cluster and Shared decide by this; what a hand-over then means is theirs.
"""

from collections.abc import Mapping

from ..rules import Problem
from .aside import Aside
from .handover import heirs
from .leading import Leading
from .sight import Sight
from .status import Status
from .steps import Action, Assign, Edit, HandOver, Offer, Refused, Settle, Unable

Request = Edit | Settle | Assign | Offer | HandOver


def able_ones(me: str, living: Mapping[str, Status]) -> set[str]:
    """Who could hold a role: this server, and those that live and say so."""
    return {me, *(name for name, one in living.items() if one.able)}


def admit(event: Request, me: str, leading: Leading | None, aside: Aside, sight: Sight, now: float,
          owed: str) -> tuple[list[Action], bool]:  # fmt: skip
    """(the actions, whether the lead is to be handed over); `leading` when this server leads, `owed` names the numbers it may owe."""
    if leading is None:
        return [Unable(event.ticket, "this server does not lead")], False
    numbers = isinstance(event, Assign | HandOver) or (isinstance(event, Offer) and event.parcel.server != me)
    if numbers and aside.owes_numbers(leading.tip):
        return [Unable(event.ticket, f"this server first takes in {owed}")], False
    if not isinstance(event, HandOver):
        return leading.request(event), False
    living = sight.living(now)
    if event.role:
        return leading.pass_on(event.ticket, event.role, able_ones(me, living), event.actor), False
    if not heirs(living):
        return [Refused(event.ticket, (Problem("nobody", "directory", "no other server that could lead is there", "start one"),))], False
    return leading.hand_over(event.ticket, event.actor), True
