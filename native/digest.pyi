def widths() -> list[int]:
    """How many pieces this machine can hash side by side: the last is what is used, the others are for tests."""

def digests(parts: list[bytes], width: int = 0) -> list[bytes]:
    """BLAKE3 of each; for tests.  Raises ValueError for a width that this machine has not."""
