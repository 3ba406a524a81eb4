"""A camera of any kind for tests: an RTSP server that announces what it is told to and sends RTP payloads as given, over TCP or UDP.

Rules: it knows no codec, so that it can send what no proper source would; real time, one thread for each client, and all of them
are gone when the block ends.
"""

import itertools
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Media:
    """One `m=` of the session description; `lines` are its rtpmap and fmtp."""

    kind: str
    payload_type: int
    clock: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rtp:
    """The packets of one unit: at `at_s` seconds of the session, on media number `media`; the last one has the marker."""

    media: int
    at_s: float
    payloads: tuple[bytes, ...]
    stamp_s: float | None = None
    """When it is shown; None: at_s."""


@dataclass(frozen=True)
class Raw:
    """Packets at `at_s`, whatever is in them: (channel, packet) each; over UDP channel 2 is the second media's port, and so on."""

    at_s: float
    packets: tuple[tuple[int, bytes], ...]


def rtp_packets(medias: tuple[Media, ...], unit: Rtp, sequence: list[int]) -> Iterator[tuple[int, bytes]]:
    """(channel, packet) of a unit; `sequence` counts the packets of each media."""
    media = medias[unit.media]
    for index, payload in enumerate(unit.payloads):
        marker = 0x80 if index == len(unit.payloads) - 1 else 0
        stamp = round((unit.at_s if unit.stamp_s is None else unit.stamp_s) * media.clock) & 0xFFFFFFFF
        head = struct.pack(">BBHII", 0x80, marker | media.payload_type, sequence[unit.media], stamp, 7 + unit.media)
        sequence[unit.media] = (sequence[unit.media] + 1) & 0xFFFF
        yield 2 * unit.media, head + payload


Script = Callable[[int], Iterable[Rtp | Raw]]
"""What is sent in session 0, 1, ...; when it is exhausted the camera ends the session."""


Says = Callable[[str, dict[str, str], bytes], bytes]
"""What is sent for a request: method, headers, and the proper answer."""


def _properly(_: str, __: dict[str, str], answer: bytes) -> bytes:
    return answer


class Stub:
    def __init__(self, medias: tuple[Media, ...], script: Script, says: Says = _properly, host: str = "127.0.0.1") -> None:
        self.medias, self.script, self.says = medias, script, says
        self.sessions = itertools.count()
        self.stop = threading.Event()
        self.listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.place = f"{f'[{host}]' if ':' in host else host}:{self.listener.getsockname()[1]}"
        self.url = f"rtsp://{self.place}/cam"
        self.threads = [threading.Thread(target=self._accept, name="stub-accept")]
        self.clients: list[socket.socket] = []
        self.threads[0].start()

    def close(self) -> None:
        self.stop.set()
        for one in (self.listener, *self.clients):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self.threads:
            thread.join(10)

    def drop_clients(self) -> None:
        """Cut every connection, as a camera that restarts does."""
        for one in self.clients:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.clients.append(client)
            self.threads.append(threading.Thread(target=self._serve, args=(client,), name="stub-client"))
            self.threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        ports: dict[int, int] = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, suppress(OSError):
            datagrams.bind(("127.0.0.1", 0))
            for method, uri, headers in _requests(client):
                extra, body = self._answer(method, uri, headers)
                if method == "SETUP":
                    extra = _noted(uri, headers["transport"], ports, datagrams.getsockname()[1]) + extra
                client.sendall(self.says(method, headers, f"RTSP/1.0 200 OK\r\nCSeq: {headers['cseq']}\r\nSession: 1\r\n{extra}"
                                                          f"Content-Length: {len(body)}\r\n\r\n{body}".encode()))  # fmt: skip
                if method == "PLAY":
                    self._play(_datagrams(datagrams, ports) if ports else _frames(client), next(self.sessions))
                    client.shutdown(socket.SHUT_WR)

    def _answer(self, method: str, uri: str, headers: dict[str, str]) -> tuple[str, str]:
        if method == "OPTIONS":
            return "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""
        if method == "DESCRIBE":
            return f"Content-Type: application/sdp\r\nContent-Base: {uri}/\r\n", self._sdp()
        return "", ""

    def _sdp(self) -> str:
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=stub", "c=IN IP4 127.0.0.1", "t=0 0", "a=control:*"]
        for number, media in enumerate(self.medias):
            lines += [f"m={media.kind} 0 RTP/AVP {media.payload_type}", *(f"a={line}" for line in media.lines), f"a=control:track{number}"]
        return "\r\n".join(lines) + "\r\n"

    def _play(self, send: Callable[[int, bytes], object], session: int) -> None:
        """Channels are those of the order of SETUP, which FFmpeg keeps: media 0 has 0 and 1, media 1 has 2 and 3, ..."""
        sequence = [0] * len(self.medias)
        began = time.monotonic()
        for unit in self.script(session):
            if self.stop.wait(max(0.0, began + unit.at_s - time.monotonic())):
                return
            for channel, packet in unit.packets if isinstance(unit, Raw) else rtp_packets(self.medias, unit, sequence):
                send(channel, packet)


def _noted(uri: str, transport: str, ports: dict[int, int], own: int) -> str:
    """What is answered to SETUP; the client's port of this media is noted, when it wants datagrams."""
    theirs = re.search(r"client_port=([0-9]+)", transport)
    if theirs is None:
        ports.clear()
        return f"Transport: {transport}\r\n"
    ports[int(uri.rpartition("track")[2])] = int(theirs[1])
    return f"Transport: {transport};server_port={own}-{own + 1}\r\n"


def _frames(client: socket.socket) -> Callable[[int, bytes], object]:
    return lambda channel, packet: client.sendall(struct.pack(">BBH", 0x24, channel, len(packet)) + packet)


def _datagrams(ours: socket.socket, ports: dict[int, int]) -> Callable[[int, bytes], object]:
    return lambda channel, packet: ours.sendto(packet, ("127.0.0.1", ports[channel // 2] + channel % 2))


def _requests(client: socket.socket) -> Iterator[tuple[str, str, dict[str, str]]]:
    with client.makefile("rb") as lines:
        while first := lines.readline().decode().split():
            headers = {}
            while line := lines.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            yield first[0], first[1], headers


@contextmanager
def stub(medias: tuple[Media, ...], script: Script, **more: Any) -> Iterator[Stub]:
    camera = Stub(medias, script, **more)
    try:
        yield camera
    finally:
        camera.close()
