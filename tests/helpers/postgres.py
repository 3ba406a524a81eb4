"""PostgreSQL servers for tests, started by the test itself: as an unprivileged user, on loopback, in folders of their own under /tmp.

Rules: passwords are asked for (scram), so that a test sees one that leaks.  What is started here is ended here, by its own process id.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

USER, PASSWORD = "keeper", "hunter2-secret"
START_S = 60.0


def _bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    assert found, "PostgreSQL is not installed: ./run test does it, or apt-get install postgresql"
    return found[-1].parent


def _as_nobody() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Server:
    """One server; start() and kill() as often as wanted, close() once."""

    def __init__(self, root: Path, name: str, port: int) -> None:
        self.root, self.name, self.port = root, name, port
        self.data = root / name
        self._process: subprocess.Popen[bytes] | None = None

    def tool(self, *command: str) -> None:
        done = subprocess.run([str(_bin() / command[0]), *command[1:]], capture_output=True, text=True, check=False, cwd=self.root,
                              stdin=subprocess.DEVNULL, timeout=START_S, env={**os.environ, "PGPASSWORD": PASSWORD},
                              **_as_nobody())  # type: ignore[call-overload]  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def make(self) -> None:
        """A new, empty server."""
        secret = self.root / "password"
        secret.write_text(PASSWORD)
        self.tool("initdb", "-D", str(self.data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "-N")

    def copy(self, primary: "Server") -> None:
        """A standby that streams from a primary."""
        where = f"host=127.0.0.1 port={primary.port} user={USER} password={PASSWORD} application_name={self.name}"
        self.tool("pg_basebackup", "-d", where, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "--no-sync")

    def start(self, *settings: str) -> None:
        options = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=", "max_connections=40",
                   "shared_buffers=16MB", *settings)  # fmt: skip
        command = [str(_bin() / "postgres"), "-D", str(self.data), *(f"--{one}" for one in options)]
        with (self.root / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root,
                                             **_as_nobody())  # type: ignore[call-overload]  # fmt: skip
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.run("SELECT 1")
                return
            except psycopg.OperationalError:
                ended = self._process.poll() is not None or time.monotonic() > deadline
                assert not ended, (self.root / f"{self.name}.log").read_text()[-2000:]
                time.sleep(0.05)

    def promote(self) -> None:
        self.tool("pg_ctl", "promote", "-D", str(self.data), "-w", "-t", "30")

    def run(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Rows, or none."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True,
                             connect_timeout=5) as connection:  # fmt: skip
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str, *others: "Server") -> str:
        """As hub.toml names it; with others, the one of them that takes writes."""
        hosts = "&".join(f"host=127.0.0.1:{one.port}" for one in (self, *others))
        return f"postgresql+psycopg://{USER}:{PASSWORD}@/{database}?{hosts}"

    def kill(self) -> None:
        """SIGKILL of the whole server; its disk stays as it is."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_S)
            self._process = None


@contextmanager
def folder() -> Iterator[Path]:
    """Not under pytest's own folder, which the unprivileged user may not enter."""
    root = Path(tempfile.mkdtemp(prefix="watchkeep-postgres-"))
    who = _as_nobody()
    if who:
        shutil.chown(root, user=who["user"], group=who["group"])  # type: ignore[call-overload]
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
"""Settings of a server that forgets at a power cut."""


@contextmanager
def server(port: int, *settings: str) -> Iterator[Server]:
    """A running server, empty; without settings it is as durable as PostgreSQL is by itself."""
    with folder() as root:
        made = Server(root, "one", port)
        try:
            made.make()
            made.start(*settings)
            yield made
        finally:
            made.close()
