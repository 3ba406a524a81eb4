"""Ending the read of a socket that another thread is in, from outside.  Linux.

Rules: whoever opened a socket closes it; here it is only shut for reading, which its reader sees as the end of the stream, and which
leaves the way out open for a last request (RTSP's TEARDOWN).  The kernel says for what a thread waits: libav tells nobody which
descriptor is whose.  The caller keeps the other thread from closing its sockets meanwhile.
"""

import os
import socket
import struct
import sys
import threading
from pathlib import Path

_POLLS = {"x86_64": frozenset({"7", "271"}), "aarch64": frozenset({"73"}), "riscv64": frozenset({"73"})}
"""Numbers of poll and ppoll, whose first argument is where the descriptors stand; libav waits in nothing else."""
_MEMORY = "/proc/self/mem"
_TRIES = 50
"""Looks at a thread that is not waiting at this instant, 20 µs each; the caller comes again in a second."""


def possible() -> bool:
    """Whether this kernel tells for what a thread waits: not in every sandbox, and not for each machine.  Only reading shows it."""
    if sys.maxsize < 1 << 32 or os.uname().machine not in _POLLS:
        return False
    try:
        _call(threading.get_native_id())
        os.close(os.open(_MEMORY, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def end_read(thread: int) -> bool:
    """Shut for reading the socket that a thread (its native id) waits for; False when it waits for none, or when nobody tells."""
    try:
        found = next(filter(None, (_waits_for(thread) for _ in range(_TRIES))), None)
    except OSError:
        return False  # a sandbox, a process without descriptors, a thread that has just ended: whoever asks looks after other cameras too
    if found is None:
        return False
    try:
        with socket.socket(fileno=os.dup(found)) as one:
            one.shutdown(socket.SHUT_RD)
    except OSError:
        return False  # a pipe or a file, or its peer is gone already: there is no read to end
    return True


def _waits_for(thread: int) -> int | None:
    """The first descriptor that a thread polls (with UDP that of RTSP's own connection); None when it does not.

    The memory is read between two looks that must be the same: the thread was in one and the same wait all the time, or came
    back to it, as libav does ten times a second.
    """
    before = _call(thread)
    number, *arguments = before.split()
    if number not in _POLLS.get(os.uname().machine, ()):
        return None
    memory = os.open(_MEMORY, os.O_RDONLY | os.O_CLOEXEC)
    try:
        [descriptor] = struct.unpack("i", os.pread(memory, 4, int(arguments[0], 16)))
    finally:
        os.close(memory)
    return descriptor if descriptor > 0 and _call(thread) == before else None


def _call(thread: int) -> str:
    return Path(f"/proc/self/task/{thread}/syscall").read_text()
