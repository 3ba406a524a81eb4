"""How many pictures a codec may show later than it decodes them, as its parameter sets tell.  No I/O.

    known from                                                   H.264 (ISO/IEC 14496-10)     H.265 (ISO/IEC 23008-2)
    ──────────────────────────────────────────────────────────   ──────────────────────────   ───────────────────────────────────
    what the set says                                            max_num_reorder_frames, E.2  sps_max_num_reorder_pics, 7.4.3.2.1
    what it rules out: baseline, order of type 2, intra only     0

Rules: None for what is not told, or cannot be read: then the frames themselves have to show it.  Only the parts that stand in front of
the answer are read; nothing of a set is trusted beyond its bytes.
"""

from typing import Final

from .bits import Bits

MAX_DEPTH: Final = 16
"""Both codecs' limit for pictures that wait."""
_MAX_SET: Final = 1024
"""Bytes of a set that are looked at; real ones have 20 to 60."""
_CODE: Final = b"\0\0\1"
_BASELINE: Final = 66
_CHROMA: Final = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Profiles whose sets tell of chroma and scaling (7.3.2.1.1)."""
_INTRA: Final = frozenset({44, 86, 100, 110, 122, 244})
"""Profiles that are intra only with constraint_set3_flag (E.2.1)."""


def reorder_depth(codec: str, sets: bytes) -> int | None:
    """Of the first sequence parameter set among `sets` (Annex B)."""
    for part in sets.split(_CODE)[1:]:
        unit = part.rstrip(b"\0")[:_MAX_SET].replace(b"\0\0\3", b"\0\0")
        if codec == "h264" and len(unit) > 4 and unit[0] & 0x1F == 7:
            depth = _h264(unit[1:])
        elif codec == "hevc" and len(unit) > 4 and unit[0] >> 1 & 0x3F == 33:
            depth = _h265(Bits(unit[2:]))
        else:
            continue
        return depth if depth is not None and depth <= MAX_DEPTH else None
    return None


def _h264(body: bytes) -> int | None:
    profile, constraints = body[0], body[1]
    bits = Bits(body[3:])
    order = _up_to_order(bits, profile)
    _up_to_vui(bits)
    said = _vui(bits) if bits.take(1) else None
    if bits.short:
        return None
    if said is not None:
        return said
    never = profile == _BASELINE or order == 2 or (profile in _INTRA and bool(constraints & 0x10))
    return 0 if never else None


def _up_to_order(bits: Bits, profile: int) -> int:
    """To the end of pic_order_cnt_type and what belongs to it; gives the type."""
    bits.ue()
    if profile in _CHROMA:
        chroma = bits.ue()
        bits.take(1 if chroma == 3 else 0)
        bits.ue(), bits.ue(), bits.take(1)
        if bits.take(1):
            for number in range(8 if chroma != 3 else 12):
                _scaling(bits, 16 if number < 6 else 64)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.take(1), bits.ue(), bits.ue()
        for _ in range(min(bits.ue(), 255)):
            bits.ue()
    return order


def _scaling(bits: Bits, size: int) -> None:
    """scaling_list (7.3.2.1.1.1), of which only the length matters."""
    if not bits.take(1):
        return
    last = following = 8
    for _ in range(size):
        if following:
            coded = bits.ue()
            delta = (coded + 1) // 2 if coded % 2 else -(coded // 2)
            following = (last + delta) % 256
        last = following or last


def _up_to_vui(bits: Bits) -> None:
    bits.ue(), bits.take(1), bits.ue(), bits.ue()
    if not bits.take(1):
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        for _ in range(4):
            bits.ue()


def _vui(bits: Bits) -> int | None:
    """vui_parameters (E.1.1) up to max_num_reorder_frames."""
    if bits.take(1) and bits.take(8) == 255:
        bits.take(32)
    if bits.take(1):
        bits.take(1)
    if bits.take(1):
        bits.take(4)
        if bits.take(1):
            bits.take(24)
    if bits.take(1):
        bits.ue(), bits.ue()
    if bits.take(1):
        bits.take(65)
    nal = _hrd(bits)
    if _hrd(bits) or nal:
        bits.take(1)
    bits.take(1)
    if not bits.take(1):
        return None
    bits.take(1)
    for _ in range(4):
        bits.ue()
    return bits.ue()


def _hrd(bits: Bits) -> bool:
    if not bits.take(1):
        return False
    count = min(bits.ue() + 1, 32)
    bits.take(8)
    for _ in range(count):
        bits.ue(), bits.ue(), bits.take(1)
    bits.take(20)
    return True


def _h265(bits: Bits) -> int | None:
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.ue()
    if bits.ue() == 3:
        bits.take(1)
    bits.ue(), bits.ue()
    if bits.take(1):
        for _ in range(4):
            bits.ue()
    bits.ue(), bits.ue(), bits.ue()
    depth = 0
    for _ in range(layers + 1 if bits.take(1) else 1):
        bits.ue()
        depth = bits.ue()
        bits.ue()
    return None if bits.short else depth
