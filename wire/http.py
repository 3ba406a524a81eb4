"""HTTP paths, media types, headers and error codes of the archiver's API (docs/OPERATIONS.md).

Rules: agents and hubs meet only here; an error code keeps its meaning for ever.
"""

from typing import Final

APPEND: Final = "/v1/append"
CAMERAS: Final = "/v1/cameras"
HEALTH: Final = "/healthz"
METRICS: Final = "/metrics"
CONSOLIDATE: Final = "/v1/consolidate"
LOCKS: Final = "/v1/locks"
EVENTS: Final = "/v1/events"
SITE: Final = "/v1/site"
SITE_EDIT: Final = "/v1/site/edit"
SITE_HISTORY: Final = "/v1/site/history"
SITE_CONTINGENCY: Final = "/v1/site/contingency"
SITE_FAILOVER: Final = "/v1/site/failover"
SITE_MOVE: Final = "/v1/site/move"
SITE_MAINTENANCE: Final = "/v1/site/maintenance"
SITE_HEALTH: Final = "/v1/site/health"
SITE_AVAILABILITY: Final = "/v1/site/availability"
SITE_BACKUPS: Final = "/v1/site/backups"
DIRECTORY_STATE: Final = "/v1/directory/state"
DIRECTORY_ENTRIES: Final = "/v1/directory/entries"
DIRECTORY_HASH: Final = "/v1/directory/hash"
DIRECTORY_PARCEL: Final = "/v1/directory/contingency"
DIRECTORY_RECORDS: Final = "/v1/directory/records"
MAINTENANCE: Final = "/v1/maintenance"
LOSSES: Final = "/v1/losses"
FRESHNESS: Final = "/v1/freshness"

RECORDS_TYPE: Final = "application/vnd.watchkeep.records"
AGENT_HEADER: Final = "Watchkeep-Agent"
VERSION_HEADER: Final = "Watchkeep-Wire"
ACTOR_HEADER: Final = "Watchkeep-Actor"
VIA_HEADER: Final = "Watchkeep-Via"
SYNC_HEADER: Final = "Watchkeep-Sync"
SYNC_NOW: Final = "now"
"""Of an append: these chunks lost an archiver and may have no copy; do not wait for others before the fsync."""

TRUNCATED: Final = "truncated"  # 400
MALFORMED: Final = "malformed"  # 400: header, seal or box damaged, or id not valid
UNKNOWN_VERSION: Final = "unknown-version"  # 400
OVERSIZE: Final = "oversize"  # 413
HASH_MISMATCH: Final = "hash-mismatch"  # 422
CONFLICT: Final = "conflict"  # 409: a second hash for a known name: reported as tampering
STORAGE_FULL: Final = "storage-full"  # 507
STORAGE_FAILED: Final = "storage-failed"  # 503
BUSY: Final = "busy"  # 503, with Retry-After
UNSURE: Final = "unsure"  # 503: an edit may have been made, and nobody knows yet: look, then make it again
MEDIA_TYPE: Final = "media-type"  # 415: the body is not RECORDS_TYPE
BAD_REQUEST: Final = "bad-request"  # 400: a query or path value is wrong
NOT_FOUND: Final = "not-found"  # 404: no such camera, file, or nothing recorded in the window
RANGE: Final = "range"  # 416
SEVERAL_PARTS: Final = "several-parts"  # 409: the window spans several epochs; the answer lists them
TOO_MANY: Final = "too-many"  # 409: there are as many as there may be
STALE: Final = "stale"  # 412: the entity has another revision than If-Match says
REFUSED: Final = "refused"  # 422: an edit that does not fit the site; the answer lists every problem
INTERNAL: Final = "internal"  # 500


def desired(agent: str) -> str:
    """What an agent is to record: an AgentDesired.  `?term=&index=&hold_s=&begun=`: 204 when there is none later within hold_s seconds."""
    return f"{SITE}/agents/{agent}/desired"


def archiver_desired(archiver: str) -> str:
    """How an archiver is to keep video: an ArchiverDesired.  `?term=&index=&hold_s=` as of an agent."""
    return f"{SITE}/archivers/{archiver}/desired"


def timeline(camera: str) -> str:
    return f"{CAMERAS}/{camera}/timeline"


def playlist(camera: str) -> str:
    return f"{CAMERAS}/{camera}/index.m3u8"


def export(camera: str) -> str:
    return f"{CAMERAS}/{camera}/export.mp4"


def chunks(camera: str) -> str:
    """What an archiver holds of a camera: a ChunkListing."""
    return f"{CAMERAS}/{camera}/chunks"


def hashes(camera: str) -> str:
    """Hashes of single chunks: ChunkHashes."""
    return f"{CAMERAS}/{camera}/chunks/hashes"


def records(camera: str) -> str:
    """Chunks themselves, as RECORDS_TYPE."""
    return f"{CAMERAS}/{camera}/chunks/records"


def lock(lock_id: str) -> str:
    """One evidence lock."""
    return f"{LOCKS}/{lock_id}"


def lock_export(lock_id: str) -> str:
    """Exactly the chunks that overlap a lock, as an MP4."""
    return f"{lock(lock_id)}/export.mp4"
