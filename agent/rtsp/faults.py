"""What a camera's refusal means for its state: the same words as agent/pyav/ingest.py has for libav's errors.  No I/O.

Rules: nothing that the camera said is quoted but its status number; every failure has a remedy.
"""

from ...wire.causes import CameraStatus
from ...wire.errors import FormatError, redact
from .actions import Failed

_REACH = "check the url, the camera's power and network"


def refused(status: int, *, described: bool) -> Failed:
    """An answer that ends the try; described: the camera has said before what it has."""
    if status in (401, 403, 407):
        return Failed(CameraStatus.UNAUTHORIZED, "the camera refuses the user name or password",
                      "correct the credentials in the camera's url", common=not described)  # fmt: skip
    return Failed(CameraStatus.CONNECTING, f"the camera refuses to play the stream ({status})",
                  "check the path in the camera's url, and how many viewers it serves; restart it", common=not described)  # fmt: skip


def anonymous(*, elsewhere: bool) -> Failed:
    """elsewhere: the camera has sent us to another host, which is not told what the camera's own user and password are."""
    if elsewhere:
        return Failed(CameraStatus.UNAUTHORIZED, "the host that the camera sends us to wants a user name and a password",
                      "put that host's address into the camera's url, with them", common=True)  # fmt: skip
    return Failed(CameraStatus.UNAUTHORIZED, "the camera wants a user name and a password", "put them into the camera's url", common=True)


def unreachable(why: str, *, mute: bool) -> Failed:
    """mute: it has not said a word."""
    return Failed(CameraStatus.CONNECTING, redact(f"the camera cannot be reached ({why})"), _REACH, common=mute)


def unanswered(seconds: float, *, mute: bool) -> Failed:
    return Failed(CameraStatus.CONNECTING, f"the camera does not answer within {seconds:g} s", _REACH, common=mute)


def ended() -> Failed:
    return Failed(CameraStatus.CONNECTING, "the camera ended the session", "it is asked anew; if this comes back, restart the camera")


def wandering() -> Failed:
    return Failed(CameraStatus.CONNECTING, "the camera sends us from one address to the next", "put the last address into the camera's url")


def without_video(left_out: tuple[str, ...], *, has_video: bool) -> Failed:
    if not has_video:
        return Failed(CameraStatus.UNSUPPORTED, "the stream has no video", "choose a video profile in the camera's URL")
    named = next((why for why in left_out if why.startswith("video")), "")
    return Failed(CameraStatus.UNSUPPORTED, f"no video of the stream is supported ({named})",
                  "choose H.264 or H.265 in the camera's settings, or ingest = \"pyav\" for it", unfit=True)  # fmt: skip


def beyond(what: str) -> Failed:
    """A track that another engine could record."""
    return Failed(CameraStatus.UNSUPPORTED, f"the native engine does not record {what}",
                  "set ingest = \"auto\" or \"pyav\" for this camera", unfit=True)  # fmt: skip


def no_transport() -> Failed:
    return Failed(CameraStatus.UNSUPPORTED, "the camera sends neither over TCP nor over UDP",
                  "switch RTP over RTSP on in the camera's settings", unfit=True)  # fmt: skip


def malformed(error: FormatError) -> Failed:
    return Failed(CameraStatus.CONNECTING, error.message, error.remedy, unfit=True)
