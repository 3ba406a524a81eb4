"""Orders of operators, over HTTP or MQTT: understood by orders.py, carried out by the leader.

Rules: blocking, so on worker threads only.  An order is judged by what the leader knows, and answered with the entry that it became;
a refusal is a RefusedError with every problem, that nobody leads now is a BusyError.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ...wire import http
from ...wire.commands import FailoverOrder, MaintenanceOrder, MoveOrder, Order, OrderAnswer
from . import orders
from .cluster import steps
from .desk import SiteDesk, problem_text
from .errors import RefusedError
from .exchange import Taken
from .liveness import Life
from .rules import Problem
from .server import DirectoryServer
from .site import Site

PATHS: Final[dict[type[Order], str]] = {
    FailoverOrder: http.SITE_FAILOVER, MoveOrder: http.SITE_MOVE, MaintenanceOrder: http.SITE_MAINTENANCE,
}  # fmt: skip


class OrderDesk:
    """Used by several worker threads.  lives, stores: agents and archivers, and whether they live, as far as this server knows."""

    def __init__(self, desk: SiteDesk, server: DirectoryServer, me: str, lives: Callable[[], Mapping[str, str]],
                 stores: Callable[[], Mapping[str, str]], utc_s: Callable[[], float]) -> None:  # fmt: skip
        self._desk, self._server, self._me, self._lives, self._stores, self._utc_s = desk, server, me, lives, stores, utc_s

    @property
    def leads(self) -> bool:
        return self._server.leads

    def carry_out(self, wanted: FailoverOrder | MoveOrder | MaintenanceOrder, via: str) -> OrderAnswer:
        """Raises RefusedError or BusyError."""
        if not self._server.leads:
            path = next(path for kind, path in PATHS.items() if isinstance(wanted, kind))
            return self._desk.passed_on("POST", path, wanted, via, OrderAnswer)
        found, actor = self._meant(wanted, self._server.view()), wanted.actor or "anonymous"
        match found:
            case orders.Lead():
                return _answer(self._desk.own(lambda ticket: steps.HandOver(ticket, "", actor)), f"{self._me} hands the lead over")
            case orders.Pass(role):
                taken = self._desk.own(lambda ticket: steps.HandOver(ticket, role, actor))
                lease = self._server.view().leases.get(role)
                return _answer(taken, f"role {role} is held by {lease.holder if lease else 'nobody'}")
            case orders.Recorders(recorders, text):
                return _answer(self._desk.own(lambda ticket: steps.Assign(ticket, recorders, {}, actor)), text)
            case orders.Edited(changes, text):
                return _answer(self._desk.own(lambda ticket: steps.Edit(ticket, changes, actor, text[:200])), text)
            case wrong:
                raise RefusedError([problem_text(one) for one in wrong])

    def _meant(self, wanted: FailoverOrder | MoveOrder | MaintenanceOrder, site: Site) -> "orders.Wanted | list[Problem]":
        gone, silent = _gone(self._lives()), _gone(self._stores())
        match wanted:
            case FailoverOrder(back=True):
                return orders.given_back(site, wanted.name, silent)
            case FailoverOrder():
                return orders.failover(site, wanted.name, self._me, frozenset(site.agents) - gone, self._utc_s(), silent)
            case MoveOrder():
                return orders.move(site, wanted.cameras, wanted.agent, gone, self._utc_s())
            case MaintenanceOrder():
                return orders.maintenance(site, wanted.name, on=wanted.on, lasting_s=wanted.lasting_s, now_s=self._utc_s())


def _gone(lives: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name, life in lives.items() if life == Life.GONE.value)


def _answer(taken: Taken, text: str) -> OrderAnswer:
    return OrderAnswer(index=taken.index, copies=taken.copies, text=text)
