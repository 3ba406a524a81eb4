"""Challenges and their answers: the examples of the RFCs, choice of the strongest, a nonce answered once, and no password shown."""

import base64
import hashlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeep.agent.rtsp.auth import Authorizer, Credentials, challenges
from watchkeep.agent.source.auth import Credentials as Served
from watchkeep.agent.source.auth import accepts, challenge

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC_7616 = ('realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"')  # fmt: skip
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def authorizer(credentials: Credentials | None = MUFASA, cnonce: str = CNONCE) -> Authorizer:
    return Authorizer(credentials, lambda: cnonce)


@pytest.mark.parametrize(
    ("offer", "cnonce", "secret", "response"),
    [
        (RFC_7616.format("MD5"), CNONCE, "Circle of Life", "8ca523f5e9506fed4657c9700eebdbec"),
        (RFC_7616.format("SHA-256"), CNONCE, "Circle of Life", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ('realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
         'opaque="5ccc069c403ebaf9f0171e9517f40e41"',
         "0a4f113b", "Circle Of Life", "6629fae49393a05397450978507c4ef1"),
    ],
)  # fmt: skip
def test_the_examples_of_rfc_7616_and_2617(offer: str, cnonce: str, secret: str, response: str) -> None:
    ours = authorizer(Credentials("Mufasa", secret), cnonce)
    assert ours.challenged([f"Digest {offer}"])
    header = ours.header("GET", "/dir/index.html")
    assert f'response="{response}"' in header
    assert "qop=auth, nc=00000001" in header
    assert 'opaque="' in header
    assert secret not in header


def test_the_test_source_accepts_the_answer_without_qop() -> None:
    ours = authorizer(Credentials("op", 'se "c:r\\et'))
    assert ours.challenged([challenge("abc")])
    header = ours.header("DESCRIBE", "rtsp://h/cam0")
    assert accepts(Served("op", 'se "c:r\\et'), "abc", "DESCRIBE", header)
    assert not accepts(Served("op", "other"), "abc", "DESCRIBE", header)


def test_the_strongest_scheme_is_answered_wherever_it_stands() -> None:
    both = 'Basic realm="a", Digest realm="b", nonce="n", algorithm=MD5, Digest realm="c", nonce="m", algorithm=SHA-256'
    found = [(one.digest, one.realm, one.algorithm) for one in challenges([both])]
    assert found == [(True, "c", "SHA-256"), (True, "b", "MD5"), (False, "a", "")]
    assert [one.realm for one in challenges(['Basic realm="a"', 'Digest realm="d", nonce="n"'])] == ["d", "a"]


@pytest.mark.parametrize(
    ("offer", "found"),
    [
        ('Digest realm="Video, Basic profile", nonce="abc"', [(True, "Video, Basic profile")]),
        ('Digest realm="a, Digest b", nonce="n", Basic realm="c, \\", Digest d"', [(True, "a, Digest b"), (False, 'c, ", Digest d')]),
        ('Basic realm="a", Digest realm="b, basic", nonce="n"', [(True, "b, basic"), (False, "a")]),
        ('Digest nonce="n", realm="never closed, Basic ', [(True, "")]),
        ('Digest nonce="n", realm="ends in \\', [(True, "")]),
    ],
)  # fmt: skip
def test_a_scheme_inside_of_quotes_is_text(offer: str, found: list[tuple[bool, str]]) -> None:
    """Or the password is sent in clear to a camera that asked for a digest."""
    assert [(one.digest, one.realm) for one in challenges([offer])] == found


def test_quotes_without_an_end_cost_no_more_than_their_length() -> None:
    began = time.process_time()
    for hostile in ('"', '\\"', '"\\', "a=\"\\"):
        challenges(["Digest " + hostile * (16_384 // len(hostile))])
    assert time.process_time() - began < 2


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256-sess"])
@pytest.mark.parametrize("qop", ["", "auth", "auth-int", "auth-int,auth"])
def test_session_keys_and_integrity_are_as_rfc_7616_has_them(algorithm: str, qop: str) -> None:
    """The formulas of its section 3.4, with an empty body."""

    def digest(text: str) -> str:
        return hashlib.new("md5" if algorithm.startswith("MD5") else "sha256", text.encode(), usedforsecurity=False).hexdigest()

    ours = authorizer(cnonce="c")
    assert ours.challenged([f'Digest realm="r", nonce="n", algorithm={algorithm}' + (f', qop="{qop}"' if qop else "")])
    for count in (1, 2):
        header = ours.header("PLAY", "rtsp://h/x")
        chosen = "auth" if "auth" in qop.split(",") else qop
        secret = digest("Mufasa:r:Circle of Life")
        secret = digest(f"{secret}:n:c") if algorithm.endswith("-sess") else secret
        what = digest("PLAY:rtsp://h/x" + (f":{digest('')}" if chosen == "auth-int" else ""))
        response = digest(f"{secret}:n:{count:08x}:c:{chosen}:{what}" if chosen else f"{secret}:n:{what}")
        assert f'response="{response}"' in header
        assert f"algorithm={algorithm}" in header
        assert re.findall("qop=([a-z-]+), nc=([0-9]+)", header) == ([(chosen, f"{count:08x}")] if chosen else [])
        assert ('cnonce="c"' in header) == bool(chosen or algorithm.endswith("-sess"))


@pytest.mark.parametrize("offer", ["", "Bearer x", 'Digest realm="a"', 'Digest realm="a", nonce="n", algorithm=SHA-512-256',
                                   'Digest realm="a", nonce="n", qop="token"', "Negotiate"])  # fmt: skip
def test_what_is_not_spoken_is_no_challenge(offer: str) -> None:
    assert challenges([offer]) == []
    assert not authorizer().challenged([offer])


def test_basic_is_answered_once() -> None:
    ours = authorizer(Credentials("ü", "p:w"))
    assert ours.header("OPTIONS", "x") == ""
    assert ours.challenged(['Basic realm="x"'])
    assert base64.b64decode(ours.header("OPTIONS", "x").removeprefix("Basic ")).decode() == "ü:p:w"
    assert not ours.challenged(['Basic realm="x"'])


def test_a_nonce_is_answered_once_and_a_new_one_only_where_that_can_help() -> None:
    def offer(nonce: str, more: str = "") -> list[str]:
        return [f'Digest realm="r", nonce="{nonce}"{more}']

    ours = authorizer()
    assert ours.challenged(offer("1"))
    ours.header("DESCRIBE", "x")
    assert not ours.challenged(offer("1")), "the same nonce again: the password is wrong"
    assert not ours.challenged(offer("2")), "a new one, and the first was never let in: the password is wrong"
    assert ours.challenged(offer("2", ", stale=TRUE"))
    ours.header("DESCRIBE", "x")
    ours.header("SETUP", "x")
    assert ours.challenged(offer("3")), "it had served"


def test_without_credentials_nothing_is_answered() -> None:
    assert not authorizer(None).challenged(['Basic realm="x"'])
    assert Authorizer(None, str).header("PLAY", "x") == ""


def test_no_password_in_any_repr() -> None:
    ours = authorizer()
    ours.challenged(['Basic realm="x"'])
    assert "Circle" not in repr(ours) + repr(MUFASA) + str(MUFASA)


words = st.sampled_from(["Digest ", "Basic ", ",", '"', "nonce=", "realm=", "qop=", "\\", "auth", "algorithm=MD5-sess", "=", " "])


@given(st.lists(st.one_of(st.text(max_size=80), st.lists(words, max_size=30).map("".join)), max_size=5))
def test_any_text_is_a_challenge_or_none(offers: list[str]) -> None:
    ours = authorizer()
    if ours.challenged(offers):
        header = ours.header("PLAY", "rtsp://h/")
        assert header.startswith(("Basic ", "Digest "))
        assert "Circle" not in header
