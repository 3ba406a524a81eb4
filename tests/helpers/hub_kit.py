"""A real hub on a free port, real H.264 chunks to feed it, and a client that shows everything.

Rules: the hub is the product's own HubService with uvicorn, store and threads; nothing is faked.
"""

import http.client
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
from blake3 import blake3
from sealed import box

from watchkeep.hub.config import HubConfig
from watchkeep.hub.service import HubService
from watchkeep.native.ring import Ring
from watchkeep.wire import http as names
from watchkeep.wire.causes import Cause, ClockQuality
from watchkeep.wire.config import validate
from watchkeep.wire.isobmff import boxes
from watchkeep.wire.messages import AppendAnswer
from watchkeep.wire.record import Header, RecordKind, ask, pack_header
from watchkeep.wire.seal import ZERO_HASH, Seal, parse_seal

EPOCH = 1_767_225_600
START_NS = EPOCH * 1_000_000_000
RATE = 10
GOP = 20
DEADLINE_S = 20.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        threading.Event().wait(0.02)


# -- video --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Film:
    """One epoch of a camera: its init segment and its chunks in order."""

    camera: str
    epoch: int
    init: bytes
    chunks: list[bytes]
    seals: list[Seal] = field(repr=False)

    def init_record(self) -> bytes:
        return pack_header(Header(RecordKind.INIT, self.camera, self.epoch, 0, len(self.init), blake3(self.init).digest())) + self.init

    def record(self, seq: int) -> bytes:
        payload, seal = self.chunks[seq], self.seals[seq]
        return pack_header(Header(RecordKind.CHUNK, self.camera, self.epoch, seq, len(payload), seal.chunk_hash)) + payload

    def batch(self, *seqs: int) -> bytes:
        return self.init_record() + b"".join(self.record(seq) for seq in seqs or range(len(self.chunks)))

    @property
    def frames(self) -> int:
        return sum(seal.video_frames for seal in self.seals)


@cache
def encoded(seconds: int, width: int) -> tuple[bytes, tuple[tuple[bytes, int, bool], ...]]:
    """(ftyp+moov, ((Annex B access unit, pts in 90 kHz, key), ...)) of a moving pattern; a key frame every 2 s."""
    units = []
    header = io.BytesIO()
    with av.open(header, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof", "video_track_timescale": "90000"}) as out:
        stream = out.add_stream("libx264", RATE, options={"preset": "ultrafast", "tune": "zerolatency", "g": str(GOP), "sc_threshold": "0",
                                                          "x264-params": "annexb=1:repeat-headers=1"})  # fmt: skip
        stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
        out.start_encoding()
        for number in range(seconds * RATE):
            frame = av.VideoFrame(width, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes((number * 7 + at) % 256 for at in range(plane.buffer_size)))
            frame.pts = number
            units += [(bytes(packet), int(packet.pts or 0) * 90_000 // RATE, packet.is_keyframe) for packet in stream.encode(frame)]
    init = b"".join(box(kind, bytes(body)) for kind, body in boxes(header.getvalue()) if kind in (b"ftyp", b"moov"))
    return init, tuple(units)


def film(seconds: int, *, camera: str = "cam0", epoch: int = EPOCH, start_ns: int = START_NS, width: int = 64, segment_s: int = 6) -> Film:
    """A camera's epoch as the agent makes it: chunks of at most a second, segments cut at key frames."""
    init, units = encoded(seconds, width)
    ring = Ring(64 << 20, 4096, chunk_ticks=90_000, segment_ticks=segment_s * 90_000)
    chunks: list[bytes] = []
    prev, segment = ZERO_HASH, 0
    for data, pts, key in units:
        assert ring.push(data, run=1, track=0, pts=pts, dts=pts, duration=90_000 // RATE, key=key, damaged=False, arrival_ns=0, annexb=True)
    while (cut := ring.cut(flush=True)) is not None:
        segment = len(chunks) if cut.segment_start else segment
        chunks.append(ring.build(
            cut, camera=camera.encode(), epoch=epoch, seq=len(chunks), segment_seq=segment, clock=ClockQuality.SYNCHRONISED,
            cause=Cause.FIRST_START if epoch == EPOCH else Cause.CAMERA_LOST,
            wall_start_ns=start_ns + cut.dts * 1_000_000_000 // 90_000, pts_base=0, init_hash=blake3(init).digest(),
            prev_hash=prev))  # fmt: skip
        prev = parse_seal(chunks[-1]).chunk_hash
        ring.release(cut)
    ring.close()
    return Film(camera, epoch, init, chunks, [parse_seal(chunk) for chunk in chunks])


# -- hub ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Hub:
    """A client of a running hub."""

    def __init__(self, url: str, volumes: list[Path]) -> None:
        self.url, self.volumes = url, volumes

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)

    def append(self, body: bytes, **headers: str) -> Answer:
        defaults = {"Content_Type": names.RECORDS_TYPE, "Watchkeep_Wire": "1", "Watchkeep_Agent": "edge-1"}
        return self.request("POST", names.APPEND, body, **{**defaults, **headers})

    def stored(self, body: bytes) -> AppendAnswer:
        """Append what has to be accepted."""
        answer = self.append(body)
        assert answer.status == 200, answer.body
        return AppendAnswer.model_validate_json(answer.body)

    def files(self) -> dict[str, int]:
        """Segment files on the volumes with their sizes."""
        return {str(path.relative_to(volume)): path.stat().st_size for volume in self.volumes for path in volume.rglob("*.mp4")}

    def wait_durable(self, made: Film) -> None:
        self.wait_durable_of(made, [(0, len(made.chunks) - 1)])

    def wait_durable_of(self, made: Film, spans: list[tuple[int, int]]) -> None:
        question = ask(made.camera, made.epoch, 0, len(made.chunks))
        wait_for(lambda: self.stored(question).cameras[made.camera][0].durable == spans, "durability")


def config(tmp_path: Path, *, volumes: int = 1, **sections: dict[str, Any] | None) -> HubConfig:
    """A hub with everything on loopback and nothing that looks outside; sections change or add keys, None removes one."""
    for number in range(volumes):
        (tmp_path / f"volume{number}").mkdir(exist_ok=True)
    data: dict[str, dict[str, Any]] = {
        "hub": {"id": "a", "site": "demo", "roles": ["archiver"], "listen": "127.0.0.1:0", "data_dir": str(tmp_path / "state")},
        "archiver": {"volumes": [str(tmp_path / f"volume{number}") for number in range(volumes)], "min_free_bytes": 0, "sync_ms": 50,
                     "retention_days": 36_500},
        "discovery": {"mdns": False},
    }  # fmt: skip
    for section, keys in sections.items():
        if keys is None:
            del data[section]
        else:
            data.setdefault(section, {}).update(keys)
    return validate("hub.toml", data, HubConfig)


@contextmanager
def running(tmp_path: Path, *, volumes: int = 1, **sections: dict[str, Any] | None) -> Iterator[Hub]:
    made = config(tmp_path, volumes=volumes, **sections)
    service = HubService(made, "hub.toml")
    service.start()
    try:
        yield Hub(service.url, list(made.archiver.volumes) if made.archiver else [])
    finally:
        service.stop()
