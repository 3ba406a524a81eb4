"""Fit to record, and why not; and the page at /docs."""

from watchkeep.hub.api.docs import docs_page
from watchkeep.hub.api.health import Status, judge
from watchkeep.wire.messages import VolumeState


def volume(path: str, *, online: bool = True, why: str = "") -> VolumeState:
    return VolumeState(path=path, online=online, why=why, free_bytes=1, total_bytes=2)


def test_status() -> None:
    assert judge([volume("/a"), volume("/b")]) == (Status.OK, ())
    assert judge([]) == (Status.OK, ())
    status, why = judge([volume("/a"), volume("/b", online=False, why="not mounted")])
    assert status is Status.DEGRADED
    assert why == ("volume /b: not mounted",)
    assert judge([volume("/a", online=False)])[0] is Status.FAILING
    assert judge([volume("/a", why="storage is full")])[0] is Status.DEGRADED
    assert judge(None)[0] is Status.FAILING
    assert judge([volume("/a")], damaged_files=2)[0] is Status.DEGRADED


def test_the_page_escapes_what_it_shows() -> None:
    page = docs_page({
        "info": {"title": "<b>", "version": "1"},
        "paths": {"/x/{y}": {"get": {"summary": "<script>", "responses": {"200": {"description": "ok"}},
                                     "parameters": [{"name": "<y>", "in": "path", "required": True}]}}},
        "components": {"schemas": {"T": {"description": "d", "properties": {"f": {"type": "array", "items": {"$ref": "#/c/U"}}}}}},
    })  # fmt: skip
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "list of U" in page
