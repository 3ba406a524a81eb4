"""HLS playlists (RFC 8216 and its bis draft) over byte ranges of segment files.  No I/O, no clock.

Rules: every entry is one Group, so it starts with a key frame; bytes are those of the archive, nothing is repackaged.
Version 7: fragmented MP4 with EXT-X-MAP outside of I-frame playlists.  All URIs are relative to the playlist's own.

Three shapes, told apart by the query:
    start and end, and end has passed     VOD, complete
    start, or an end still to come        EVENT: grows at its end, nothing is ever taken from it
    neither                               a multivariant playlist that names an EVENT from shortly before now, because a
                                          player reloads the URL it was given and an EVENT's beginning must stay
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .playable import Group
from .window import NS, iso

EVENT_TARGET_S: Final = 10
"""An EVENT's target duration must never change: GROUP_NS plus a GOP of up to 6 s; longer GOPs raise it from the start."""


def media_playlist(groups: Sequence[Group], *, ended: bool) -> str:
    """A VOD playlist when ended, else an EVENT; groups in order of time, at least one."""
    longest = max(group.duration_ns for group in groups)
    target = (longest + NS // 2) // NS or 1
    lines = [
        "#EXTM3U", "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target if ended else max(target, EVENT_TARGET_S)}",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if ended else 'EVENT'}",
        "#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-INDEPENDENT-SEGMENTS",
    ]  # fmt: skip
    init: tuple[int, bytes] | None = None
    for number, group in enumerate(groups):
        if group.fresh and number:
            lines.append("#EXT-X-DISCONTINUITY")
        if (group.epoch, group.init_hash) != init:
            init = group.epoch, group.init_hash
            # The byte range says nothing new, but without it FFmpeg asks for the last media range's end and waits for it.
            lines.append(f'#EXT-X-MAP:URI="{init_uri(*init)}",BYTERANGE="{group.init_bytes}@0"')
        lines += _entry(group)
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])


def _entry(group: Group) -> list[str]:
    return [
        f"#EXT-X-PROGRAM-DATE-TIME:{iso(group.start_ns)}",
        f"#EXTINF:{group.duration_ns / NS:.3f},",
        f"#EXT-X-BYTERANGE:{group.length}@{group.offset}",
        media_uri(group.path),
    ]


def multivariant_playlist(start_ns: int, *, bandwidth: int) -> str:
    """A playlist of one variant: the EVENT from start_ns on.  bandwidth in bit/s."""
    return f"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:BANDWIDTH={max(bandwidth, 1)}\nindex.m3u8?start={start_ns // NS}\n"


def init_uri(epoch: int, init_hash: bytes) -> str:
    """Relative to the playlist; the hash makes it safe to cache for ever."""
    return f"init/{epoch}-{init_hash.hex()}.mp4"


def media_uri(path: Path) -> str:
    """Relative to the playlist; a segment's path ends in `<camera>/<day>/<hour>/<file>`, and the camera is in the URL already."""
    return "media/" + "/".join(path.parts[-3:])
