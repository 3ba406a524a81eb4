"""The agent's link to the directory: what it asks, and where it keeps what it was told.

Rules: those of wire/shell/directory_link.py; the thread owns the client, and nothing waits for it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...wire import follow
from ...wire.desired import AgentDesired
from ...wire.shell import directory_link
from ...wire.shell.directory_finder import ServerFinder
from ...wire.shell.directory_link import CACHE
from .client import DirectoryClient
from .follow import Follower

__all__ = ["CACHE", "DirectoryLink"]


class DirectoryLink(directory_link.DirectoryLink[AgentDesired]):
    """start() once, stop() once, also when it was not started."""

    def __init__(self, folder: Path, site: str, agent: str, servers: Sequence[str], taken: Callable[[], None],
                 epochs: Callable[[], Mapping[str, int]], finder: ServerFinder | None = None) -> None:  # fmt: skip
        """`taken` is called on the thread when `document` is another one; `epochs` there too, for the newest one of each camera.
        finder: of an agent without a list; with neither there is no directory."""
        cache, client = folder / CACHE, DirectoryClient()
        followed = bool(servers) or finder is not None
        mine = Follower(site, agent, servers, directory_link.cached(cache, AgentDesired)) if followed else None

        def ask(follower: follow.Follower[AgentDesired]) -> AgentDesired | None:
            assert mine is not None, "who asks has servers"
            return client.ask(follower.server, agent, follower.at, mine.begun(epochs))

        super().__init__(cache, mine, client, ask, taken, found=None if finder is None else finder.urls)
