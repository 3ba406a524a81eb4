"""What a ring's cutter decided: the next chunk, before it is built.

Rules: made by Ring.cut only, by the compiled ring and by its twin alike; valid until it is released.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cut:
    """One chunk: the oldest `frames` frames of a ring.  Ticks are 90 kHz, relative to the run's zero."""

    run: int
    first_frame: int
    """Number of the oldest frame, counted over the ring's life; tells a released cut from the next one."""
    frames: int
    video_frames: int
    audio_frames: int
    payload_bytes: int
    """Bytes of all samples, as mdat holds them."""
    dts: int
    """Of the first video frame."""
    pts: int
    """Of the first video frame in decode order."""
    audio_dts: int | None
    """Of the first audio frame, in ticks of the audio track; None without audio."""
    arrival_ns: int
    """Of the first video frame: the instant that dts and pts belong to."""
    duration: int
    """Ticks from the first video frame to the first of the next chunk."""
    key: bool
    """The first video frame is a key frame."""
    segment_start: bool
    """The chunk opens a segment: the first of its run, or a key frame once the segment is long enough."""
    guessed: bool
    """No video frame of the same run follows, so the last frame's duration is a guess."""
    damaged: bool
    """At least one frame was pushed as damaged."""
