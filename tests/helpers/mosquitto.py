"""A real Mosquitto on 127.0.0.1 for one test: started, killed and started again on the same port.

Rules: only the process that was started here is ended, by its id.
"""

import shutil
import socket
import subprocess
import time
from pathlib import Path


class Mosquitto:
    """start() and kill() as often as wanted; stop() at the end."""

    def __init__(self, folder: Path, port: int, extra: str = "allow_anonymous true") -> None:
        found = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        assert found, "these tests need the package mosquitto; ./run test installs it"
        self.port, self._program = port, found
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {port} 127.0.0.1\npersistence false\n{extra}\n")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when the port answers."""
        self.process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, "mosquitto ended at once"
            assert time.monotonic() < deadline, "mosquitto does not listen"

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    stop = kill
