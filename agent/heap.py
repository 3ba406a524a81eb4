"""How the C library hands out memory to an agent's threads: from two heaps instead of one for each of the first threads.

Rules: it is asked before any thread is started, and only for glibc, which gives each new thread an arena of its own, up to eight for
each core; what was freed in one of them serves no thread of another.  A thread for each camera opens its stream once and then waits,
so most of that lay idle: 1.3 MB a camera (docs/PERFORMANCE.md).
"""

import ctypes
from typing import Final

M_ARENA_MAX: Final = -8
"""malloc.h of glibc."""
ARENAS: Final = 2
"""One for whoever allocates while the other one is locked: nearly all that does holds the GIL."""


def few_arenas() -> bool:
    """Before any thread is started; False where the C library has no arenas to bound, as musl."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(M_ARENA_MAX, ARENAS))
