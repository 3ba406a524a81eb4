"""Declared losses that lie on a volume explain its gaps, offline."""

from pathlib import Path

from verify_archive import Recorder, volume

from watchkeep.hub.store.declared import to_line
from watchkeep.hub.verify.verify import verify_paths
from watchkeep.wire.causes import Cause
from watchkeep.wire.losses import Loss
from watchkeep.wire.paths import LOSSES_FILE


def test_a_volume_says_itself_which_of_its_gaps_were_declared_lost(tmp_path: Path) -> None:
    recorder = Recorder(per_file=1).record(6)
    epoch, ended_s = recorder.epoch, recorder.now_ns / 1e9
    recorder.restart(Cause.OVERFLOW, 4.0).record(1)
    root = volume(tmp_path / "a")
    for path in [path for at, path in enumerate(recorder.write(root)) if at in (1, 4)]:
        path.unlink()
    lost = [Loss(camera="cam0", epoch=epoch, first_seq=1, last_seq=1, text="the journal was full"),
            Loss(camera="cam0", start_s=ended_s + 1, end_s=ended_s + 2, frames=80, text="frames did not fit")]  # fmt: skip
    (root / LOSSES_FILE).write_bytes(b"".join(map(to_line, lost)))
    report = verify_paths([root])
    gaps = [(gap.cause, gap.text, gap.first_seq) for gap in report.camera("cam0").gaps]
    assert gaps == [("loss", "the journal was full", 1), ("hole", "", 4), ("loss", "80 frames did not fit", None)]
    assert not report.good
    (root / LOSSES_FILE).unlink()
    assert [gap.cause for gap in verify_paths([root]).camera("cam0").gaps] == ["hole", "hole", "overflow"]
