"""What `watchkeep hub check` tells an operator of a configuration that is good: a line for each thing that the hub would do.

Rules: nothing is asked of the network, and nothing changed.  A line that begins with `note:` is worth a look before the start.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..wire.errors import redact, redact_url
from .config import DirectorySection, HubConfig, broker_address


def explain(config: HubConfig) -> list[str]:
    """What a configuration will do, for an operator who checks it."""
    hub, kept = config.hub, config.archiver
    lines = [f"hub {hub.id} of site {hub.site}: {', '.join(hub.roles)}; API on {hub.listen}, own files in {hub.data_dir}"]
    if kept is not None:
        where = ", ".join(map(str, kept.volumes))
        lines.append(f"keeps {_days(config)} on {where}, less when under {kept.min_free_bytes / 1e9:g} GB are free")
        if followed := config.followed("this hub"):
            lines.append(f"follows the directory at {', '.join(map(redact_url, followed))}")
        if config.finds:
            lines.append("follows the directory servers that mDNS shows, whoever announces them: set archiver.retention_days, or list "
                         "directory.servers, where they are not to say how long video is kept")  # fmt: skip
        lines.extend(floor_notes(kept.volumes, kept.min_free_bytes))
        lines.extend(f"free on {volume}: {shutil.disk_usage(volume).free / 1e9:.1f} GB" for volume in kept.volumes)
        if any(volume in (hub.data_dir, *hub.data_dir.parents) for volume in kept.volumes):
            lines.append(f"note: hub.data_dir {hub.data_dir} lies in a volume: a disk that fails takes the video and the hub's own files")
        if kept.retention:
            own = ", ".join(f"{camera} {days:g}" for camera, days in sorted(kept.retention.items()))
            lines.append(f"keeps single cameras for other numbers of days: {own}")
        lines.append(f"makes chunks durable within {kept.sync_ms} ms; agents keep theirs until then, so a power cut here loses none")
    if config.standby.sleep_command:
        command = " ".join(config.standby.sleep_command)
        lines.append(f"is a standby: sleeps by `{command}` when nobody asked for {config.standby.sleep_after_s:g} s")
    if config.holds("directory"):
        lines.extend(_directory(config))
    if config.holds("broker"):
        lines.append(f"serves MQTT on {broker_address(config)} to whoever gets there: it asks for no password")
    if config.peer:
        lines.append(f"compares itself with {', '.join(f'{peer.id} at {redact_url(peer.url)}' for peer in config.peer)}")
    if config.mqtt.url is None and config.broker.listen is None:
        lines.append("no MQTT: no beacons and no events, everything else works")
    if not config.discovery.mdns:
        lines += ["no mDNS: agents need this archiver in their own list"] if kept is not None else []
        lines += ["no mDNS: whoever follows or asks this directory server needs its address"] if config.holds("directory") else []
    return lines


def _directory(config: HubConfig) -> Iterator[str]:
    """What it is in the site's directory, where its journal lies, and who has another one when its disk is lost."""
    wanted = config.directory or DirectorySection()
    mine = next((one for one in wanted.servers if one.id == config.hub.id), None)
    if mine is None:
        yield "is the only server of the site's directory: while it is away nobody takes edits, and recording goes on"
    else:
        others = ", ".join(f"{one.id} at {redact_url(one.url)}" for one in wanted.servers if one.id != config.hub.id)
        place = "leads when no other lives" if mine.recovery else f"rank {mine.rank}"
        yield f"is a server of the site's directory, {place}; the others: {others or 'none'}; the site's own list counts once there is one"
    named = wanted.database or str(config.hub.data_dir / "directory.sqlite")
    yield f"keeps its journal in {redact(named.rpartition('@')[2])}"
    kept = wanted.backup
    if kept is None:
        yield "note: no [directory.backup]: when all servers and their disks are lost, so is the site's description"
        return
    when = " and ".join(f"{name} `{cron}`" for name, cron in (("full", kept.full), ("incremental", kept.incremental)) if cron)
    where = ", ".join(map(str, kept.folders))
    yield f"writes backups, when it is its turn, to {where}: {when or 'by command only'}; {kept.keep_full} full ones are kept"
    for folder in kept.folders:
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            yield f"note: {folder} is no folder that this user can write to: mount it, make it, or chown it to the hub's user"


def _days(config: HubConfig) -> str:
    """How long video is kept, and who says so."""
    assert config.archiver is not None, "an archiver"
    days = f"{config.archiver.retention_days:g} days"
    if not (config.followed("this hub") or config.finds):
        return days
    if config.says_days:
        return f"{days}, whatever the directory says: archiver.retention_days is in this file,"
    return f"as many days as the directory says, {days} when it says none,"


def floor_notes(volumes: tuple[Path, ...], floor: int) -> Iterator[str]:
    """Volumes of which the floor leaves less than half: a digit too many there deletes what is recorded as soon as it is stored."""
    for volume in volumes:
        total = shutil.disk_usage(volume).total
        if floor > total / 2:
            yield (f"note: {volume} has {total / 1e9:.1f} GB in all, and archiver.min_free_bytes keeps {floor / 1e9:g} GB of it free: "
                   "set it lower")  # fmt: skip
