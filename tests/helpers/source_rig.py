"""What the tests of the test source share: a running source, a raw RTSP client, and a depacketizer.

Rules: written from the RFCs and not from agent/source, so that a mistake there is not repeated here.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from watchkeep.wire.counter import FrameCounter, parse_nal

SMALL = ("--size", "128x96", "--bitrate", "200k", "--fps", "50", "--gop", "10")


class Source:
    """A `watchkeep source` process with what it said when it was ready."""

    def __init__(self, process: "subprocess.Popen[str]", ready: dict[str, Any], report: Path) -> None:
        self.process, self.ready, self._report = process, ready, report
        self.port = int(ready["port"])
        self.urls: list[str] = ready["urls"]

    def stop(self) -> dict[str, Any]:
        """SIGTERM, exit code 0, and the report."""
        self.process.terminate()
        assert self.process.wait(20) == 0
        loaded: dict[str, Any] = json.loads(self._report.read_text())
        return loaded


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "watchkeep.wire.shell.cli", "source", *options]


@contextmanager
def running(folder: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[Source]:
    """A source on a free port; it is stopped, and its stderr has to be empty."""
    report = folder / "report.json"
    with (folder / "stderr").open("w+") as errors:
        process = subprocess.Popen(command("--port", "0", "--json", "--report", str(report), *SMALL, *options), text=True,
                                   stdout=subprocess.PIPE, stderr=errors, env={**os.environ, **(environment or {})})  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (folder / "stderr").read_text()
            yield Source(process, json.loads(line), report)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(20)
            process.stdout.close()
    assert (folder / "stderr").read_text() == ""


def nal_units(data: bytes) -> list[bytes]:
    """NAL units of Annex B, the simple way."""
    return [part.rstrip(b"\0") for part in data.split(b"\0\0\1")[1:] if part.rstrip(b"\0")]


def watch(url: str, *, transport: str = "tcp", frames: int | None = None) -> tuple[list[FrameCounter], dict[str, int]]:
    """Play a URL with PyAV until it ends or `frames` were seen; the counters in order, and packets by codec."""
    counters: list[FrameCounter] = []
    packets: dict[str, int] = {}
    with av.open(url, options={"rtsp_transport": transport}, timeout=(10, 10)) as container:
        for packet in container.demux():
            if packet.size == 0:
                continue
            codec = packet.stream.codec_context.name
            packets[codec] = packets.get(codec, 0) + 1
            if packet.stream.type == "video":
                counters += [found for nal in nal_units(bytes(packet)) if (found := parse_nal(nal)) is not None]
            if frames is not None and len(counters) >= frames:
                break
    return counters, packets


class RtspClient:
    """Speaks RTSP by hand over one socket."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._cseq = 0
        self.rest = b""

    def __enter__(self) -> "RtspClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def request(self, method: str, uri: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send a request, return (status, headers with small names, body) of the answer; interleaved frames before it are dropped."""
        self._cseq += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self._cseq}", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        while True:
            while self.rest[:1] == b"$":
                self._frame()
            if b"\r\n\r\n" in self.rest:
                break
            self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *fields = head.decode().split("\r\n")
        found = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        assert found["cseq"] == str(self._cseq)
        size = int(found.get("content-length", "0"))
        while len(self.rest) < size:
            self._more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return int(first.split(" ")[1]), found, body

    def send_rtcp(self) -> None:
        """An empty receiver report, as clients send them all the time."""
        self._socket.sendall(b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01")

    def hold_little(self, size: int) -> None:
        """Let the kernel hold about that many bytes for us; below 64 kB loopback gets very slow."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def start(self, url: str) -> dict[str, str]:
        """SETUP over TCP and PLAY; the headers of the answer to PLAY."""
        status, headers, _ = self.request("SETUP", f"{url}/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert status == 200
        status, headers, _ = self.request("PLAY", url, Session=headers["session"].split(";")[0])
        assert status == 200
        return headers

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Interleaved (channel, packet) until the server closes."""
        while True:
            try:
                yield self._frame()
            except EOFError:
                return

    def read_raw(self, size: int) -> bytes:
        while len(self.rest) < size:
            self._more()
        return self.rest[:size]

    def silent_for(self, seconds: float) -> bool:
        """Whether the server sends nothing for so long."""
        if self.rest:
            return False
        self._socket.settimeout(seconds)
        try:
            self.rest += self._socket.recv(1)
        except TimeoutError:
            return True
        return False

    def _frame(self) -> tuple[int, bytes]:
        while len(self.rest) < 4 or len(self.rest) < 4 + int.from_bytes(self.rest[2:4], "big"):
            self._more()
        assert self.rest[0] == 0x24
        size = 4 + int.from_bytes(self.rest[2:4], "big")
        frame, self.rest = (self.rest[1], self.rest[4:size]), self.rest[size:]
        return frame

    def _more(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise EOFError
        self.rest += data


def rtp_fields(packet: bytes) -> tuple[bool, int, int, int, int, bytes]:
    """(marker, payload type, sequence, timestamp, ssrc, payload) of RFC 3550, 5.1."""
    assert packet[0] == 0x80
    word = int.from_bytes(packet[2:12], "big")
    return bool(packet[1] >> 7), packet[1] & 127, word >> 64, word >> 32 & 0xFFFFFFFF, word & 0xFFFFFFFF, packet[12:]


def join_nals(codec: str, payloads: Iterable[bytes]) -> list[bytes]:
    """NAL units from payloads: RFC 6184, 5.6 and 5.8; RFC 7798, 4.4.1 and 4.4.3."""
    units: list[bytes] = []
    for payload in payloads:
        if codec == "h264":
            fragment, header_bytes, flags = payload[0] & 31 == 28, 1, payload[1] if len(payload) > 1 else 0
            header = bytes([payload[0] & 0xE0 | flags & 31])
        else:
            fragment, header_bytes, flags = payload[0] >> 1 & 63 == 49, 2, payload[2] if len(payload) > 2 else 0
            header = bytes([payload[0] & 0x81 | (flags & 63) << 1, payload[1]])
        if not fragment:
            units.append(payload)
        elif flags & 0x80:
            units.append(header + payload[header_bytes + 1 :])
        else:
            units[-1] += payload[header_bytes + 1 :]
    return units
