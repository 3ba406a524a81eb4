"""What pip installs: every package, one version, every library declared and pinned, every command there."""

import re
import tomllib
from importlib.metadata import distribution, entry_points, packages_distributions
from pathlib import Path

import pytest
from imports import FOLDERS, sources
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchkeep.wire import VERSION
from watchkeep.wire.shell.cli import GROUP

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
AGENT = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
EXTRAS = {name: [Requirement(text) for text in texts] for name, texts in PROJECT["project"]["optional-dependencies"].items()}
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
BUILD_ONLY = {"libc", "cpython", "cython"}
"""Names that Cython resolves at build time."""

CARRIED = {"starlette": "fastapi", "pydantic-core": "pydantic"}
"""Libraries that another one is built on and chooses the version of."""


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(each.name) for each in requirements}


def imported(parts: set[str]) -> set[str]:
    """Names of the distributions that the sources of these parts import."""
    tops = {name.split(".")[0] for source in sources(ROOT) if source.part in parts for name in source.imports} - BUILD_ONLY
    owners = packages_distributions()
    return {canonicalize_name(owners[top][0]) for top in tops if top in owners and top != "watchkeep"}


def test_every_folder_with_an_init_is_packaged() -> None:
    found = {f"watchkeep.{FOLDERS[source.path.split('/')[0]]}.{'.'.join(Path(source.path).parts[1:-1])}".rstrip(".")
             for source in sources(ROOT) if source.name == "__init__"}  # fmt: skip
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_every_source_folder_is_a_package() -> None:
    folders = {(ROOT / source.path).parent for source in sources(ROOT)}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_an_edge_box_gets_every_library_that_the_agent_imports() -> None:
    assert imported({"wire", "native", "agent", "profiles"}) - set(CARRIED) <= names(AGENT)


def test_the_hub_extra_has_the_rest() -> None:
    assert imported({"hub"}) - set(CARRIED) <= names(AGENT + EXTRAS["hub"])


@pytest.mark.parametrize(("library", "carrier"), CARRIED.items())
def test_a_carried_library_comes_with_its_carrier(library: str, carrier: str) -> None:
    assert library in names([Requirement(text) for text in distribution(carrier).requires or []])


@pytest.mark.parametrize("requirement", [*AGENT, *(each for extra in EXTRAS.values() for each in extra)], ids=str)
def test_every_requirement_is_pinned_within_its_bounds_and_installed_so(requirement: Requirement) -> None:
    pin = PINS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin)
    assert distribution(requirement.name).version == pin


def test_there_is_one_version() -> None:
    assert PROJECT["project"]["version"] == VERSION
    assert VERSION in (ROOT / "CHANGELOG.md").read_text()


def test_every_command_is_registered_and_loads() -> None:
    wanted = PROJECT["project"]["entry-points"][GROUP]
    found = {point.name: point for point in entry_points(group=GROUP)}
    assert {name: point.value for name, point in found.items()} == wanted
    assert all(point.load() is not None for point in found.values())


def test_data_files_are_packaged() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    profiles = {path for pattern in patterns["watchkeep.profiles"] for path in (ROOT / "firmware-profiles").glob(pattern)}
    assert profiles == set((ROOT / "firmware-profiles").rglob("*.toml"))
    stubs = {path for pattern in patterns["watchkeep.native"] for path in (ROOT / "native").glob(pattern)}
    assert set((ROOT / "native").rglob("*.pyi")) <= stubs
