"""What of a changed agent.toml is taken up while the agent runs.  No I/O, no clock, no threads.

    keys                                                           while the agent runs
    ────────────────────────────────────────────────────────────   ──────────────────────────────────────────────────
    [[camera]], [[group]]; id and url of an [[archiver]]           taken up
    cold, mac and wake_broadcast of an [[archiver]]                as they were; a new cold standby is left out
    every other section                                            as it was

Rules: what is not taken up is named by its dotted key, never with its value; the file as a whole has been checked before.
"""

from .config import AgentConfig, ArchiverSection

FIXED = ("agent", "mqtt", "discovery", "journal", "recording", "replication", "directory")
POWER = ("cold", "mac", "wake_broadcast")


def taken_up(running: AgentConfig, wanted: AgentConfig) -> tuple[AgentConfig, tuple[str, ...]]:
    """The configuration to go on with, and the keys that need a restart."""
    archivers, kept = _archivers(running, wanted)
    fixed = [key for section in FIXED for key in _different(section, getattr(running, section), getattr(wanted, section))]
    config = running.model_copy(update={"camera": wanted.camera, "group": wanted.group, "archiver": archivers})
    return config, (*fixed, *kept)


def _different(section: str, before: object, after: object) -> list[str]:
    if before is None or after is None:
        return [] if before is after else [section]
    keys = type(before).model_fields  # type: ignore[attr-defined]  # every section is a Config
    return [f"{section}.{key}" for key in keys if getattr(before, key) != getattr(after, key)]


def _archivers(running: AgentConfig, wanted: AgentConfig) -> tuple[tuple[ArchiverSection, ...], list[str]]:
    there, taken, kept = {one.id: one for one in running.archiver}, list[ArchiverSection](), list[str]()
    for number, one in enumerate(wanted.archiver):
        before = there.get(one.id, ArchiverSection(id=one.id, url=one.url))
        different = [key for key in POWER if getattr(before, key) != getattr(one, key)]
        kept += [f"archiver[{number}].{key}" for key in different]
        if not different:
            taken.append(one)
        elif one.id in there:
            taken.append(before.model_copy(update={"url": one.url}))
    return tuple(taken), kept
