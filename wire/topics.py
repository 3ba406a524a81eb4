"""MQTT topics, `watchkeep/v1/<site>/...` (docs/MQTT.md).

Rules: JSON payloads; beacons and camera states are retained and have a symmetric will; nothing here is
evidence, and no acknowledgement of video ever travels on MQTT.
"""

from .ids import check_id

PREFIX = "watchkeep/v1"


def agent_beacon(site: str, agent: str) -> str:
    return f"{_site(site)}/agent/{check_id('agent', agent)}/beacon"


def agent_desired(site: str, agent: str) -> str:
    return f"{_site(site)}/agent/{check_id('agent', agent)}/desired"


def archiver_beacon(site: str, archiver: str) -> str:
    return f"{_site(site)}/archiver/{check_id('archiver', archiver)}/beacon"


def archiver_desired(site: str, archiver: str) -> str:
    return f"{_site(site)}/archiver/{check_id('archiver', archiver)}/desired"


def directory_beacon(site: str, server: str) -> str:
    return f"{_site(site)}/directory/{check_id('server', server)}/beacon"


def camera_state(site: str, camera: str) -> str:
    return f"{_site(site)}/camera/{check_id('camera', camera)}/state"


def event(site: str, kind: str) -> str:
    return f"{_site(site)}/event/{check_id('event', kind)}"


def events(site: str) -> str:
    """A subscription filter for the events of the whole site."""
    return f"{_site(site)}/event/+"


def command(site: str, kind: str, ident: str) -> str:
    """An order to the directory (wire/commands.py); the id is the sender's choice, a new one for each."""
    return f"{_site(site)}/cmd/{check_id('command', kind)}/{check_id('command', ident)}"


def command_reply(site: str, kind: str, ident: str) -> str:
    return f"{command(site, kind, ident)}/reply"


def commands(site: str) -> str:
    """A subscription filter for the commands of the whole site, without their replies."""
    return f"{_site(site)}/cmd/+/+"


def command_replies(site: str) -> str:
    """A subscription filter for the replies alone."""
    return f"{_site(site)}/cmd/+/+/reply"


def everything(site: str) -> str:
    """A subscription filter for the whole site."""
    return f"{_site(site)}/#"


def _site(site: str) -> str:
    return f"{PREFIX}/{check_id('site', site)}"
