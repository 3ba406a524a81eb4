"""The package itself: never a silent twin, nothing of ours imported, stubs and constants that agree."""

import ast
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from watchkeep import native
from watchkeep.native import Ring, nal, nal_py, ring_py
from watchkeep.wire import record, seal

SOURCE = Path(native.__file__).parent


def test_without_the_compiled_files_the_import_fails_with_a_remedy(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "bare", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    done = subprocess.run([sys.executable, "-c", "import bare"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "ImportError: watchkeep.native is not compiled" in done.stderr
    assert "build_ext --inplace" in done.stderr


@pytest.mark.parametrize("source", sorted(SOURCE.glob("*.py")), ids=lambda path: path.name)
def test_nothing_of_ours_is_imported(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= 1
            assert node.level == 1 or not (node.module or "").startswith("watchkeep")
        if isinstance(node, ast.Import):
            assert not any(name.name.startswith("watchkeep") for name in node.names)


@pytest.mark.parametrize("source", sorted(SOURCE.glob("*.p[yx]*")), ids=lambda path: path.name)
def test_compiled_files_cimport_only_their_neighbours(source: Path) -> None:
    lines = [line.split() for line in source.read_text().splitlines()]
    modules = [words[1] for words in lines if len(words) > 2 and words[0] == "from" and words[2] in ("cimport", "import")]
    assert not [module for module in modules if module.startswith(("watchkeep", ".."))]


def test_limits_are_those_of_the_wire() -> None:
    assert ring_py.MAX_CHUNK_FRAMES == seal.MAX_FRAMES
    samples = seal.MAX_FRAMES
    moof = 8 + 16 + 2 * 64 + 16 * samples
    assert seal.seal_bytes(samples) + moof + 8 + ring_py.MAX_CHUNK_BYTES <= record.MAX_PAYLOAD_BYTES


def test_twins_have_the_same_interface() -> None:
    def public(thing: object) -> set[str]:
        return {name for name, _ in inspect.getmembers(thing) if not name.startswith("_")}

    attributes = public(ring_py.Ring(1, 1, chunk_ticks=1, segment_ticks=1))
    assert public(Ring(1, 1, chunk_ticks=1, segment_ticks=1)) == attributes
    for name in ("is_key", "length_prefixed", "parameter_sets", "split_annexb"):
        assert callable(getattr(nal, name))
        assert callable(getattr(nal_py, name))
