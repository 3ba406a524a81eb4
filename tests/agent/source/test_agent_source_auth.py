"""Digest authentication, held to the RFC's own example."""

from watchkeep.agent.source import auth
from watchkeep.agent.source.auth import Credentials, accepts, answer, challenge

CREDENTIALS = Credentials("op", "secret word")


def header(response: str, user: str = "op", nonce: str = "n1", extra: str = "") -> str:
    return f'Digest username="{user}", realm="{auth.REALM}", nonce="{nonce}", uri="rtsp://h/cam0", response="{response}"{extra}'


def test_the_answer_is_that_of_rfc_2617_3_5(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(auth, "REALM", "testrealm@host.com")
    given = {"nc": "00000001", "cnonce": "0a4f113b", "qop": "auth"}
    found = answer(Credentials("Mufasa", "Circle Of Life"), "dcd98b7102dd2f0e8b11d0f600bfb0c093", "GET", "/dir/index.html", given)
    assert found == "6629fae49393a05397450978507c4ef1"


def test_the_right_password_is_accepted_with_and_without_qop() -> None:
    assert accepts(CREDENTIALS, "n1", "PLAY", header(answer(CREDENTIALS, "n1", "PLAY", "rtsp://h/cam0")))
    given = {"nc": "00000001", "cnonce": "x", "qop": "auth"}
    response = answer(CREDENTIALS, "n1", "PLAY", "rtsp://h/cam0", given)
    assert accepts(CREDENTIALS, "n1", "PLAY", header(response, extra=', qop=auth, nc=00000001, cnonce="x"'))


def test_anything_else_is_not() -> None:
    right = answer(CREDENTIALS, "n1", "PLAY", "rtsp://h/cam0")
    assert not accepts(CREDENTIALS, "n1", "SETUP", header(right)), "an answer for another method"
    assert not accepts(CREDENTIALS, "n2", "PLAY", header(right)), "another connection's nonce"
    assert not accepts(CREDENTIALS, "n1", "PLAY", header(right, user="eve"))
    assert not accepts(CREDENTIALS, "n1", "PLAY", header(answer(Credentials("op", "wrong"), "n1", "PLAY", "rtsp://h/cam0")))
    assert not accepts(CREDENTIALS, "n1", "PLAY", "")
    assert not accepts(CREDENTIALS, "n1", "PLAY", "Basic b3A6c2VjcmV0IHdvcmQ=")
    assert not accepts(CREDENTIALS, "n1", "PLAY", 'Digest response="äöü"')


def test_the_password_is_in_no_text_of_ours() -> None:
    assert "secret word" not in repr(CREDENTIALS)
    assert "secret" not in challenge("n1")
