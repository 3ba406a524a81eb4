"""What is known of recorder hardware and camera makes: one TOML file each, typed and tested.

    recorders/<name>.toml   timing, memory and journal sizes that suit a machine        watchkeep.profiles.recorder_profile("generic")
    cameras/<name>.toml     RTSP addresses and habits of a make                         watchkeep.profiles.camera_profile("axis")

Rules: a profile holds values and the reason for each, never a credential and never code.  Imports wire only.
"""

# ruff: noqa: N999  the folder bears the name that installers know it by; it is imported as watchkeep.profiles

from .catalog import camera_profile, names, recorder_profile
from .schema import CameraProfile, Quirks, RecorderProfile, Storage, Stream, StreamName

__all__ = ["CameraProfile", "Quirks", "RecorderProfile", "Storage", "Stream", "StreamName", "camera_profile", "names", "recorder_profile"]
