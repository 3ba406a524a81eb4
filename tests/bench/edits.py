"""Clients that edit a site's directory: at a rate or as fast as they are answered, and one that goes on while leaders die.

Rules: all note what was acknowledged (acknowledged.py); proof() holds it against the journal of every server, once all are there again.
"""

import json
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from acknowledged import Acknowledged, lost, told
from directory_kit import Client
from directory_site import DirectorySite
from series import Series
from wksite import wait_until

CLIENTS = 16
CAMERAS = 500
PAGE = 500
SETTLE_S = 60.0
"""Until whoever led has delivered what it alone had."""


class Clients:
    """Connections to one server that put cameras, each its share of a common rate, 0 for none; `made` is when each index was answered."""

    def __init__(self, url: str, edits: int, rate: float, book: Acknowledged) -> None:
        self._where, self._edits, self._rate, self._book = urlsplit(url), edits, rate, book
        self._lock, self._next = threading.Lock(), 0
        self.made: dict[int, float] = {}
        self.cameras: dict[int, str] = {}
        self.refused = 0
        self._began = time.monotonic()
        self._threads = [threading.Thread(target=self._run, name=f"client-{number}") for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        connection = HTTPConnection(self._where.hostname or "", self._where.port or 0, timeout=30)
        while (number := self._take()) < self._edits:
            threading.Event().wait(max(0.0, self._began + number / self._rate - time.monotonic()) if self._rate else 0.0)
            camera, value = f"cam{number % CAMERAS}", self._book.value()
            connection.request("PUT", f"/v1/site/camera/{camera}", json.dumps(value), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self._book.take(value)
            with self._lock:
                if answer.status == 200:
                    index = json.loads(body)["index"]
                    self.made[index], self.cameras[index] = time.monotonic(), camera
                else:
                    self.refused += 1
        connection.close()

    def _take(self) -> int:
        with self._lock:
            self._next += 1
            return self._next - 1

    @property
    def newest(self) -> tuple[int, str]:
        """The highest index that was answered, and its camera; (0, "") before."""
        with self._lock:
            index = max(self.made, default=0)
            return index, self.cameras.get(index, "")

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> float:
        """Edits a second, when all are answered."""
        for thread in self._threads:
            thread.join()
        return len(self.made) / (time.monotonic() - self._began)


def put(client: Client, camera: str, book: Acknowledged) -> bool:
    """One edit; whether it was acknowledged."""
    value = book.value()
    with suppress(OSError, HTTPException):
        if client.put(f"camera/{camera}", value).status == 200:
            book.take(value)
            return True
    return False


class Writer:
    """Puts one camera after the other, at each server in turn, until it is stopped; `made` counts what was acknowledged."""

    def __init__(self, clients: list[Client], book: Acknowledged) -> None:
        self._clients, self._book = clients, book
        self._stop = threading.Event()
        self.made = 0
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.02):
            number += 1
            self.made += put(self._clients[number % len(self._clients)], f"cam{number % CAMERAS}", self._book)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)


def proof(site: DirectorySite, names: str, series: Series, book: Acknowledged) -> None:
    """Enter how many edits were acknowledged, and how many of them some server's journal lacks once all of them are level."""
    found: dict[str, list[str]] = {}

    def whole() -> bool:
        wait_until(lambda: site.leader(names) != "", SETTLE_S, "level servers")
        found.clear()
        found.update(book.missing({name: _journal(site.clients[name]) for name in names}))
        return not found

    deadline = time.monotonic() + SETTLE_S
    while not whole() and time.monotonic() < deadline:
        threading.Event().wait(1.0)
    series.edits, series.edits_missing = book.count, lost(found)
    series.note += told(found)


def _journal(client: Client) -> list[dict[str, Any]]:
    """The payload of every entry that a server has."""
    payloads: list[dict[str, Any]] = []
    before = ""
    while True:
        answer = client.get(f"/v1/site/history?limit={PAGE}{before}")
        assert answer.status == 200, answer.body
        page = answer.json()
        payloads += [entry["payload"] for entry in page["entries"]]
        if page["before"] is None:
            return payloads
        before = f"&before={page['before']}"
