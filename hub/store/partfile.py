"""One part file being written: `ftyp moov (seal moof mdat)*`, appended to and never rewritten.

    written  (size, last_seq)                 bytes in the page cache: received
    synced   (durable_size, durable_seq)      fdatasync has returned: durable (invariant 3)

Rules: written and synced by the volume's writer thread alone; what readers see (`note`, `mark_durable`, `trim`, `snapshot`)
changes only under the register's lock.  A file whose sync has failed is given up, never synced again.
"""

from .disk import Disk
from .model import ENTRY, Part, Write, pack_entry


class PartFile:
    """The file at `path`, already created and empty behind `handle`; named by its first chunk."""

    def __init__(self, disk: Disk, volume: str, path: str, handle: int, first: Write) -> None:
        self._disk, self._handle, self._init = disk, handle, first.init
        self.volume, self.path = volume, path
        seal = first.seal
        self.camera, self.epoch, self.segment_seq, self.first_seq = seal.camera, seal.epoch, seal.segment_seq, seal.seq
        self.last_seq = self.durable_seq = seal.seq - 1
        self.size = self.durable_size = 0
        self._start_ns, self._init_hash, self._cause = seal.wall_start_ns, seal.init_hash, int(seal.cause)
        self._last_hash = self._durable_hash = b""
        self._index = bytearray()
        self.used_at = 0.0
        self.torn = self.complete = False
        """No chunk will follow: close the file at the next sync."""
        self.given_up = False
        """Its volume hung: what is in the file behind durable_size is cut off before anything else; set under the register's lock."""

    @property
    def next_key(self) -> tuple[str, int, int]:
        """The name of the only chunk that may be appended."""
        return self.camera, self.epoch, self.last_seq + 1

    @property
    def dirty(self) -> bool:
        return self.durable_seq < self.last_seq

    def write(self, run: list[Write]) -> None:
        """Append chunks that follow each other and the last one; raises OSError with the file as it was before.

        When not even that can be restored the part is `torn`: it may be read up to `size`, but never appended to again.
        """
        parts: list[bytes | bytearray | memoryview] = [] if self.size else [self._init]
        parts += [write.payload for write in run]
        self.torn = True
        try:
            self._disk.write(self._handle, parts)
        except OSError:
            self._disk.shorten(self._handle, self.size)
            self.torn = False
            raise
        self.torn = False

    def note(self, run: list[Write]) -> None:
        """Count what `write` has written."""
        if not self.size:
            self.size = len(self._init)
        for write in run:
            self._index += pack_entry(len(write.payload), write.seal)
            self.size += len(write.payload)
        self.last_seq, self._last_hash = run[-1].seal.seq, run[-1].seal.chunk_hash

    def sync(self) -> None:
        """Bring everything written to the medium; raises OSError, after which the file has to be given up."""
        self._disk.sync(self._handle)

    def mark_durable(self) -> tuple[int, int]:
        """Everything written is durable now; returns the seqs that were not before."""
        fresh = self.durable_seq + 1, self.last_seq
        self.durable_seq, self.durable_size, self._durable_hash = self.last_seq, self.size, self._last_hash
        return fresh

    def trim(self) -> tuple[int, int]:
        """Forget what never became durable; returns its seqs.  The file itself is the caller's to cut."""
        lost = self.durable_seq + 1, self.last_seq
        self.last_seq, self.size, self._last_hash = self.durable_seq, self.durable_size, self._durable_hash
        del self._index[(self.last_seq - self.first_seq + 1) * ENTRY.size :]
        return lost

    @property
    def end_ns(self) -> int:
        """UTC, of the last chunk, by its stamp; there is at least one."""
        _, _, start_ns, duration_ns = ENTRY.unpack_from(self._index, len(self._index) - ENTRY.size)
        return int(start_ns + duration_ns)

    def snapshot(self) -> Part:
        """The part as readers and the catalog see it; it holds at least one chunk."""
        return Part(
            volume=self.volume, path=self.path, camera=self.camera, epoch=self.epoch, segment_seq=self.segment_seq,
            first_seq=self.first_seq, last_seq=self.last_seq, start_ns=self._start_ns, end_ns=self.end_ns,
            init_bytes=len(self._init), init_hash=self._init_hash, last_hash=self._last_hash, cause=self._cause,
            size=self.size, file_size=self.size, index=bytes(self._index))  # fmt: skip

    def close(self) -> None:
        """Close the descriptor without syncing; calling it again does nothing."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            self._disk.close_file(handle)
