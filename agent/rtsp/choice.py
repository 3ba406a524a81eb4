"""Which tracks of a session description are recorded, and why the others are not.  No I/O.

Rules: the first video and the first sound that can be kept, as agent/pyav chooses them; a channel to the camera's loudspeaker, which it
alone calls sendonly, is no sound of it; what is left out is named, and whether libav could record it, which knows more codecs.
"""

from dataclasses import dataclass
from typing import Final

from . import codecs
from .codecs import AacFormat
from .sdp import Description, Format, Media

_LIBAV_TOO: Final = frozenset({"av1", "mp2t"})
"""Video that agent/pyav records and this cannot."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A track to ask for; `codec` is FFmpeg's name of it."""

    media: Media
    form: Format
    codec: str
    aac: AacFormat | None = None

    @property
    def video(self) -> bool:
        return self.media.kind == "video"

    @property
    def parameter_sets(self) -> bytes:
        return codecs.parameter_sets(self.form) if self.video else b""


@dataclass(frozen=True, slots=True)
class Choice:
    video: Chosen | None
    audio: Chosen | None
    left_out: tuple[str, ...]
    has_video: bool
    """There is a video track, kept or not."""
    beyond: str = ""
    """The first track that is left out here and that libav could record, with why; empty when there is none."""


def choose(description: Description) -> Choice:
    """Decide over all tracks; those of other kinds (metadata, for one) are nobody's loss and are not named."""
    kept: dict[str, Chosen] = {}
    left_out, beyond = [], ""
    means_itself = any(media.backward for media in description.medias if media.kind == "video")  # who sends, by its own word, is the camera
    for media in description.medias:
        if media.kind not in ("video", "audio") or (media.kind == "audio" and media.backward and not means_itself):
            continue
        found, why = _first(media)
        if found is not None and media.kind not in kept:
            kept[media.kind] = found
        else:
            left_out.append(why if found is None else f"{media.kind} {found.codec}: one track of each kind is recorded")
            if found is None and media.kind not in kept and _libav_could(media):
                beyond = beyond or why
    video = any(media.kind == "video" for media in description.medias)
    return Choice(kept.get("video"), kept.get("audio"), tuple(left_out), video, beyond)


def _first(media: Media) -> tuple[Chosen | None, str]:
    """The first format that can be kept, or why none can."""
    known = codecs.VIDEO if media.kind == "video" else codecs.AUDIO
    why = f"{media.kind} of a kind that is not known"
    for form in media.formats:
        if form.encoding not in known or not form.clock:
            why = f"{media.kind} {_shown(form.encoding)}: it is not recorded"
        elif known[form.encoding] != "aac":
            return Chosen(media, form, known[form.encoding]), ""
        elif isinstance(laid := codecs.aac(form), AacFormat):
            return Chosen(media, form, "aac", laid), ""
        else:
            why = f"audio aac: {laid}"
    return None, why


def _libav_could(media: Media) -> bool:
    """Whether a format of a track that is not kept here is one of those that agent/pyav keeps."""
    return any(form.encoding in (codecs.AUDIO if media.kind == "audio" else _LIBAV_TOO) for form in media.formats)


def _shown(encoding: str) -> str:
    """What the camera calls it, as far as it is fit to be shown."""
    return encoding[:32] if encoding and encoding.isascii() and encoding.isprintable() else "of a kind that is not known"
