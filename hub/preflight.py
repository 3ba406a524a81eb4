"""What a hub looks at before it touches anything: sockets, data directory, volumes.

Rules: writes nothing; binding a socket is the only thing that leaves a trace, and closing it undoes that.  Every problem
is a ConfigError that names file, key and remedy, so `hub check` and `hub run` say the same.
"""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..wire.errors import ConfigError, VolumeError
from .config import Address, HubConfig, broker_address, http_address
from .store.identity import KnownVolumes, force_command, is_empty, read_identity

_WHY: Final = {
    errno.EADDRINUSE: ("is in use", "stop the other program (`ss -ltnp` names it) or choose another port"),
    errno.EADDRNOTAVAIL: ("is not an address of this machine", "use one of `ip addr`, or 0.0.0.0 for all"),
    errno.EACCES: ("may not be used by this user", "choose a port above 1023"),
}


def bind(file: str, key: str, address: Address) -> socket.socket:
    """A TCP socket bound to address, not yet listening; raises ConfigError."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(file, key, f"{address} cannot be resolved ({error.strerror})", remedy="use an address of this machine") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        # Two sockets with SO_REUSEADDR may share a port until one listens: listening now is what proves it ours.
        listener.listen(128)
    except OSError as error:
        listener.close()
        why, remedy = _WHY.get(error.errno or 0, (f"cannot be used ({error.strerror})", "choose another address"))
        raise ConfigError(file, key, f"{address} {why}", remedy=remedy) from error
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
            if not os.access(path, os.W_OK | os.X_OK):
                yield ConfigError(file, "hub.data_dir", f"{path} cannot be written", remedy="chown it to the hub's user")
        elif path.exists():
            yield ConfigError(file, "hub.data_dir", f"{path} is not a directory", remedy="choose another path")
        elif not (path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)):
            yield ConfigError(file, "hub.data_dir", f"{path} cannot be made", remedy=f"make it: install -d -o <user> {path}")
    except OSError as error:  # for one, a folder above it that this user may not look into
        yield ConfigError(file, "hub.data_dir", f"{path} cannot be used ({error.strerror})", remedy="choose another path, or give access")


def volume_problems(config: HubConfig, file: str) -> Iterator[ConfigError]:
    """Every volume is there, can be written, and is this archiver's, or empty and new."""
    known = KnownVolumes(config.hub.data_dir)
    for number, root in enumerate(config.archiver.volumes if config.archiver else ()):
        try:
            _look(root, config.hub.id, known)
        except VolumeError as error:
            yield ConfigError(file, f"archiver.volumes[{number}]", error.message, remedy=error.remedy)
        except OSError as error:
            yield ConfigError(file, f"archiver.volumes[{number}]", f"volume {root} cannot be used ({error.strerror})",
                              remedy="mount the disk, and give the hub's user access to it")  # fmt: skip


def _look(root: Path, archiver: str, known: KnownVolumes) -> None:
    """The checks of store.volume that need no open volume, without their writes; raises VolumeError."""
    if not root.is_dir():
        raise VolumeError(f"volume {root} does not exist", remedy="mount the disk or create the directory")
    if not os.access(root, os.W_OK | os.R_OK | os.X_OK):
        raise VolumeError(f"volume {root} cannot be written", remedy="mount it writable and chown it to the hub's user")
    identity, remembered = read_identity(root), known.load().get(str(root))
    if identity is None and remembered is not None:
        raise VolumeError(f"volume {root} has lost its identity: it is probably not mounted",
                          remedy=f"mount the disk, or run {force_command(root)} if this is a new one")  # fmt: skip
    if identity is None and not is_empty(root):
        raise VolumeError(f"volume {root} is not empty and has no identity",
                          remedy=f"choose an empty directory, or run {force_command(root)}")  # fmt: skip
    if identity is not None and identity.archiver != archiver:
        raise VolumeError(f"volume {root} belongs to archiver {identity.archiver!r}, not to {archiver!r}",
                          remedy=f"mount the right disk, or run {force_command(root)} to take this one over")  # fmt: skip
    if identity is not None and remembered not in (None, identity.volume):
        raise VolumeError(f"volume {root} is another disk than before",
                          remedy=f"mount the right disk, or run {force_command(root)} to use this one")  # fmt: skip
