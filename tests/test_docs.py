"""What the documents say is true of the tree: links, names, commands, pictures, sample configurations.

Rules: each check takes a folder and returns what is wrong, so that it is itself tested on a small bad one (below).
"""

import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from imports import FOLDERS, sources
from typer.testing import CliRunner

from watchkeep.agent.config import read
from watchkeep.hub.config import load_hub
from watchkeep.wire.shell.cli import GROUP, build

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ("wire/seal.py", "wire/record.py")
_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_TICKED = re.compile(r"`(?P<text>[^`\n]+)`")
_PATH = re.compile(rf"(?:{'|'.join([*FOLDERS, 'tests', 'docs'])})/[\w./-]*")
_DOTTED = re.compile(rf"watchkeep\.(?:{'|'.join(FOLDERS.values())})(?:\.\w+)*")
_COMMAND = re.compile(r"(?:^|[\s`/])watchkeep (?P<command>[a-z][a-z-]*)(?: (?P<sub>[a-z][a-z-]*)\b)?", re.MULTILINE)
_HEADING = re.compile(r"^#+ +(?P<text>.+?) *$", re.MULTILINE)
_FORBIDDEN = re.compile(r"/work/|/root/|/tmp/bash|\bTODO\b|\bFIXME\b|\bXXX\b")


def pages(root: Path) -> list[Path]:
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def in_code(text: str) -> str:
    """The fenced blocks of a page."""
    return "\n".join(re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def outside_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The fragments that a page's headings give on a code host."""
    return {re.sub(r"[^\w\- ]", "", found["text"].lower()).replace(" ", "-") for found in _HEADING.finditer(outside_code(page.read_text()))}


def links(root: Path) -> list[str]:
    """Links lead to files that are there, and to headings in them."""
    wrong = []
    for page in pages(root):
        for found in _LINK.finditer(outside_code(page.read_text())):
            target, _, fragment = found["target"].partition("#")
            if target.startswith(("http://", "https://")):
                continue
            file = (page.parent / target).resolve() if target else page
            if not file.exists() or (fragment and fragment not in anchors(file)):
                wrong.append(f"{page.relative_to(root)}: {found['target']}")
    return wrong


def names(root: Path) -> list[str]:
    """Backticked paths and modules of ours exist."""
    wrong = []
    modules = {f"watchkeep.{FOLDERS[file.path.split('/', 1)[0]]}.{file.path.split('/', 1)[1]}" for file in sources(root)}
    known = {re.sub(r"(/__init__)?\.(py|pyx|pxd)$", "", name).replace("/", ".").removesuffix(".__init__") for name in modules}
    for page in pages(root):
        for found in _TICKED.finditer(outside_code(page.read_text())):
            text = found["text"]
            if _PATH.fullmatch(text) and "." in text and not (root / text).exists():
                wrong.append(f"{page.relative_to(root)}: {text}")
            if _DOTTED.fullmatch(text) and text.count(".") > 1 and not any(text == name or text.startswith(f"{name}.") for name in known):
                wrong.append(f"{page.relative_to(root)}: {text}")
    return wrong


def plain(root: Path) -> list[str]:
    """No page and no file tells where it was written, or what its author has put off."""
    files = [*pages(root), *(root / source.path for source in sources(root)), *(root / "docs").rglob("*.toml")]
    return [f"{file.relative_to(root)}: {found[0]}" for file in files for found in _FORBIDDEN.finditer(file.read_text())]


def picture_of(docstring: str) -> list[str]:
    """The lines of the box that a docstring draws, without what surrounds them."""
    return [line.strip() for line in docstring.splitlines() if re.search(r"[┌│├└]", line)]


def pictures(root: Path) -> list[str]:
    """docs/STORAGE.md draws the layouts exactly as the files do that own them."""
    drawn = [line.strip() for line in in_code((root / "docs/STORAGE.md").read_text()).splitlines()]
    files = {source.path: source for source in sources(root)}
    return [f"{path}: {line}" for path in PICTURES for line in picture_of(files[path].docstring) if line not in drawn]


def commands(text: str) -> set[tuple[str, ...]]:
    """The commands that a page's code names, with the subcommand where there is one."""
    code = "\n".join([in_code(text), *(ticked[0] for ticked in _TICKED.finditer(text))])
    found = _COMMAND.finditer(code)
    return {(each["command"], each["sub"]) if each["command"] in ("agent", "hub") and each["sub"] else (each["command"],) for each in found}


CHECKS = [links, names, plain, pictures]


@pytest.mark.parametrize("check", CHECKS)
def test_the_documents_are_true(check: Callable[[Path], list[str]]) -> None:
    assert not (wrong := check(ROOT)), "\n".join(wrong)


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = (found["target"].partition("#")[0] for found in _LINK.finditer(page.read_text()))
        waiting.extend((page.parent / target).resolve() for target in targets if target and "://" not in target)
    assert set(pages(ROOT)) <= seen


def test_the_commands_that_documents_name_exist() -> None:
    """Every `watchkeep <command> [<subcommand>]` in a page answers --help."""
    registered = {point.name for point in entry_points(group=GROUP)} | {"version", "asyncapi"}
    named = {command for page in pages(ROOT) for command in commands(page.read_text())}
    assert {command for command, *_ in named} <= registered
    app, runner = build(), CliRunner()  # in this process: twenty of their own take fifteen seconds
    for arguments in sorted(named):
        shown = runner.invoke(app, [*arguments, "--help"])
        assert shown.exit_code == 0, f"{arguments}: {shown.output}"
        assert "not installed" not in shown.output, arguments


def test_the_sample_configurations_load() -> None:
    config = read(ROOT / "docs/examples/agent.toml")
    assert [config.rule(camera) for camera in config.camera] == [(2, ("a", "b"), 8, "auto"), (1, None, 5, None)]
    assert load_hub(ROOT / "docs/examples/hub.toml").hub.id == "a"


def test_every_key_of_a_sample_says_what_it_does() -> None:
    for sample in (ROOT / "docs/examples").glob("*.toml"):
        bare = [line for line in sample.read_text().splitlines() if re.match(r"\w+ *=", line) and "#" not in line]
        assert {line.split("=")[0].strip() for line in bare} <= {"id", "url"}, sample


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A tree in which everything is right."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "wire").mkdir()
    layout = '"""A layout.\n\n      0 ┌──────┐\n        │ size │\n      4 └──────┘\n"""\n'
    for path in PICTURES:
        (tmp_path / path).write_text(layout)
    (tmp_path / "docs/STORAGE.md").write_text("# The store\n\n```text\n 0 ┌──────┐\n   │ size │\n 4 └──────┘\n```\n")
    (tmp_path / "README.md").write_text("[it](docs/STORAGE.md#the-store), `wire/seal.py`, `watchkeep.wire.seal.Seal`, `wire/`\n")
    return tmp_path


def test_the_small_tree_is_right(small: Path) -> None:
    assert [wrong for check in CHECKS for wrong in check(small)] == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (links, "[x](docs/ABSENT.md)"),
        (links, "[x](docs/STORAGE.md#no-such-heading)"),
        (links, "[x](#no-such-heading)"),
        (names, "`wire/absent.py`"),
        (names, "`watchkeep.wire.absent`"),
        (plain, "see /work/main"),
        (plain, "TODO: write this"),
    ],
)
def test_a_wrong_page_is_found(check: Callable[[Path], list[str]], text: str, small: Path) -> None:
    (small / "README.md").write_text(f"# Title\n\n{text}\n")
    assert len(check(small)) == 1


def test_a_changed_picture_is_found(small: Path) -> None:
    (small / "wire/seal.py").write_text('"""A layout.\n\n      0 ┌──────┐\n        │ kind │\n      4 └──────┘\n"""\n')
    assert pictures(small) == ["wire/seal.py: │ kind │"]
