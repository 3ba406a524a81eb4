"""Commands over MQTT, from their arrival to their reply: inbox.py judges them, orderdesk.py carries them out.

    MQTT thread ─▶ queue ─▶ wk-dir-commands: judge, carry out when this server leads, reply

Rules: a thin shell.  The MQTT thread only enqueues.  A server that does not lead notes the id and says nothing; where nobody leads there is
no reply, and the sender gives the command again with a new id.

Bounds: WAITING commands in the queue; what comes then is dropped with a line in the log, and counts as not heard.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from ...wire import topics
from ...wire.commands import ORDERS, Command, CommandReply, Outcome
from ...wire.errors import WatchkeepError
from ...wire.shell.threads import Supervised
from .errors import BusyError, RefusedError, UnsureError
from .inbox import Address, Inbox, addressed
from .orderdesk import OrderDesk

log = logging.getLogger(__name__)
WAITING: Final = 64
NEVER: Final = float("-inf")
STOP_S: Final = 10.0
"""Longer than an order takes at most."""


class Commander:
    """start() once, stop() once; heard() from the MQTT thread."""

    def __init__(self, site: str, server: str, orders: OrderDesk, allowed: Collection[str], publish: Callable[[str, bytes], None],
                 since: Callable[[], float]) -> None:  # fmt: skip
        """since: monotonic time from when on the connection to the broker stands."""
        self._site, self._orders, self._publish, self._since = site, orders, publish, since
        self._dropped_at = NEVER
        self._inbox = Inbox(server, allowed)
        self._queue: queue.Queue[tuple[Address, bytes] | None] = queue.Queue(WAITING)
        self._worker = Supervised("wk-dir-commands", self._run)

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        """Before the MQTT client, so that a command under way is finished and answered."""
        self._worker.stop()
        with suppress(queue.Full):  # then it waits for none, and sees the stop
            self._queue.put_nowait(None)
        self._worker.join(STOP_S)

    def heard(self, topic: str, payload: bytes) -> None:
        """Never waits."""
        to = addressed(topic)
        if to is None:
            log.warning("a command whose topic has no valid id, ignored", extra={"topic": topic[:200]})
            return
        try:
            self._queue.put_nowait((to, payload))
        except queue.Full:
            self._dropped_at = time.monotonic()
            log.warning("too many commands at once, one is dropped", extra={"command": to.kind, "id": to.id})

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            item = self._queue.get()
            if item is None:
                return
            to, payload = item
            since = max(self._since(), self._dropped_at)
            found = self._inbox.take(to, payload, time.monotonic(), time.time(), since)
            if self._orders.leads:
                reply = found if isinstance(found, CommandReply) else self._carried_out(to, found)
                self._publish(topics.command_reply(self._site, to.kind, to.id), reply.model_dump_json().encode())
                log.info("command", extra={"command": to.kind, "id": to.id, "outcome": str(reply.outcome), "text": reply.text})

    def _carried_out(self, to: Address, command: Command) -> CommandReply:
        order = ORDERS[to.kind].model_validate({**command.model_dump(exclude={"at_s"}), "actor": command.actor or f"mqtt/{to.id}"})
        try:
            done = self._orders.carry_out(order, "")
        except WatchkeepError as error:
            return self._inbox.reply(to, time.time(), _outcome(error), error.message, error.remedy)
        return self._inbox.reply(to, time.time(), Outcome.DONE, done.text, index=done.index, copies=done.copies)


def _outcome(error: WatchkeepError) -> Outcome:
    if isinstance(error, RefusedError):
        return Outcome.REFUSED
    return Outcome.BUSY if isinstance(error, BusyError) and not isinstance(error, UnsureError) else Outcome.UNSURE
