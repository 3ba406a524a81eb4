"""The routes of a hub with the role `directory`.

Rules: apart from app.py, which does not import this: a hub without the role goes without SQLAlchemy, 13 MB of memory.
"""

from ..directory.run import DirectoryPart
from .app import Part
from .desired import DesiredRoutes
from .directory import DirectoryRoutes
from .orders import OrderRoutes
from .site import SiteRoutes
from .sitehealth import HealthRoutes


def directory_parts(directory: DirectoryPart) -> list[Part]:
    # SiteRoutes behind the others: {kind} of /v1/site/{kind} takes every word
    return [DirectoryRoutes(directory.server), OrderRoutes(directory.orders), HealthRoutes(directory.health, directory.saved),
            SiteRoutes(directory.desk), DesiredRoutes(directory.agents)]  # fmt: skip
