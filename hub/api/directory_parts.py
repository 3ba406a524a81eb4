"""The routes of a hub with the role `directory`, apart from app.py: a hub without it does not load SQLAlchemy, 20 MB of memory."""

from ..directory.run import DirectoryPart
from .app import Part
from .desired import DesiredRoutes
from .directory import DirectoryRoutes
from .orders import OrderRoutes
from .site import SiteRoutes


def directory_parts(directory: DirectoryPart) -> list[Part]:
    return [DirectoryRoutes(directory.server), OrderRoutes(directory.orders), SiteRoutes(directory.desk), DesiredRoutes(directory.agents)]
