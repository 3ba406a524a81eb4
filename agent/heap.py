"""The heaps of an agent: two of the C library's instead of one for each of the first threads, what lies idle in them goes back, and
Python's own is not looked through for what stays to the end.

Rules: 1. how many there are is said before any thread is started, and only to glibc, which gives each new thread an arena of its own, up
to eight for each core; what was freed in one of them serves no thread of another.  A thread for each camera opens its stream once and
then waits, so most of that lay idle: 1.3 MB a camera (docs/PERFORMANCE.md).  2. Opening streams leaves holes between what is still in
use, which the C library keeps: 1.5 MB a camera.  Their pages go back to the kernel each TRIM_S.  3. What there is before the first
camera, of which most is code, Python's collector of cycles does not look through again: 24 of the 30 ms that each of its full turns
holds everybody up.
"""

import ctypes
import gc
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


def settle() -> None:
    """Once, when all is imported and nothing has begun: cycles that become garbage later among what there is then are never freed."""
    gc.collect()
    gc.freeze()


def give_back() -> bool:
    """Any thread, without the GIL; False where the C library has nothing like it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return False
    trim(0)
    return True
