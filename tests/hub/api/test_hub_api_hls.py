"""HLS playlists as text.  That players accept them is shown in test_hub_api_playback.py."""

from pathlib import Path

from watchkeep.hub.api.hls import EVENT_TARGET_S, init_uri, media_playlist, media_uri, multivariant_playlist
from watchkeep.hub.api.playable import Group
from watchkeep.hub.api.window import NS

FILE = Path("/v/cam0/2026-01-02/03/04-05.000Z.7.0.mp4")


def group(at_s: int, seconds: float = 4, *, epoch: int = 7, fresh: bool = False) -> Group:
    return Group(FILE, 1000 + at_s, 400, (1_767_323_045 + at_s) * NS, int(seconds * NS), epoch, bytes([epoch]) * 32, 700, fresh)


def test_a_closed_window() -> None:
    text = media_playlist([group(0, fresh=True), group(4, 3.6)], ended=True)
    assert text == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f'#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI="init/7-{"07" * 32}.mp4",BYTERANGE="700@0"\n'
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.000Z\n#EXTINF:4.000,\n#EXT-X-BYTERANGE:400@1000\nmedia/2026-01-02/03/04-05.000Z.7.0.mp4\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:09.000Z\n#EXTINF:3.600,\n#EXT-X-BYTERANGE:400@1004\nmedia/2026-01-02/03/04-05.000Z.7.0.mp4\n"
        "#EXT-X-ENDLIST\n"
    )


def test_an_event_has_no_end_and_a_target_that_stays() -> None:
    early = media_playlist([group(0, fresh=True)], ended=False)
    late = media_playlist([group(0, fresh=True), group(4, 9.4)], ended=False)
    assert f"#EXT-X-TARGETDURATION:{EVENT_TARGET_S}\n" in early
    assert f"#EXT-X-TARGETDURATION:{EVENT_TARGET_S}\n" in late
    assert "EVENT" in early
    assert "ENDLIST" not in early
    assert late.startswith(early)


def test_no_duration_rounds_above_the_target() -> None:
    assert "#EXT-X-TARGETDURATION:12\n" in media_playlist([group(0, 11.5, fresh=True)], ended=True)
    assert "#EXT-X-TARGETDURATION:11\n" in media_playlist([group(0, 11.4, fresh=True)], ended=True)
    assert "#EXT-X-TARGETDURATION:1\n" in media_playlist([group(0, 0.2, fresh=True)], ended=True)


def test_a_new_epoch_is_a_discontinuity_with_its_own_init() -> None:
    lines = media_playlist([group(0, fresh=True), group(9, epoch=8, fresh=True)], ended=True).splitlines()
    at = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[at + 1] == f'#EXT-X-MAP:URI="{init_uri(8, bytes([8]) * 32)}",BYTERANGE="700@0"'
    assert lines.count("#EXT-X-DISCONTINUITY") == 1


def test_a_hole_is_a_discontinuity_with_the_same_init() -> None:
    text = media_playlist([group(0, fresh=True), group(9, fresh=True)], ended=True)
    assert text.count("#EXT-X-DISCONTINUITY") == 1
    assert text.count("#EXT-X-MAP") == 1


def test_addresses() -> None:
    assert media_uri(FILE) == "media/2026-01-02/03/04-05.000Z.7.0.mp4"
    assert multivariant_playlist(5 * NS, bandwidth=0).splitlines()[-2:] == ["#EXT-X-STREAM-INF:BANDWIDTH=1", "index.m3u8?start=5"]
