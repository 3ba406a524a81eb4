"""A declared loss is of one kind, inside its bounds, and a report of the longest ones fits a body."""

from typing import Any

import pytest
from pydantic import ValidationError

from watchkeep.hub.api.body import MAX_BODY_BYTES
from watchkeep.wire.ids import MAX_EPOCH, MAX_SEQ
from watchkeep.wire.losses import MAX_LOSSES_A_REPORT, MAX_STAMP_S, MAX_TEXT, Loss, LossReport

CHUNKS = {"camera": "cam0", "epoch": 7, "first_seq": 3, "last_seq": 5, "text": "full"}
FRAMES = {"camera": "cam0", "start_s": 1.5, "end_s": 2.5, "frames": 3, "text": "slow"}


def test_both_kinds_survive_the_wire() -> None:
    for fields, seqs, window in ((CHUNKS, (3, 5), None), (FRAMES, None, (1.5, 2.5))):
        loss = Loss.model_validate_json(Loss(**fields).model_dump_json(exclude_defaults=True))
        assert (loss, loss.seqs, loss.window) == (Loss(**fields), seqs, window)


@pytest.mark.parametrize("change", [
    {"camera": "../cam"}, {"camera": "cam0\n"}, {"camera": "x" * 64}, {"epoch": MAX_EPOCH + 1}, {"epoch": -1}, {"last_seq": 2},
    {"last_seq": None}, {"first_seq": None}, {"last_seq": MAX_SEQ + 1}, {"start_s": 1.0, "end_s": 2.0}, {"text": ""}, {"text": "x" * 201},
    {"text": "two\nlines"}, {"first_seq": None, "last_seq": None, "start_s": float("nan"), "end_s": 2.0},
    {"first_seq": None, "last_seq": None, "start_s": 3.0, "end_s": 2.0},
])  # fmt: skip
def test_what_is_no_loss_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Loss(**{**CHUNKS, **change})


def test_a_report_of_the_longest_losses_fits_a_body() -> None:
    longest = [Loss(camera="c" * 63, epoch=MAX_EPOCH, first_seq=MAX_SEQ, last_seq=MAX_SEQ, frames=MAX_SEQ, text="\U0001f3a5" * MAX_TEXT),
               Loss(camera="c" * 63, epoch=MAX_EPOCH, start_s=MAX_STAMP_S - 0.001, end_s=MAX_STAMP_S, frames=MAX_SEQ,
                    text="\U0001f3a5" * MAX_TEXT)]  # fmt: skip
    for loss in longest:
        report = LossReport(losses=[loss] * MAX_LOSSES_A_REPORT)
        assert len(report.model_dump_json(exclude_defaults=True).encode()) < MAX_BODY_BYTES
    with pytest.raises(ValidationError):
        LossReport(losses=[longest[0]] * (MAX_LOSSES_A_REPORT + 1))
    with pytest.raises(ValidationError):
        LossReport(losses=[])
