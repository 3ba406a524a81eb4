"""Topics, HTTP paths and messages: what outside tools rely on, spelled out once more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from watchkeep.wire import http, topics
from watchkeep.wire.causes import CameraStatus, Cause, EventKind, Protection
from watchkeep.wire.errors import IdError
from watchkeep.wire.messages import AgentBeacon, AppendAnswer, CameraState, EpochState, ErrorAnswer


def test_topics_are_those_of_the_contract() -> None:
    assert topics.agent_beacon("demo", "edge-1") == "watchkeep/v1/demo/agent/edge-1/beacon"
    assert topics.archiver_beacon("demo", "a") == "watchkeep/v1/demo/archiver/a/beacon"
    assert topics.directory_beacon("demo", "a") == "watchkeep/v1/demo/directory/a/beacon"
    assert topics.camera_state("demo", "cam0") == "watchkeep/v1/demo/camera/cam0/state"
    assert topics.event("demo", EventKind.TAKEOVER) == "watchkeep/v1/demo/event/takeover"
    assert topics.everything("demo") == "watchkeep/v1/demo/#"


@pytest.mark.parametrize("make", [topics.agent_beacon, topics.archiver_beacon, topics.directory_beacon, topics.camera_state, topics.event])
@pytest.mark.parametrize(("site", "name"), [("+", "a"), ("demo", "#"), ("a/b", "c"), ("demo", ""), ("demo", "a/b"), ("$SYS", "a")])
def test_no_id_can_widen_a_topic(make: object, site: str, name: str) -> None:
    assert callable(make)
    with pytest.raises(IdError):
        make(site, name)


def test_paths_are_those_of_the_contract() -> None:
    assert (http.APPEND, http.CAMERAS, http.HEALTH, http.METRICS) == ("/v1/append", "/v1/cameras", "/healthz", "/metrics")
    assert http.timeline("cam0") == "/v1/cameras/cam0/timeline"
    assert http.playlist("cam0") == "/v1/cameras/cam0/index.m3u8"
    assert http.export("cam0") == "/v1/cameras/cam0/export.mp4"


def test_codes_in_seals_never_change_their_meaning() -> None:
    labels = ["first-start", "agent-down", "camera-lost", "parameter-change", "time-jump", "overflow", "clock-step", "configuration"]
    assert [(cause.value, cause.label) for cause in Cause][: len(labels)] == list(enumerate(labels, 1))
    assert {status.value for status in CameraStatus} >= {"recording", "connecting", "stalled", "unauthorized", "unsupported"}
    assert {protection.value for protection in Protection} == {"protected", "degraded", "unprotected"}


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(51, 99)), max_size=4), st.integers(0, 2**52 - 1))
def test_an_answer_survives_json(ranges: list[tuple[int, int]], epoch: int) -> None:
    answer = AppendAnswer(archiver="a", boot="x", cameras={"cam0": [EpochState(epoch=epoch, durable=ranges, missing=ranges)]})
    assert AppendAnswer.model_validate_json(answer.model_dump_json()) == answer


def test_a_reader_ignores_what_a_newer_writer_adds() -> None:
    newer = {"code": "busy", "reason": "x", "since_s": 1.0, "detail": {"new": True}}
    assert ErrorAnswer.model_validate(newer) == ErrorAnswer(code="busy", reason="x")


def test_messages_are_frozen_and_their_states_are_named() -> None:
    beacon = AgentBeacon(agent="edge-1", site="demo", version="0.1.0", online=False, boot="b", beat=-1, sent_s=0.0)
    with pytest.raises(ValidationError, match="frozen"):
        beacon.online = True
    with pytest.raises(ValidationError, match="status"):
        CameraState.model_validate({"camera": "c", "agent": "a", "boot": "b", "status": "asleep", "since_s": 0, "protection": "protected",
                                    "protection_since_s": 0})  # fmt: skip
