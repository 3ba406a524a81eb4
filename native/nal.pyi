from typing_extensions import Buffer

def split_annexb(data: Buffer) -> list[tuple[int, int]]:
    """(offset, length) of each unit in an Annex B stream, header byte first, start codes and zero padding left out."""

def length_prefixed(data: Buffer) -> bytes:
    """The units of an Annex B stream behind 4-byte big-endian lengths: what Ring.push(annexb=True) stores."""

def parameter_sets(data: Buffer, hevc: bool) -> bytes:
    """The parameter sets before the first VCL unit, in Annex B with 4-byte start codes; b"" when there are none.

    SPS and PPS of H.264 (types 7 and 8), or VPS, SPS and PPS of H.265 (32 to 34).  Repeats are kept: compare the results
    of two access units only when both are of one camera and not empty.
    """

def is_key(data: Buffer, hevc: bool) -> bool:
    """Whether decoding can start here: the first VCL unit is an IDR (H.264 type 5) or an IRAP (H.265 types 16 to 21)."""
