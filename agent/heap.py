"""The C library's heaps of an agent: two instead of one for each of the first threads, and what lies idle in them goes back.

Rules: 1. how many there are is said before any thread is started, and only to glibc, which gives each new thread an arena of its own, up
to eight for each core; what was freed in one of them serves no thread of another.  A thread for each camera opens its stream once and
then waits, so most of that lay idle: 1.3 MB a camera (docs/PERFORMANCE.md).  2. Opening streams leaves holes between what is still in
use, which the C library keeps: 1.5 MB a camera.  Their pages go back to the kernel each TRIM_S.
"""

import ctypes
from typing import Final

M_ARENA_MAX: Final = -8
"""malloc.h of glibc."""
ARENAS: Final = 2
"""One for whoever allocates while the other one is locked: nearly all that does holds the GIL."""

TRIM_S: Final = 10.0
"""5 ms after 64 cameras were opened, during which who allocates waits; half a millisecond each time after that."""


def few_arenas() -> bool:
    """Before any thread is started; False where the C library has no arenas to bound, as musl."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(M_ARENA_MAX, ARENAS))


def give_back() -> bool:
    """Any thread, without the GIL; False where the C library has nothing like it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return False
    trim(0)
    return True
