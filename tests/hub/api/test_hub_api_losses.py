"""POST /v1/losses: kept once, shown on the timeline, and what is no loss is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_kit import EPOCH, Answer, Hub, film, running

from watchkeep.wire import http as names

LOSS = {"camera": "cam0", "epoch": EPOCH, "first_seq": 2, "last_seq": 3, "text": "the journal was full"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with running(tmp_path) as made:
        yield made


def declare(hub: Hub, *losses: dict[str, Any]) -> Answer:
    return hub.request("POST", names.LOSSES, json.dumps({"losses": losses}).encode())


def test_a_gap_that_was_declared_says_so(hub: Hub) -> None:
    hub.stored(film(6).batch(0, 1, 4, 5))
    assert declare(hub, LOSS).json() == {"archiver": "a", "fresh": 1}
    assert declare(hub, LOSS, {**LOSS, "from a later version": 1}).json() == {"archiver": "a", "fresh": 0}
    [gap] = hub.get(names.timeline("cam0")).json()["gaps"]
    assert (gap["cause"], gap["text"]) == ("loss", LOSS["text"])


@pytest.mark.parametrize(("body", "status", "code", "says"), [
    (b"{", 400, names.BAD_REQUEST, "body"),
    (b'{"losses": []}', 400, names.BAD_REQUEST, "body.losses"),
    (json.dumps({"losses": [{**LOSS, "camera": "../x"}]}).encode(), 400, names.BAD_REQUEST, "body.losses.0.camera"),
    (json.dumps({"losses": [{**LOSS, "last_seq": 1}]}).encode(), 400, names.BAD_REQUEST, "ends before it begins"),
    (json.dumps({"losses": [{**LOSS, "last_seq": None}]}).encode(), 400, names.BAD_REQUEST, "give first_seq and last_seq"),
    (json.dumps({"losses": [LOSS] * 13}).encode(), 400, names.BAD_REQUEST, "body.losses"),
    (b" " * 20_000, 413, names.OVERSIZE, "body"),
])  # fmt: skip
def test_what_is_no_loss_is_refused_with_a_reason(hub: Hub, body: bytes, status: int, code: str, says: str) -> None:
    answer = hub.request("POST", names.LOSSES, body)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert says in answer.json()["reason"]
    assert declare(hub, LOSS).json()["fresh"] == 1
