"""The `watchkeep` command as a user calls it: one line and an exit code."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from watchkeep.wire import VERSION
from watchkeep.wire.errors import RemoteError, UsageError
from watchkeep.wire.shell import cli

WATCHKEEP = Path(sys.executable).with_name("watchkeep")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([WATCHKEEP, *arguments], capture_output=True, text=True, timeout=60, check=False)


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of a command that raises error."""

    def failing(_wanted: str | None) -> typer.Typer:
        app = typer.Typer(pretty_exceptions_enable=False)

        @app.command()
        def fail() -> None:
            raise error

        return app

    monkeypatch.setattr(cli, "build", failing)
    monkeypatch.setattr(sys, "argv", ["watchkeep"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_version_and_help_exit_0() -> None:
    assert run("version").stdout == run("--version").stdout == f"{VERSION}\n"
    shown = run("--help")
    assert shown.returncode == 0
    assert "does not lose video" in shown.stdout


def test_an_unknown_command_exits_2() -> None:
    assert run("recrod").returncode == 2


def test_an_unknown_command_of_the_clone_exits_2_and_names_those_that_there_are() -> None:
    script = Path(__file__).resolve().parents[2] / "run"
    shown = subprocess.run([script, "foo"], capture_output=True, text=True, timeout=60, check=False)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "no command 'foo'" in shown.stderr
    assert {"./run demo", "./run test", "./run help"} <= {line.strip()[:10] for line in shown.stderr.splitlines()}


@pytest.mark.parametrize("command", ["check", "run", "status", "top", "move --all --back", "reload"])
def test_the_agent_s_file_has_a_default_place_as_the_hub_s_has(command: str) -> None:
    file = Path("/etc/watchkeep/agent.toml")
    assert not file.exists()
    assert f"watchkeep: {file}: cannot be read" in run("agent", *command.split()).stderr


@pytest.mark.parametrize(("error", "code"), [(RemoteError("no answer", remedy="wait"), 1), (UsageError("no file", remedy="name it"), 2)])
def test_our_errors_are_one_line_with_the_remedy(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(error, monkeypatch) == code
    shown = capsys.readouterr()
    assert shown.err.startswith("watchkeep: ")
    assert shown.err.count("\n") == 1
    assert "; " in shown.err
    assert not shown.out


def test_ctrl_c_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fail_with(KeyboardInterrupt(), monkeypatch) == 130


def test_a_part_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    part = EntryPoint("hub", "watchkeep_absent_library:app", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda **_: [part])
    shown = CliRunner().invoke(cli.build(), ["hub", "run", "-c", "hub.toml"])
    assert shown.exit_code == 2
    assert "pip install -c constraints.txt '.[hub]'" in shown.output
    assert "watchkeep_absent_library" in shown.output


def test_a_command_loads_its_own_part_only(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [EntryPoint("hub", "watchkeep_absent_library:app", cli.GROUP), EntryPoint("verify", "typer:Typer", cli.GROUP)]
    loaded: list[str] = []
    monkeypatch.setattr(cli, "entry_points", lambda **_: parts)
    monkeypatch.setattr(EntryPoint, "load", lambda self: loaded.append(self.name) or typer.Typer())
    cli.build("verify")
    assert loaded == ["verify"]
