"""A link tells a refusal from a silence, opens a closed connection again, and is bounded; what comes over it is proven."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

import pytest
from blake3 import blake3
from cluster_kit import said
from site_kit import Book, camera

from watchkeep.hub.directory.cluster.merge import Parcel
from watchkeep.hub.directory.cluster.steps import Failed, Found, Got, Heard, Parted, Unheard
from watchkeep.hub.directory.errands import Errands
from watchkeep.hub.directory.exchange import EntryPage, EntryText, HashAt, ParcelText, Said
from watchkeep.hub.directory.link import Link, LinkError
from watchkeep.wire.errors import DigestError, FormatError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def _request(reader: BinaryIO) -> bool:
    """Read one with its body; False at the end of the connection."""
    length, line = 0, b""
    try:
        while (line := reader.readline()) not in (b"", b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        reader.read(length)
    except OSError:
        return False
    return line != b""


class Speaker:
    """Answers each request with the next of its answers; None: says nothing; b"": ends the connection."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            with connection, connection.makefile("rb") as reader:
                while _request(reader):
                    answer = self._answers.pop(0) if self._answers else b""
                    if answer is None:
                        continue
                    connection.sendall(answer)
                    if not answer or b"Connection: close" in answer:
                        break

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):  # ended already
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)


@pytest.fixture
def speak() -> Iterator[Callable[..., Speaker]]:
    made: list[Speaker] = []

    def speaker(*answers: bytes | None) -> Speaker:
        made.append(Speaker(*answers))
        return made[-1]

    yield speaker
    for one in made:
        one.close()


def reply(model: object) -> bytes:
    body = model.model_dump_json().encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_nobody_there_is_refused_and_silence_is_not(speak: Callable[..., Speaker], free_port: Callable[[], int]) -> None:
    link = Link(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(LinkError) as caught:
        link.request("GET", "/", limit_s=1.0)
    assert caught.value.refused
    mute = Link(speak(None).url)
    began = time.monotonic()
    with pytest.raises(LinkError) as caught:
        mute.request("GET", "/", limit_s=0.3)
    assert not caught.value.refused
    assert time.monotonic() - began < 5.0
    mute.close()


def test_a_connection_that_the_other_side_has_closed_is_opened_again(speak: Callable[..., Speaker]) -> None:
    link = Link(speak(OK, b"", OK).url)
    assert link.request("GET", "/", limit_s=5.0).body == b"ok"
    assert link.request("GET", "/", limit_s=5.0).body == b"ok"
    link.close()


def test_one_that_is_given_up_fails_at_once(speak: Callable[..., Speaker]) -> None:
    link = Link(speak(None).url)
    failed: list[bool] = []

    def ask() -> None:
        with pytest.raises(LinkError):
            link.request("GET", "/", limit_s=60.0)
        failed.append(True)

    thread = threading.Thread(target=ask)
    thread.start()
    deadline = time.monotonic() + 20
    while thread.is_alive() and time.monotonic() < deadline:
        link.abort()
        thread.join(0.05)
    assert failed == [True]
    link.close()


def test_an_errand_ends_in_one_event_whatever_is_answered(speak: Callable[..., Speaker]) -> None:
    book = Book(camera(1))
    text = EntryText.of(book.entries[0])
    nonsense, error = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]", b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    other = EntryPage(entries=[text.model_copy(update={"hash": "f" * 64})])
    speaker = speak(reply(EntryPage(entries=[text])), reply(EntryPage(parted=True, term=3, index=9)), reply(other), nonsense, error,
                    reply(HashAt(index=1, hash=text.hash)), error, nonsense)  # fmt: skip
    errands = Errands("a")
    assert errands.pull("b", speaker.url, 0, "0" * 64) == Got("b", (book.entries[0],))
    assert errands.pull("b", speaker.url, 0, "0" * 64) == Parted("b", 3, 9)
    for _ in range(3):
        assert errands.pull("b", speaker.url, 0, "0" * 64) == Failed("b"), "an entry of another hash, no JSON, a refusal"
    assert errands.search("b", speaker.url, 1, lambda index: text.hash) == Found("b", 1)
    assert errands.search("b", speaker.url, 1, lambda index: text.hash) == Failed("b")
    errands.close()


def test_what_a_newer_server_says_more_is_passed_over_and_an_entry_that_cannot_be_followed_is_told_once(
        speak: Callable[..., Speaker], caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    book = Book(camera(1))
    text = EntryText.of(book.entries[0])
    newer = text.body.replace('"kind":"edit"', '"kind":"teleport"')
    strange = EntryPage(entries=[EntryText(hash=blake3(newer.encode()).hexdigest(), body=newer)])
    more = json.loads(EntryPage(entries=[text]).model_dump_json()) | {"colour": "red"}
    state = json.loads(said("b").model_dump_json()) | {"mood": "good"}
    answers = (f"HTTP/1.1 200 OK\r\nContent-Length: {len(json.dumps(one))}\r\n\r\n{json.dumps(one)}".encode() for one in (more, state))
    speaker = speak(*answers, reply(strange), reply(strange))
    errands = Errands("a")
    assert errands.pull("b", speaker.url, 0, "0" * 64) == Got("b", (book.entries[0],))
    assert isinstance(errands.ask("b", speaker.url, said("a")), Heard)
    assert [errands.pull("b", speaker.url, 0, "0" * 64) for _ in range(2)] == [Failed("b")] * 2
    errands.close()
    (record,) = [one for one in caplog.records if "cannot be followed" in one.message]
    assert (record.server, record.remedy) == ("b", "update this server")  # type: ignore[attr-defined]


def test_a_state_counts_only_from_the_server_that_was_asked(speak: Callable[..., Speaker], free_port: Callable[[], int]) -> None:
    speaker = speak(reply(said("b")), reply(said("c")))
    errands = Errands("a")
    assert errands.ask("b", speaker.url, said("a")) == Heard(Said(**said("b").model_dump()))
    assert errands.ask("b", speaker.url, said("a")) == Unheard("b", refused=False)
    assert errands.ask("b", f"http://127.0.0.1:{free_port()}", said("a")) == Unheard("b", refused=True)
    errands.close()


def test_entries_and_parcels_are_proven() -> None:
    book = Book(camera(1))
    book.edit(camera(2))
    hashes = tuple(entry.hash for entry in book.entries)
    sent = Parcel("b", 0, "0" * 64, hashes, tuple(book.entries))
    assert ParcelText.model_validate_json(ParcelText.of(sent).model_dump_json()).parcel() == sent
    text = EntryText.of(book.entries[0])
    with pytest.raises(DigestError):
        text.model_copy(update={"body": text.body.replace("cam1", "cam9")}).entry()
    foreign = ParcelText.of(Parcel("b", 0, "0" * 64, hashes[1:], tuple(book.entries)))
    with pytest.raises(FormatError, match="not of the branch"):
        foreign.parcel()
