"""What an archiver remembers of a camera that flaps: RSS for each epoch that it stores, after warming up.

    python tests/bench/epochs.py [--epochs 6000] [--chunks 1] [--warm 2000]

Rules: the store alone, in this process; chunks are made before anything is read, so that only the store's memory grows.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import usage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))
from archive_kit import cheap

from watchkeep.hub.store import Store

SETTLE_S = 2.0
"""Two syncs: the last parts are in the catalog then."""


def fill(store: Store, first: int, count: int, chunks: int) -> float:
    """Store `count` epochs; returns RSS in kB afterwards."""
    for epoch in range(first, first + count):
        store.append(cheap("cam0", epoch, chunks))
    time.sleep(SETTLE_S)
    gc.collect()
    return usage.read(os.getpid()).rss_mb * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6000)
    parser.add_argument("--warm", type=int, default=2000, help="epochs stored before it is measured")
    parser.add_argument("--chunks", type=int, default=1, help="of each epoch")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="watchkeep-bench-") as name:
        folder = Path(name)
        (folder / "volume").mkdir()
        store = Store("bench", [folder / "volume"], retention_days=100_000, min_free_bytes=0, sync_ms=200, state_dir=folder / "state")
        store.open()
        try:
            before = fill(store, 1, args.warm, args.chunks)
            after = fill(store, 1 + args.warm, args.epochs, args.chunks)
        finally:
            store.close()
    print(f"{args.epochs} epochs of {args.chunks} chunks, after {args.warm}: {(after - before) / args.epochs:.2f} kB of RSS an epoch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
