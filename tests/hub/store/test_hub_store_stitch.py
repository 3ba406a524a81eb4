"""Stitching, and a crash at each of its steps."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub_store_chunks import Chain, Site, contents, durable, expected, until

from watchkeep.hub.store import Disk
from watchkeep.hub.store.catalog import Catalog
from watchkeep.hub.store.identity import KnownVolumes
from watchkeep.hub.store.model import Part
from watchkeep.hub.store.stitch import Stitch, can_stitch
from watchkeep.hub.store.volume import Volume
from watchkeep.wire.errors import DigestError


class CrashError(BaseException):
    """The process ends here; nothing after it happens."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def make_parts(site: Site, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """A segment of four chunks in three parts, closed and in the catalog, not stitched."""
    chain = Chain(segment=4)
    with monkeypatch.context() as patch:
        patch.setattr("watchkeep.hub.store.keeper.can_stitch", lambda _: False)
        with site.running() as store:
            for seqs in ((0, 3), (2,), (1,)):
                store.append(chain.batch(*seqs))
            until(lambda: durable(store, chain) == [(0, 3)])
    assert len(site.files()) == 3
    return chain


def stitch(site: Site, disk: Disk, catalog: Catalog) -> Stitch:
    volume = Volume(site.volumes[0], "a", KnownVolumes(site.state), disk)
    volume.open()
    assert not catalog.open()
    return Stitch(disk, catalog, catalog.segment(("cam0", 7, 0)), lambda old, new, shift: None)


@pytest.mark.parametrize("step", ["create", "write", "sync", "rename", "sync_dir", "change", "unlink", "tidy"])
@pytest.mark.parametrize("done", [False, True])
def test_a_crash_at_any_step_ends_in_one_canonical_file(site: Site, monkeypatch: pytest.MonkeyPatch, step: str, done: bool) -> None:
    chain = make_parts(site, monkeypatch)
    disk, catalog, dead = Disk(site.volumes[0]), Catalog(site.state), False

    def crash_at(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal dead
            if dead:
                raise CrashError  # also from clean-up code: a dead process cleans nothing up
            if name == step and not (name == "unlink" and str(args[0]).endswith(".tmp")):
                dead = True
                result = real(*args, **options) if done else None
                if name == "create" and result:
                    os.close(result[0])
                raise CrashError
            return real(*args, **options)

        return call

    job = stitch(site, disk, catalog)
    for name in ("create", "write", "sync", "rename", "sync_dir", "unlink", "tidy"):
        setattr(disk, name, crash_at(getattr(disk, name), name))
    setattr(catalog, "change", crash_at(catalog.change, "change"))  # noqa: B010 (mypy refuses to assign a method)
    with pytest.raises(CrashError):
        job.run()
    catalog.close()
    disk.close()
    with site.running() as store:
        assert contents(store) == expected(chain, 0, 1, 2, 3)
        until(lambda: list(site.files().values()) == [chain.file(0, 3)], "one canonical file")
        assert contents(store) == expected(chain, 0, 1, 2, 3)
        assert store.stats().damage == ()
    assert [path.name for path in site.volumes[0].rglob("*.tmp")] == []


def test_a_chunk_that_rotted_stops_the_stitch_and_nothing_is_removed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    make_parts(site, monkeypatch)
    before = site.files()
    path = site.volumes[0] / max(before)
    path.write_bytes(before[max(before)][:-1] + b"!")
    disk, catalog = Disk(site.volumes[0]), Catalog(site.state)
    with pytest.raises(DigestError):
        stitch(site, disk, catalog).run()
    catalog.close()
    disk.close()
    assert site.files().keys() == before.keys()
    assert list(site.volumes[0].rglob("*.tmp")) == []


def part(first: int, last: int, *, segment: int = 0, volume: str = "v", init: bytes = b"i") -> Part:
    return Part(volume=volume, path=f"p{first}", camera="cam0", epoch=1, segment_seq=segment, first_seq=first, last_seq=last, start_ns=0,
                end_ns=1, init_bytes=1, init_hash=init, last_hash=b"", cause=1, size=1, file_size=1)  # fmt: skip


@pytest.mark.parametrize(("parts", "wanted"), [
    ([part(0, 3)], False),
    ([part(0, 3), part(4, 5)], True),
    ([part(0, 3), part(2, 5), part(6, 6)], True),
    ([part(0, 3), part(5, 6)], False),
    ([part(1, 3), part(4, 5)], False),
    ([part(0, 3), part(4, 5, volume="w")], False),
    ([part(0, 3), part(4, 5, init=b"j")], False),
])  # fmt: skip
def test_only_contiguous_parts_of_one_volume_from_the_start_on_are_joined(parts: list[Part], wanted: bool) -> None:
    assert can_stitch(parts) is wanted
