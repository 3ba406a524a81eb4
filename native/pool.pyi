class Pool:
    """Memory for the chunks of many rings: give it to each Ring, whose build then gives a view of the pool's memory.

    keep_bytes: how much of it that nobody uses is kept, to be used again.  Any thread.
    """

    def __init__(self, keep_bytes: int = 0) -> None: ...
    def keep(self, keep_bytes: int) -> None:
        """Keep so much from now on; what is above it goes back to the kernel at once."""
    @property
    def keep_bytes(self) -> int: ...
    @property
    def kept_bytes(self) -> int:
        """Of memory that nobody uses."""
    @property
    def fresh(self) -> int:
        """Chunks for which memory came from the kernel."""
    @property
    def again(self) -> int:
        """Chunks that were built where another one stood before."""


def in_blocks(payload: object) -> memoryview | None:
    """The memory of a chunk that was built with a pool, as whole blocks of 4096 bytes that begin where a page does: the chunk, then zeros.

    What O_DIRECT of open(2) can write from where it lies.  None for any other object, and for a piece of a chunk.
    """
