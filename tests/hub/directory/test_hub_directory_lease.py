"""Directory servers that share a PostgreSQL database: edits at any of them, one leader, takeover, an outage, backups of it, restores."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from directory_kit import CAMERA, Servers, directory, directory_config
from hub_kit import wait_for
from postgres import PASSWORD, USER, Server
from site_kit import Book, camera
from sqlalchemy import event

from watchkeep.hub.directory.backup.commands import bring_back
from watchkeep.hub.directory.backup.job import PAGE, Origin, make
from watchkeep.hub.directory.backup.place import Folder
from watchkeep.hub.directory.cluster.status import Lead
from watchkeep.hub.directory.cluster.steps import Sync
from watchkeep.hub.directory.entry import FIRST_HASH
from watchkeep.hub.directory.lease import SharedDatabase
from watchkeep.wire.errors import UsageError

NUMBERS = count()


def empty(postgres: Server) -> str:
    """The name of a new database."""
    name = f"t{next(NUMBERS)}"
    postgres.run(f"CREATE DATABASE {name} TEMPLATE template0")
    return name


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.url(empty(postgres))


@contextmanager
def opened(url: str) -> Iterator[SharedDatabase]:
    found = SharedDatabase(url)
    found.open()
    try:
        yield found
    finally:
        found.close()


def test_who_has_all_that_there_is_learns_it_by_one_statement_and_misses_nothing(url: str) -> None:
    book = Book()
    first, second, third = book.write("lead", term=8, server="a"), book.edit(camera(1)), book.edit(camera(2))
    with opened(url) as one, opened(url) as two:
        held = Lead(term=8, server="a")
        one.sync(Sync(0, FIRST_HASH, (), Lead(), held, (first, second)))
        assert two.sync(Sync(0, FIRST_HASH, ())).entries == (first, second)
        asked: list[str] = []
        event.listen(two._engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
        quiet = two.sync(Sync(2, second.hash, (first, second)))
        assert (quiet.lead, quiet.wrote, quiet.entries, quiet.site, quiet.aside) == (held, False, (), None, {})
        assert len(asked) == 1, asked
        beat = held.model_copy(update={"beat": 1})
        one.sync(Sync(2, second.hash, (), held, beat, (third,)))
        more = two.sync(Sync(2, second.hash, (first, second)))
        assert (more.lead, more.entries) == (beat, (third,))
        two.cut(2)
        assert list(two.sync(Sync(2, second.hash, ())).aside) == [third.hash]
        shorter = two.sync(Sync(3, third.hash, (third,)))
        assert shorter.site is not None
        assert shorter.site.index == 2


def test_a_claim_and_a_write_count_only_where_the_lease_stands(url: str) -> None:
    book = Book()
    first = book.write("lead", term=8, server="a")
    second = book.edit(camera(1))
    with opened(url) as one, opened(url) as two:
        start = Sync(0, FIRST_HASH, ())
        assert one.sync(start).lead == Lead()
        held = Lead(term=8, server="a")
        claimed = one.sync(Sync(0, FIRST_HASH, (), Lead(), held, (first,)))
        assert (claimed.wrote, claimed.lead, claimed.entries) == (True, held, (first,))
        late = two.sync(Sync(0, FIRST_HASH, (), Lead(), Lead(term=9, server="b"), (first,)))
        assert (late.wrote, late.lead, late.entries) == (False, held, (first,))
        beat = held.model_copy(update={"beat": 5})
        assert one.sync(Sync(1, first.hash, (), held, beat, (second,))).entries == (second,)
        taken = two.sync(Sync(2, second.hash, (), beat, Lead(term=17, server="b")))
        assert taken.wrote
        fenced = one.sync(Sync(2, second.hash, (), beat, beat.model_copy(update={"beat": 6}), (book.edit(camera(2)),)))
        assert (fenced.wrote, fenced.entries, fenced.lead.server) == (False, (), "b")
        assert one.count() == 2


def test_what_a_server_has_read_and_the_database_lacks_is_set_aside_there(url: str) -> None:
    book = Book()
    for number in range(4):
        book.edit(camera(number))
    with opened(url) as one:
        one.append(book.entries[:2])
        answer = one.sync(Sync(4, book.site.hash, tuple(book.entries)))
        assert answer.site is not None
        assert answer.site.index == 2
        assert answer.aside == {entry.hash: "edit" for entry in book.entries[2:]}
        assert one.sync(Sync(4, book.site.hash, tuple(book.entries))).aside == answer.aside, "doing it twice changes nothing"


@pytest.fixture
def servers(tmp_path: Path, free_port: Callable[[], int], url: str) -> Iterator[Servers]:
    with directory(tmp_path, free_port, "abc", directory={"database": url}) as found:
        yield found


def test_edits_at_any_server_are_read_at_every_server_and_another_one_takes_over(servers: Servers) -> None:
    leader = servers.led()
    for number, client in enumerate(servers.clients.values()):
        answer = client.put(f"camera/cam{number}", CAMERA)
        assert (answer.status, answer.json()["copies"]) == (200, 0)
    servers.level()
    for client in servers.clients.values():
        assert set(client.get("/v1/site/camera").json()) == {"cam0", "cam1", "cam2"}
    servers.stop(leader.name)
    client = servers.led()
    assert client.put("camera/cam3", CAMERA).status == 200
    servers.start(leader.name)
    servers.led()
    servers.level()
    assert client.site()["leader"] != leader.name, "who comes back follows"
    assert client.get("/v1/site/contingency").json() == []


def test_nothing_shows_the_credentials_of_the_database(servers: Servers, postgres: Server, caplog: pytest.LogCaptureFixture) -> None:
    client = servers.led()
    with caplog.at_level("DEBUG"):
        postgres.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}' AND pid <> pg_backend_pid()")
        wait_for(lambda: client.put("camera/cam0", CAMERA).status == 200, "an edit after the connections were cut")
    said = caplog.text + "".join(str(record.__dict__) for record in caplog.records) + client.get("/v1/events").body.decode()
    assert PASSWORD not in said
    assert USER not in said


def test_a_shared_database_is_backed_up_too(tmp_path: Path, free_port: Callable[[], int], url: str) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    backup = {"folders": (str(folder),), "incremental": "* * * * * *"}
    with directory(tmp_path, free_port, "ab", directory={"database": url, "backup": backup}) as found:
        found.led().put("camera/cam0", CAMERA)
        wait_for(lambda: bool(list(folder.glob("*.wkbackup"))), "a backup")


def backed_up(folder: Path, url: str, edits: int) -> Book:
    """A journal in the database at url, and a backup of it in a new folder."""
    book = Book()
    for number in range(edits):
        book.edit(camera(number % 7, name=f"edit {number}"))
    folder.mkdir()
    with opened(url) as journal:
        journal.append(book.entries)
        make(journal, Folder(folder), Origin("demo", "a"), "full", 1_790_000_000, keep=1)
    return book


def test_a_shared_database_is_restored_to_a_point_and_its_servers_go_on_from_there(
    tmp_path: Path, free_port: Callable[[], int], url: str, postgres: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    backed_up(tmp_path / "backups", url, 5)
    sections = {"database": postgres.url(empty(postgres)), "backup": {"folders": (str(tmp_path / "backups"),)}}
    config = directory_config(tmp_path, "a", {"a": free_port()}, directory=sections)
    assert bring_back(config, "hub.toml", "3", [], "ops") == 0
    assert "left out on purpose: everything after entry 3" in capsys.readouterr().out
    with pytest.raises(UsageError, match="has entries") as caught:
        bring_back(config, "hub.toml", None, [], "ops")
    assert "ALTER DATABASE" in caught.value.remedy
    with directory(tmp_path, free_port, "ab", directory=sections) as found:
        leader = found.led()
        assert set(leader.get("/v1/site/camera").json()) == {"cam0", "cam1", "cam2"}
        assert leader.site()["term"] > 8000, "above all that the backups know, although the lease begins with nothing"
        assert leader.put("camera/after", CAMERA).status == 200
        found.level()


def test_a_restore_that_is_killed_between_two_pages_leaves_a_database_without_entries(
    tmp_path: Path, free_port: Callable[[], int], url: str, postgres: Server
) -> None:
    """Its second page meets a row of this test's, which keeps it waiting."""
    book = backed_up(tmp_path / "backups", url, PAGE + 5)
    name = empty(postgres)
    with opened(postgres.url(name)):
        pass
    file, listen = tmp_path / "hub.toml", f"127.0.0.1:{free_port()}"
    file.write_text(f'[hub]\nid = "a"\nsite = "demo"\nroles = ["directory"]\nlisten = "{listen}"\ndata_dir = "{tmp_path}"\n'
                    f'[directory]\ndatabase = "{postgres.url(name)}"\n'
                    f'[directory.backup]\nfolders = ["{tmp_path / "backups"}"]\n')  # fmt: skip
    command = [sys.executable, "-m", "watchkeep.wire.shell.cli", "hub", "restore", "-c", str(file)]
    others = f"FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    with psycopg.connect(host="127.0.0.1", port=postgres.port, user=USER, password=PASSWORD, dbname=name) as mine:
        mine.execute("INSERT INTO entry (number, term, at_s, hash, body) VALUES (%s, 1, 0, 'mine', '')", (PAGE + 1,))
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as killed:
            wait_for(lambda: postgres.run(f"SELECT 1 {others} AND wait_event_type = 'Lock'") != [], "its second page")
            killed.send_signal(signal.SIGKILL)
        mine.rollback()
    wait_for(lambda: postgres.run(f"SELECT 1 {others}") == [], "the end of what it had begun")
    assert postgres.run("SELECT count(*) FROM entry", name) == [(0,)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    with opened(postgres.url(name)) as journal:
        assert list(journal.all())[:-1] == book.entries
