"""A 5x7 bitmap font of the few characters that the test picture shows.

Rules: pure; a character that is missing is drawn as a blank.
"""

from typing import Final

GLYPH_WIDTH: Final = 6
"""Five columns and one of space."""
GLYPH_HEIGHT: Final = 7

_ROWS: Final = {
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "01110 10001 00001 00110 00001 10001 01110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "01110 10000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00001 01110",
    "-": "00000 00000 00000 11111 00000 00000 00000",
    ":": "00000 00100 00100 00000 00100 00100 00000",
    ".": "00000 00000 00000 00000 00000 01100 01100",
    "#": "01010 01010 11111 01010 11111 01010 01010",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "Z": "11111 00001 00010 00100 01000 10000 11111",
}
_BLANK = " ".join(["00000"] * GLYPH_HEIGHT)
INK, PAPER = b"\xeb", b"\x10"
"""White and black of limited-range luma (ITU-R BT.709, 3.5)."""


def text_rows(text: str, scale: int) -> list[bytes]:
    """Luma of a line of text: GLYPH_HEIGHT rows, each to be drawn `scale` times, of len(text) * GLYPH_WIDTH * scale bytes."""
    glyphs = [_ROWS.get(character, _BLANK).split() for character in text]
    return [b"".join(_pixels(glyph[row], scale) for glyph in glyphs) for row in range(GLYPH_HEIGHT)]


def _pixels(row: str, scale: int) -> bytes:
    return b"".join((INK if bit == "1" else PAPER) * scale for bit in row + "0")
