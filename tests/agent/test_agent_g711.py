"""G.711 tables against FFmpeg's decoder: agent/g711.py."""

import io
import struct

import av
import pytest

from watchkeep.agent.g711 import to_linear


@pytest.mark.parametrize(("law", "code", "name"), [("alaw", 6, "pcm_alaw"), ("ulaw", 7, "pcm_mulaw")])
def test_all_code_words_equal_ffmpegs(law, code, name):
    words = bytes(range(256))
    wave = b"RIFF" + struct.pack("<I", 36 + 256) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, code, 1, 8000, 8000, 1, 8)
    wave += b"data" + struct.pack("<I", 256) + words
    with av.open(io.BytesIO(wave)) as container:
        assert container.streams.audio[0].codec_context.name == name
        decoded = b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in container.decode(audio=0))
    assert to_linear(words, law) == decoded
