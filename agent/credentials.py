"""credentials.toml in data_dir: users and passwords that cameras of a directory name.

    [[login]]
    name = "yard"
    user = "viewer"
    password = "..."

Rules: only its owner may read it (mode 0600), or it is refused; a file that is not there has no entries.  Read anew at each reload; what
is in it is shown nowhere.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from ..wire.config import Config, load
from ..wire.errors import ConfigError
from .directory.resolve import Login

NAME: Final = "credentials.toml"


class _Entry(Config):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
    user: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    password: Annotated[str, StringConstraints(max_length=255)] = Field(default="", repr=False)


class _File(Config):
    login: tuple[_Entry, ...] = ()


def read_logins(file: Path) -> dict[str, Login]:
    """Entries by name; raises ConfigError."""
    try:
        mode = file.stat().st_mode & 0o777
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(str(file), "", f"cannot be looked at ({error.strerror})", remedy="check its folder's permissions") from error
    if mode & 0o077:
        raise ConfigError(str(file), "", f"others may read it (mode {mode:04o})", remedy=f"chmod 600 {file}, as the agent's user")
    entries = load(file, _File).login
    for number, entry in enumerate(entries):
        if entry.name in [one.name for one in entries[:number]]:
            raise ConfigError(str(file), f"login[{number}].name", f"{entry.name!r} is used twice", remedy="give each login its own name")
    return {entry.name: Login(entry.user, entry.password) for entry in entries}


def logins_at_start(file: Path, tell: Callable[[str, str], None]) -> dict[str, Login]:
    """A wrong file keeps nothing from being recorded but the cameras that need it: those say so.  tell: what is wrong, and its remedy."""
    try:
        return read_logins(file)
    except ConfigError as error:
        tell(error.message, error.remedy)
        return {}
