"""Finding profiles: by name among the shipped ones, or by path.

Rules: a name is looked up, never joined to a path unchecked; what is not there is refused with the nearest name that is.
"""

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, TypeVar

from watchkeep.wire.config import Config, load
from watchkeep.wire.errors import ProfileError

from .schema import CameraProfile, RecorderProfile

Kind = Literal["recorders", "cameras"]
Model = TypeVar("Model", bound=Config)
_SUFFIX: Final = ".toml"
_HERE = Path(str(files(__package__)))


def names(kind: Kind) -> list[str]:
    """Names of the shipped profiles of a kind, sorted."""
    return sorted(path.stem for path in (_HERE / kind).glob(f"*{_SUFFIX}"))


def recorder_profile(name_or_path: str) -> RecorderProfile:
    """A recorder profile: a shipped one by name, or a file by its path, which holds a `/` or ends in `.toml`.

    Raises ProfileError with file, dotted key and reason.
    """
    if "/" in name_or_path or name_or_path.endswith(_SUFFIX):
        return load(Path(name_or_path), RecorderProfile, error=ProfileError)
    return _shipped("recorders", name_or_path, RecorderProfile)


def camera_profile(name: str) -> CameraProfile:
    """A shipped camera profile; raises ProfileError with file, dotted key and reason."""
    return _shipped("cameras", name, CameraProfile)


def _shipped(kind: Kind, name: str, model: type[Model]) -> Model:
    known = names(kind)
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?  " if near else ""
        raise ProfileError(f"{kind}/{name[:80]}{_SUFFIX}", "", "there is no such profile", remedy=f"{hint}known ones: {', '.join(known)}")
    return load(_HERE / kind / f"{name}{_SUFFIX}", model, error=ProfileError)
