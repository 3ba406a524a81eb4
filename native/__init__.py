"""The hot path in Cython: ring, chunk cutter, fragment builder, memory and hashes of chunks, NAL units, RTP.

Rules: imports nothing of ours; every compiled file has a plain-Python twin (`*_py.py`) under the same tests.  The twins
are for tests and reading and several times slower, so nothing falls back to them silently.
"""

from .cut import Cut

try:
    from .nal import is_key, length_prefixed, parameter_sets, split_annexb
    from .pool import Pool, in_blocks
    from .ring import Ring
except ImportError as error:
    raise ImportError(
        f"watchkeep.native is not compiled for this Python ({error}); run `pip install .`, or in a checkout "
        "`python setup.py build_ext --inplace`, with a C compiler and Python's headers installed"
    ) from error

__all__ = ["Cut", "Pool", "Ring", "in_blocks", "is_key", "length_prefixed", "parameter_sets", "split_annexb"]
