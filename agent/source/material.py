"""From settings to what is sent: the tracks that every camera announces, and the producers that fill them.

Rules: everything slow happens here, before the source says that it is ready.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from ...wire.errors import UsageError
from ..pyav.encode import AudioCodec, VideoSpec
from ..pyav.file import FileAudio, FileMedia, read_file
from .clips import Clip, Slot, audio_clip, loop, video_clip
from .faults import FaultKind
from .generate import LivePattern, beep_clip, pattern_clip
from .media import AUDIO, PAYLOAD_TYPES, VIDEO, VIDEO_CLOCK, Track
from .nal import access_unit, parameter_sets
from .options import Settings

VARIANT_LOOP_S: Final = 2


@dataclass(frozen=True, slots=True)
class Material:
    tracks: tuple[Track, ...]
    producers: tuple[Iterator[Slot], ...]
    notes: tuple[str, ...] = ()
    """What a tester should know, one line each."""


def prepare(settings: Settings, rng: random.Random, utc_ns: Callable[[], int], elapsed_s: Callable[[], float]) -> Material:
    """Read the file, or start the encoder, or encode ahead; raises UsageError when the file cannot be served."""
    material = _file(settings.file, settings.audio == "file") if settings.file else _pattern(settings, rng, utc_ns, elapsed_s)
    if settings.audio not in ("none", "file"):
        material = _with(material, beep_clip(cast(AudioCodec, settings.audio)))
    if any(fault.kind is FaultKind.PARAM_CHANGE for fault in settings.faults.values()):
        spec = half_size(replace(settings.video, codec=material.tracks[0].codec))  # type: ignore[arg-type]
        variant = pattern_clip(spec, VARIANT_LOOP_S, rng)
        material = replace(material, producers=(*material.producers, loop(variant, variant=True)))
    return material


def half_size(spec: VideoSpec) -> VideoSpec:
    """The picture that `param-change` goes on with: half the width and height, a quarter of the bitrate, GOPs that fit into its loop."""
    width, height = max(64, spec.width // 8 * 4), max(64, spec.height // 8 * 4)
    return replace(spec, width=width, height=height, bitrate=max(32_000, spec.bitrate // 4), gop=min(spec.gop, spec.fps))


def _pattern(settings: Settings, rng: random.Random, utc_ns: Callable[[], int], elapsed_s: Callable[[], float]) -> Material:
    if settings.loop_s is None:
        live = LivePattern(settings.video, rng, utc_ns, elapsed_s)
        return Material((live.track,), (live.slots(),))
    clip = pattern_clip(settings.video, settings.loop_s, rng)
    return Material((clip.track,), (loop(clip),), ("the burnt-in text shows the place in the loop; the counter in the SEI is unique",))


def _file(path: Path, with_audio: bool) -> Material:
    media = read_file(path)
    clip = _file_video(path, media)
    material = Material((clip.track,), (loop(clip),))
    if with_audio and media.audio is not None:
        return _with(material, _file_audio(media.audio, clip))
    if with_audio:
        return replace(material, notes=(f"{path.name} is sent without audio: {media.left_out or 'it has none'}",))
    return material


def _file_video(path: Path, media: FileMedia) -> Clip:
    sets = next((found for item in media.video if (found := parameter_sets(media.codec, access_unit(media.codec, item.data)))), ())
    track = Track(VIDEO, media.codec, PAYLOAD_TYPES[media.codec], VIDEO_CLOCK, frame_rate=media.fps, parameter_sets=sets)
    clip = video_clip(track, media.video)
    if not sets or not clip.frames:
        raise UsageError(f"{path} has no key frame with its parameter sets", remedy="convert it: ffmpeg -i FILE -c:v libx264 out.mp4")
    return clip


def _file_audio(audio: FileAudio, video: Clip) -> Clip:
    sets = (audio.config,) if audio.config else ()
    track = Track(AUDIO, audio.codec, PAYLOAD_TYPES[audio.codec], audio.clock, audio.channels, parameter_sets=sets)
    period, zero = (ticks * audio.clock // VIDEO_CLOCK for ticks in (video.period, video.zero))
    return audio_clip(track, audio.frames, period, zero)


def _with(material: Material, audio: Clip) -> Material:
    return replace(material, tracks=(*material.tracks, audio.track), producers=(*material.producers, loop(audio)))
