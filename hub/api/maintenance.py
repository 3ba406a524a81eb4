"""GET and POST /v1/maintenance: an operator announces that this archiver will be silent for a while.

Rules: answered from memory, so the event loop may do it.
"""

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query

from ...wire import http
from ...wire.messages import MAX_MAINTENANCE_S, MaintenanceState
from ..duty.maintenance import Maintenance
from . import openapi

Seconds = Annotated[float, Query(ge=0, le=MAX_MAINTENANCE_S, description="from now on; 0 ends it")]


def router(maintenance: Maintenance, archiver: str, tell: Callable[[str], None]) -> APIRouter:
    """`tell` makes an event of what an operator has ordered."""
    routes = APIRouter(tags=["operations"])

    def now() -> MaintenanceState:
        at = time.monotonic()
        return MaintenanceState(archiver=archiver, maintenance_s=round(maintenance.left_s(at), 1), agents=maintenance.untold(at))

    @routes.get(http.MAINTENANCE)
    async def state() -> MaintenanceState:
        """What is left of an announced maintenance, 0 outside of one; `agents` names who has not yet been told how it is now."""
        return now()

    @routes.post(http.MAINTENANCE, responses=openapi.LISTED)
    async def order(seconds: Seconds) -> MaintenanceState:
        """Announce a maintenance: agents keep what is owed to this archiver and nobody takes over from it for so long.

        It can be stopped as soon as `agents` of GET is empty.  A restart ends it, and so does 0.
        """
        before = maintenance.left_s(time.monotonic())
        maintenance.order(seconds, time.monotonic())
        if seconds or before:
            tell(f"maintenance of archiver {archiver} " + (f"is announced for {seconds:.0f} s" if seconds else "has ended"))
        return now()

    return routes
