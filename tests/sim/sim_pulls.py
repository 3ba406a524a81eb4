"""Invariant 5 of consolidation: only what was cut is stored, nothing is taken away, and in the end nothing is missing that a peer has.

Rules: files taken away by a round are seen by its disks (`guarded`); everything else is compared with what was cut.
"""

from collections.abc import Sequence

from sim_archiver import SimArchiver
from sim_consolidate import Neighbours
from sim_content import Cuts, Names, true_hash
from sim_engine import Broken

from watchkeep.hub.store.model import Record
from watchkeep.wire.causes import ConsolidationPhase
from watchkeep.wire.messages import ConsolidationState
from watchkeep.wire.ranges import RangeSet
from watchkeep.wire.record import RecordKind


class PullChecks:
    """Hooks of one world's rounds; counts into `done`."""

    def __init__(self, around: Neighbours, cuts: Cuts, done: dict[str, int]) -> None:
        self._around, self._cuts, self.done = around, cuts, done
        around.on_pull, around.on_round = self.pulled, self.round

    def pulled(self, archiver: SimArchiver, records: Sequence[Record]) -> None:
        """Invariant 5: what a peer gave is stored only when it is what was cut."""
        for header, payload, _ in records:
            if header.kind is RecordKind.CHUNK:
                name = header.camera, header.epoch, header.seq
                if header.hash != self._cuts.hashes.get(name) or true_hash(payload) != header.hash:
                    raise Broken(5, f"{archiver.name} stores other bytes of a peer under {name}")
                self.done["pulled"] += 1

    def round(self, archiver: SimArchiver, state: ConsolidationState) -> None:
        """Nobody's chunks have two pasts here, and no file rots."""
        self.done["rounds"] += 1
        self.done["torn"] += state.phase is ConsolidationPhase.FAILED and state.pulled > 0
        if state.different or state.refused or state.set_aside:
            raise Broken(5, f"{archiver.name} finds {state.different} different, {state.refused} refused, sets {state.set_aside} aside")

    def unfilled(self) -> str:
        """What an archiver that lost its disks lacks of what another one has; undated chunks are left where they are."""
        around, archivers = self._around, self._around.archivers
        for name, archiver in archivers.items():
            if archiver.process is None or not (around.all or archiver.disks_lost):
                continue
            mine = _held(archiver)
            cameras = {camera for (camera, _), seqs in _synced(archiver).epochs.items() if seqs}
            for peer, other in archivers.items():
                for key, seqs in _given(other).epochs.items() if other.process is not None and peer != name else ():
                    if around.rules.cameras == "all" or key[0] in cameras:
                        lacking = seqs.minus(mine.of(key)).minus(archiver.removed.of(key)).minus(self._cuts.undated.of(key))
                        if lacking:
                            return f"{name} never gets {key}: {lacking} from {peer}"
        return ""


def _held(archiver: SimArchiver) -> Names:
    """Chunks that stand in the files of an archiver now."""
    found = Names()
    for disk in archiver.disks:
        found.update(disk.holds())
    return found


def _given(archiver: SimArchiver) -> Names:
    """Those that it has to know and show; a sync that hung counts as failed, whatever it did."""
    return Names() if any(disk.ever_hung for disk in archiver.disks) else _synced(archiver)


def _synced(archiver: SimArchiver) -> Names:
    """Those of them that were fsynced: what a file holds beside them, given up on a volume that was away, counts from the next start on."""
    found = Names()
    for disk in archiver.disks:
        for key, seqs in disk.holds().epochs.items():
            found.epochs.setdefault(key, RangeSet()).update(seqs.minus(seqs.minus(disk.durable.of(key))))
    return found
