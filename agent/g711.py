"""G.711 A-law and mu-law to 16-bit linear PCM, little-endian.  No I/O.

Rules: lossless by table: each code word stands for exactly one linear value (ITU-T G.711, tables 1a and 2a).
"""

from struct import pack


def _alaw(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    value = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return value if code & 0x80 else -value


def _ulaw(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -value if code & 0x80 else value


_TABLES = {law: [pack("<h", decode(code)) for code in range(256)] for law, decode in (("alaw", _alaw), ("ulaw", _ulaw))}


LAWS = frozenset(_TABLES)


def table(law: str) -> bytes:
    """All 256 code words, two bytes each."""
    return b"".join(_TABLES[law])


def to_linear(data: bytes, law: str) -> bytes:
    """Decode code words of law `alaw` or `ulaw`; two bytes out for one in."""
    return b"".join(map(_TABLES[law].__getitem__, data))
