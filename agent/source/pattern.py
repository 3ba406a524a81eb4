"""The test picture: colour bars, a moving gradient, a band of noise, and text on top.

The noise is there so that the bitrate is real: a rate controller spends on it whatever it was given.  It is an eighth
of the picture, enough for 4 Mbit/s at 1920x1080.  Rules: pure; writes into the canvas and nowhere else; about 1 ms a frame
of 1920x1080, as rows are copied whole and never drawn by the pixel.
"""

import random
from typing import Final

from ..pyav.encode import Canvas
from .font import GLYPH_HEIGHT, GLYPH_WIDTH, text_rows

_BARS: Final = ((128, 128), (16, 146), (166, 16), (54, 34), (202, 222), (90, 240), (240, 110), (128, 128))
"""(Cb, Cr) of white, yellow, cyan, green, magenta, red, blue, black (SMPTE EG 1)."""
_NOISE_ROWS: Final = 64
_STEP: Final = 4
"""Pixels that the gradient moves each frame."""


class Pattern:
    """Draws one frame after the other on the same canvas."""

    def __init__(self, canvas: Canvas, rng: random.Random) -> None:
        self._canvas, self._rng = canvas, rng
        width = canvas.width
        self._gradient = bytes(16 + 219 * column // width for column in range(width)) * 3
        self._noise = rng.randbytes(width * _NOISE_ROWS)
        self._scale = max(1, width // (GLYPH_WIDTH * 26))
        self._bars()

    def draw(self, number: int, lines: tuple[str, ...]) -> None:
        """Draw frame `number` with lines of text in its upper left corner."""
        canvas, stride, luma = self._canvas, self._canvas.strides[0], self._canvas.planes[0]
        width, split = canvas.width, canvas.height * 7 // 8
        for row in range(split):
            start = (number * _STEP + row) % width
            luma[row * stride : row * stride + width] = self._gradient[start : start + width]
        for row in range(split, canvas.height):
            start = self._rng.randrange(width * (_NOISE_ROWS - 1))
            luma[row * stride : row * stride + width] = self._noise[start : start + width]
        for index, line in enumerate(lines):
            self._text(line, (1 + index * (GLYPH_HEIGHT + 2)) * self._scale)

    def _text(self, line: str, top: int) -> None:
        canvas, scale = self._canvas, self._scale
        luma, stride = canvas.planes[0], canvas.strides[0]
        for index, pixels in enumerate(text_rows(line, scale)):
            clipped = pixels[: canvas.width - scale]
            for row in range(top + index * scale, min(top + (index + 1) * scale, canvas.height)):
                at = row * stride + scale
                luma[at : at + len(clipped)] = clipped

    def _bars(self) -> None:
        width, height = self._canvas.width // 2, self._canvas.height // 2
        for plane, stride, part in zip(self._canvas.planes[1:], self._canvas.strides[1:], (0, 1), strict=True):
            row = bytes(_BARS[column * len(_BARS) // width][part] for column in range(width))
            for line in range(height):
                plane[line * stride : line * stride + width] = row
