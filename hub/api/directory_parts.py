"""The routes of a hub with the role `directory`.

Rules: apart from app.py, which does not import this: a hub without the role goes without SQLAlchemy, 13 MB of memory.
"""

from ..directory.run import DirectoryPart
from .app import Part
from .desired import DesiredRoutes
from .directory import DirectoryRoutes
from .orders import OrderRoutes
from .site import SiteRoutes


def directory_parts(directory: DirectoryPart) -> list[Part]:
    return [DirectoryRoutes(directory.server), OrderRoutes(directory.orders), SiteRoutes(directory.desk), DesiredRoutes(directory.agents)]
