"""Messages between agent, archiver and operators: MQTT payloads and HTTP answers, one pydantic type each.

Rules: times are UTC seconds as floats named `*_s`, ages are seconds measured by the sender's monotonic clock,
byte counts are `*_bytes`.  Readers ignore fields that they do not know (`extra="ignore"`), so that mixed versions
of one site understand each other; writers never remove a field within WIRE_VERSION.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from .causes import CameraStatus, ConsolidationPhase, EventKind, Protection

MAX_MAINTENANCE_S: Final = 14_400.0
"""Four hours: what an operator may announce at once, and what an agent bridges at most, whatever it is told."""


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ArchiverLink(Message):
    """How one agent sees one archiver."""

    archiver: str
    healthy: bool
    why: str = ""
    since_s: float
    received: int
    durable: int
    missing: int
    """Chunks that are owed to it and that it has not acknowledged yet."""
    sent_bytes: int
    maintenance_s: float = 0.0
    """What is left of an announced maintenance: nobody takes over from it meanwhile."""


class AgentBeacon(Message):
    """`agent/<id>/beacon`, retained, every beacon period; the will carries online=false."""

    agent: str
    site: str
    version: str
    online: bool
    boot: str
    """Random per process: a late will of an old process does not match the current boot id."""
    beat: int
    """Counts beacons of this boot from 0; -1 in a will."""
    sent_s: float
    uptime_s: float = 0.0
    cameras: int = 0
    recording: int = 0
    journal_bytes: int = 0
    journal_max_bytes: int = 0
    disk_why: str = ""
    """Why the journal's disk takes nothing now, so that new video is in RAM alone until archivers have it; empty when it takes it."""
    disk_since_s: float | None = None
    oldest_owed_age_s: float = 0.0
    cpu_percent: float = 0.0
    """Of one core, lately; the whole process."""
    cpu_percent_per_camera: float = 0.0
    wakeups_s: float = 0.0
    rss_mb: float = 0.0
    links: tuple[ArchiverLink, ...] = ()
    desired_term: int = 0
    desired_index: int = 0
    """Of the directory's document that it has taken up: those of an AgentPlan."""


class CameraState(Message):
    """`camera/<id>/state`, retained."""

    camera: str
    agent: str
    boot: str
    status: CameraStatus
    since_s: float
    why: str = ""
    protection: Protection
    protection_since_s: float
    protection_why: str = ""
    epoch: int = 0
    chunks: int = 0
    frames: int = 0
    dropped_frames: int = 0
    reconnects: int = 0
    chunk_age_s: float | None = None
    """Age of the newest cut chunk; None before the first."""
    durable_age_s: float | None = None
    """Age of the newest chunk that has all wanted copies durable."""
    owed: dict[str, int] = {}
    """Archiver to chunks that are owed to it and that it has not acknowledged; none is left out."""
    oldest_owed_age_s: float = 0.0
    mbit_s: float = 0.0
    codec: str = ""
    audio: str = ""
    """The recorded audio codec; empty when none is recorded."""
    left_out: str = ""
    """Tracks that the camera offers and that are not recorded, with why."""
    epoch_cause: str = ""
    """Why the epoch being recorded began: a label of Cause."""
    ingest: str = ""
    """What reads the camera: `native` or `pyav`; empty before it is first asked."""
    ingest_why: str = ""
    """Why a camera with `ingest = "auto"` is read by PyAV; empty when it is not."""
    damaged_frames: int = 0
    """Frames that came with a part of them missing; they are recorded as they came."""
    lost_packets: int = 0
    """RTP packets that never came, as the native engine counts them."""
    clock_ahead_s: float | None = None
    """How far the camera's clock is ahead of the recorder's; None when its sender reports do not tell, or PyAV reads it."""


class VolumeState(Message):
    path: str
    online: bool
    why: str = ""
    free_bytes: int
    total_bytes: int


class SetAside(Message):
    """A damaged file that was taken out of service and kept for inspection under another name."""

    camera: str
    epoch: int
    path: str
    damaged: list[int]
    """Seqs of the chunks that did not match their hashes or could not be read."""
    why: str


class ConsolidationState(Message):
    """What an archiver's consolidation is doing, or did last; counts are of this job."""

    job: int = 0
    """Counts jobs of this boot; 0 before the first."""
    phase: ConsolidationPhase = ConsolidationPhase.IDLE
    peer: str = ""
    since_s: float = 0.0
    cameras: int = 0
    cameras_done: int = 0
    files: int = 0
    """Own files to prove; 0 unless ordered."""
    files_done: int = 0
    same: int = 0
    missing: int = 0
    """Chunks that the peer has and this archiver lacked."""
    pulled: int = 0
    pulled_bytes: int = 0
    expiring: int = 0
    """Missing chunks that are not pulled, because retention would delete them at once."""
    unavailable: int = 0
    """Missing chunks that the peer listed and could not deliver."""
    different: int = 0
    """Chunks in runs that both hold with different hashes: left as they are, and reported."""
    contested: int = 0
    """Missing chunks that are not pulled, because they follow such a run in their epoch."""
    refused: int = 0
    """Chunks that the peer delivered and that do not fit what is held: not stored, and reported."""
    set_aside: list[SetAside] = []
    incomplete: int = 0
    """Chunks of those files that are still missing at the end."""
    why: str = ""
    """Why it failed; empty otherwise."""

    @property
    def ended(self) -> bool:
        return self.phase in (ConsolidationPhase.DONE, ConsolidationPhase.FAILED)


class ArchiverBeacon(Message):
    """`archiver/<id>/beacon`, retained; the will carries online=false."""

    archiver: str
    site: str
    version: str
    online: bool
    boot: str
    beat: int
    sent_s: float
    url: str = ""
    uptime_s: float = 0.0
    cameras: int = 0
    received: int = 0
    durable: int = 0
    refused: int = 0
    volumes: tuple[VolumeState, ...] = ()
    consolidation: ConsolidationState | None = None
    maintenance_s: float = 0.0
    """What is left of a maintenance that an operator has announced; 0 outside of one."""
    desired_term: int = 0
    desired_index: int = 0
    """Of the directory's document that it has taken up; 0 without one."""


class BackupState(Message):
    """One folder that a directory server writes backups to."""

    folder: str
    health: str
    """waiting, good, failing or hanging."""
    since_s: float
    why: str = ""
    newest_s: float = 0.0
    newest_index: int = 0


class DirectoryBeacon(Message):
    """`directory/<id>/beacon`, retained; the will carries online=false."""

    server: str
    site: str
    version: str
    online: bool
    boot: str
    beat: int
    sent_s: float
    url: str = ""
    uptime_s: float = 0.0
    role: str = ""
    """looking, claiming, leading or following."""
    leader: str = ""
    """Who leads, as far as this server knows; empty when it knows of nobody."""
    term: int = 0
    index: int = 0
    """The last entry that it has durable, and its term."""
    contingencies: int = 0
    """Edits that wait for an operator's decision."""
    backups: list[BackupState] = []


class Event(Message):
    """`event/<kind>`, not retained."""

    kind: EventKind
    source: str
    at_s: float
    camera: str = ""
    archiver: str = ""
    text: str
    remedy: str = ""


class EpochState(Message):
    """What an archiver has of the chunks of one epoch that a batch mentioned: inclusive seq ranges.

    received: bytes in a file, not yet fsynced; durable: fsynced and hash compared (invariant 3);
    missing: mentioned by an ASK and neither received nor durable.
    """

    epoch: int
    # made by `list`: of a default that stands here pydantic makes a deep copy for each epoch of each answer
    received: list[tuple[int, int]] = Field(default_factory=list)
    durable: list[tuple[int, int]] = Field(default_factory=list)
    missing: list[tuple[int, int]] = Field(default_factory=list)
    need_init: bool = False
    """The archiver has no init segment of this epoch, or cannot read it now, and stored none of the chunks that came."""


class AppendAnswer(Message):
    """Answer 200 to `POST /v1/append`."""

    archiver: str
    boot: str
    """Changes when the archiver restarts: what was only received may be gone, ask again."""
    cameras: dict[str, list[EpochState]]
    maintenance_s: float = 0.0
    """What is left of an announced maintenance: it may fall silent now, and wants nobody to take over from it meanwhile."""


class MaintenanceState(Message):
    """Answer to `GET` and `POST /v1/maintenance`."""

    archiver: str
    maintenance_s: float
    agents: list[str] = []
    """Who has sent something lately and has not yet been told how it is now."""


class ChunkName(Message):
    camera: str
    epoch: int
    seq: int


class ErrorAnswer(Message):
    """Any 4xx or 5xx answer of the HTTP API.  `/v1/append` stores nothing of a batch that gets one."""

    code: str
    reason: str
    remedy: str = ""
    names: list[ChunkName] = []
    """The chunks that are to blame, when they are known: the sender may leave them out and send the rest."""


class Span(Message):
    """A run of chunks without a gap, possibly over several epochs' worth of parameter changes."""

    start_s: float
    end_s: float
    epoch: int
    first_seq: int
    last_seq: int


class Gap(Message):
    start_s: float
    end_s: float
    cause: str
    text: str = ""
    """Of a declared loss: why, in the agent's words."""


class Timeline(Message):
    camera: str
    spans: list[Span]
    gaps: list[Gap]


class CameraInfo(Message):
    camera: str
    first_s: float
    last_s: float
    chunks: int
    bytes: int


class CameraFreshness(Message):
    """The newest durable chunk of a camera, and how long ago it became so by the archiver's monotonic clock."""

    epoch: int
    seq: int
    age_s: float


class Freshness(Message):
    """Answer to `GET /v1/freshness`: cameras of which a chunk became durable since the archiver's start."""

    archiver: str
    boot: str
    cameras: dict[str, CameraFreshness]


class ChunkRun(Message):
    """Chunks first_seq to last_seq of one epoch, as they lie in one file of an archiver.

    Each chunk carries the hash of the one before it (invariant 2), so equal last hashes of equal ranges are equal chunks.
    """

    epoch: int
    first_seq: int
    last_seq: int
    last_hash: str
    """Hash of the chunk last_seq, hexadecimal."""
    start_s: float
    end_s: float
    bytes: int


class ChunkListing(Message):
    """Answer to `GET /v1/cameras/{id}/chunks`: runs in order of epoch and seq; more of them from next_epoch and next_seq on."""

    archiver: str
    camera: str
    runs: list[ChunkRun]
    next_epoch: int | None = None
    next_seq: int = 0


class ChunkHash(Message):
    """The hash of one chunk, hexadecimal; None when it is not held."""

    epoch: int
    seq: int
    hash: str | None


class ChunkHashes(Message):
    """Answer to `GET /v1/cameras/{id}/chunks/hashes`."""

    camera: str
    hashes: list[ChunkHash]


class ConsolidationOrder(Message):
    """Body of `POST /v1/consolidate`: prove your own files, then pull from this archiver what you miss."""

    url: str
    camera: str = ""
    """Only this one; empty means every camera that the archiver is to hold."""
