"""What one agent is to record and how, and how one archiver is to keep it.  No I/O, no clock.

Rules: a pure view of the state, so every server gives the same answer at the same index.  A camera stands in the document of the
agent that has its lease, and of the one that had it before until leaving.py ends that: who records it is decided in plan.py, not here.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from ...wire.desired import (
    MAX_ABSENCES,
    MAX_ARCHIVERS,
    MAX_CAMERAS,
    AgentDesired,
    ArchiverDesired,
    DesiredAbsence,
    DesiredArchiver,
    DesiredCamera,
)
from .entities import Archiver, Camera
from .rules import failback, priority, retention_days
from .site import Key, Site
from .uselast import kept_by, used_last

NOBODY: Final = ""


def assigned(site: Site) -> dict[str, list[str]]:
    """Cameras by the agent that has their lease or is leaving them, each list in order of their names."""
    found: dict[str, list[str]] = {}
    cameras = site.entities.get("camera", {})
    leaving = [(camera, one) for camera, leaves in site.leaving.items() for one in leaves]
    for camera, recording in sorted([*site.recorders.items(), *leaving]):
        if recording.agent != NOBODY and camera in cameras and camera not in found.setdefault(recording.agent, [])[-1:]:
            found[recording.agent].append(camera)
    return found


def desired(site: Site, name: str, agent: str, mine: Iterable[str] | None = None) -> AgentDesired | None:
    """The document of an agent of the site called `name`; None for an agent that the site never had.  One that was removed keeps its
    cameras until the plan has given them to others, and then has none.

    mine: its cameras as `assigned` lists them, for who has that list already.
    """
    if Key("agent", agent) not in site and agent not in site.retired:
        return None
    names = assigned(site).get(agent, ()) if mine is None else mine
    cameras = [(camera, _entity(site, camera)) for camera in names]
    cameras.sort(key=lambda one: (_leaves(site, one[0], agent), -priority(site, one[1]), one[0]))
    last = used_last(site)
    return AgentDesired(site=name, agent=agent, term=site.term, index=site.index,
                        cameras=tuple(_camera(site, camera, one, agent, last) for camera, one in cameras[:MAX_CAMERAS]),
                        archivers=tuple(_addresses(site)[:MAX_ARCHIVERS]), absences=_absences(site))  # fmt: skip


def retention(site: Site) -> dict[str, float]:
    """Days of the cameras that have some of their own or by their group, by id; most sites have few of them, and it is asked for at every
    change."""
    cameras, groups = site.entities.get("camera", {}), site.entities.get("group", {})
    say = {name for name, record in groups.items() if "retention_days" in record.value}
    some = (name for name, record in cameras.items() if "retention_days" in record.value or record.value.get("group") in say)
    found = ((name, retention_days(site, _entity(site, name))) for name in sorted(some))
    return {name: days for name, days in found if days is not None}


def desired_of_archiver(site: Site, name: str, archiver: str, own: Mapping[str, float] | None = None) -> ArchiverDesired | None:
    """The document of an archiver; None for one that the site has not.  Days are in it only where the site says them: an archiver that
    nobody gave any must not take the plan's default for an order to delete.

    own: what `retention` says, for who has that already.
    """
    record = site.get(Key("archiver", archiver))
    if record is None:
        return None
    entity = record.entity
    assert isinstance(entity, Archiver)
    peers = [one for one in _addresses(site) if one.id != archiver]
    return ArchiverDesired(site=name, archiver=archiver, term=site.term, index=site.index, peers=tuple(peers[:MAX_ARCHIVERS]),
                           retention_days=entity.retention_days if "retention_days" in entity.model_fields_set else None,
                           retention=dict(retention(site) if own is None else own))  # fmt: skip


def _addresses(site: Site) -> list[DesiredArchiver]:
    return [DesiredArchiver(id=store, url=one.url) for store, one in site.stores.items() if one.url is not None]


def _absences(site: Site) -> tuple[DesiredAbsence, ...]:
    """Past ones too: which of them are over is for the agent's clock to say, since this is the same at every moment."""
    windows = sorted((one.end_s, one.start_s, one.target) for one in site.windows.values() if one.kind == "archiver")
    return tuple(DesiredAbsence(archiver=target, start_s=start_s, end_s=end_s) for end_s, start_s, target in windows[-MAX_ABSENCES:])


def _entity(site: Site, camera: str) -> Camera:
    found = site.entities["camera"][camera].entity
    assert isinstance(found, Camera)
    return found


def _leaves(site: Site, camera: str, agent: str) -> bool:
    return site.recorders[camera].agent != agent


def _camera(site: Site, name: str, camera: Camera, agent: str, last: frozenset[str]) -> DesiredCamera:
    copies, listed = kept_by(site, name, camera, last)
    leaving = _leaves(site, name, agent)
    recording = next(one for one in site.leaving[name] if one.agent == agent) if leaving else site.recorders[name]
    return DesiredCamera(
        id=name, url=camera.url, host=camera.host, channel=camera.channel, stream=camera.stream, profile=camera.profile,
        transport=camera.transport, ingest=camera.ingest, credentials=camera.credentials, copies=copies,
        archivers=listed, priority=priority(site, camera),
        failback=failback(site, camera), term=recording.term, leaving=leaving, relieves=name in site.leaving and not leaving)  # fmt: skip
