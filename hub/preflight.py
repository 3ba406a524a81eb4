"""What a hub looks at before it touches anything: sockets, data directory, volumes.

Rules: writes nothing; binding a socket is the only thing that leaves a trace, and closing it undoes that.  Every problem
is a ConfigError that names file, key and remedy, so `hub check` and `hub run` say the same.  What may pass by itself is a
PassingError: its exit code is one at which systemd starts the hub again.  A disk that hangs holds nobody up.
"""

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..wire.errors import ConfigError, VolumeError, WatchkeepError
from ..wire.shell.files import passes
from .config import Address, HubConfig, broker_address, http_address
from .store.identity import AwayError, KnownVolumes, force_command, missing, read_identity, unidentified, unusable

_WHY: Final = {
    errno.EADDRINUSE: ("is in use", "stop the other program (`ss -ltnp` names it) or choose another port"),
    errno.EADDRNOTAVAIL: ("is not an address of this machine", "use one of `ip addr`, or 0.0.0.0 for all"),
    errno.EACCES: ("may not be used by this user", "choose a port above 1023"),
}
_LATER: Final = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
"""A killed hub that hangs in its disk keeps its port until the disk answers; an address comes with the network."""
_NO_ANSWER: Final = {socket.EAI_AGAIN, socket.EAI_SYSTEM, socket.EAI_MEMORY}
LOOK_S: Final = 5.0
"""How long all volumes together are waited for: as long as a call to one may take (store/pulse.py)."""


class PassingError(ConfigError):
    """What stands against a start now and may be gone at the next; nothing in the file has to be changed for it."""

    exit_code = 1


def config_error(file: str, key: str, error: WatchkeepError | OSError, problem: str = "", remedy: str = "") -> ConfigError:
    """The error as one of the configuration, PassingError when it may pass by itself."""
    passing = passes(error) if isinstance(error, OSError) else error.exit_code == PassingError.exit_code
    if isinstance(error, WatchkeepError):
        problem, remedy = error.message, error.remedy
    return (PassingError if passing else ConfigError)(file, key, problem, remedy=remedy)


def bind(file: str, key: str, address: Address) -> socket.socket:
    """A TCP socket bound to address, not yet listening; raises ConfigError."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        what = PassingError if error.errno in _NO_ANSWER | _LATER else ConfigError
        raise what(file, key, f"{address} cannot be resolved ({error.strerror})", remedy="use an address of this machine") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        # Two sockets with SO_REUSEADDR may share a port until one listens: listening now is what proves it ours.
        listener.listen(128)
    except OSError as error:
        listener.close()
        why, remedy = _WHY.get(error.errno or 0, (f"cannot be used ({error.strerror})", "choose another address"))
        raise (PassingError if error.errno in _LATER else ConfigError)(file, key, f"{address} {why}", remedy=remedy) from error
    listener.setblocking(False)
    return listener


def problems(config: HubConfig, file: str) -> Iterator[ConfigError]:
    """Everything that would stop this configuration from running here, now."""
    yield from data_dir_problems(config, file)
    yield from volume_problems(config, file)
    for key, address in addresses(config).items():
        try:
            bind(file, key, address).close()
        except ConfigError as error:
            yield error


def addresses(config: HubConfig) -> dict[str, Address]:
    """What the hub listens on, by the key that says so."""
    found = {"hub.listen": http_address(config)}
    if config.holds("broker"):
        found["broker.listen" if config.broker.listen else "mqtt.url"] = broker_address(config)
    return found


def data_dir_problems(config: HubConfig, file: str) -> Iterator[ConfigError]:
    """The data directory is there, or can be made, and can be written."""
    path = config.hub.data_dir
    try:
        if path.is_dir():
            if os.statvfs(path).f_flag & os.ST_RDONLY:
                yield PassingError(file, "hub.data_dir", f"{path} is on a file system that is read-only", remedy="mount it to be written")
            elif not os.access(path, os.W_OK | os.X_OK):
                yield ConfigError(file, "hub.data_dir", f"{path} cannot be written", remedy="chown it to the hub's user")
        elif path.exists():
            yield ConfigError(file, "hub.data_dir", f"{path} is not a directory", remedy="choose another path")
        elif not (path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)):
            yield ConfigError(file, "hub.data_dir", f"{path} cannot be made", remedy=f"make it: install -d -o <user> {path}")
    except OSError as error:  # for one, a folder above it that this user may not look into
        yield config_error(file, "hub.data_dir", error, f"{path} cannot be used ({error.strerror})", "choose another path, or give access")


def volume_problems(config: HubConfig, file: str) -> Iterator[ConfigError]:
    """Every volume is there, answers, can be written, and is this archiver's, or empty and new."""
    known, roots = KnownVolumes(config.hub.data_dir), config.archiver.volumes if config.archiver else ()
    found: list[VolumeError | None] = [AwayError(f"volume {root} does not answer: it hangs", remedy="look into dmesg") for root in roots]

    def look(number: int) -> None:
        found[number] = _finding(roots[number], config.hub.id, known)

    threads = [threading.Thread(target=look, args=(number,), name=f"wk-hub-look-{number}", daemon=True) for number in range(len(roots))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LOOK_S
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    for number, error in enumerate(found):
        if error is not None:
            yield config_error(file, f"archiver.volumes[{number}]", error)


def refusals(config: HubConfig, file: str) -> Iterator[ConfigError]:
    """What keeps `hub run` from starting: not a volume that may come by itself, as long as there is another one."""
    yield from data_dir_problems(config, file)
    found = [*volume_problems(config, file)]
    yield from (problem for problem in found if not isinstance(problem, PassingError))
    if found and config.archiver is not None and len(found) == len(config.archiver.volumes):
        yield from found


def _finding(root: Path, archiver: str, known: KnownVolumes) -> VolumeError | None:
    try:
        _look(root, archiver, known)
    except VolumeError as error:
        return error
    except OSError as error:
        return unusable(error, f"volume {root} cannot be used ({error.strerror})",
                        remedy="mount the disk, and give the hub's user access to it")  # fmt: skip
    return None


def _look(root: Path, archiver: str, known: KnownVolumes) -> None:
    """The checks of store.volume that need no open volume, without their writes; raises VolumeError or OSError."""
    remembered = known.load().get(str(root))
    try:
        state = os.statvfs(root)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(root, known=remembered is not None) from error
    if not root.is_dir():
        raise missing(root, known=False)
    if state.f_flag & os.ST_RDONLY:
        raise AwayError(f"volume {root} is on a file system that is read-only", remedy="mount it to be written; dmesg says why")
    if not os.access(root, os.W_OK | os.R_OK | os.X_OK):
        raise VolumeError(f"volume {root} cannot be written", remedy="mount it writable and chown it to the hub's user")
    identity = read_identity(root)
    if identity is None and (problem := unidentified(root, known=remembered is not None)) is not None:
        raise problem
    if identity is not None and identity.archiver != archiver:
        raise VolumeError(f"volume {root} belongs to archiver {identity.archiver!r}, not to {archiver!r}",
                          remedy=f"mount the right disk, or run {force_command(root)} to take this one over")  # fmt: skip
    if identity is not None and remembered not in (None, identity.volume):
        raise VolumeError(f"volume {root} is another disk than before",
                          remedy=f"mount the right disk, or run {force_command(root)} to use this one")  # fmt: skip
