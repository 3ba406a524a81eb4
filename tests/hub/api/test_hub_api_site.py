"""How /v1/site describes itself: a client can be written from it, and what it answers is of that form."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from directory_kit import CAMERA, directory
from hub_kit import wait_for

from watchkeep.hub.directory.entities import KINDS
from watchkeep.hub.directory.requests import SiteText
from watchkeep.hub.directory.wording import FIELDS

JSON = "application/json"


def body(described: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = described["paths"][path][method]["requestBody"]["content"][JSON]["schema"]
    return found


def test_openapi_has_every_field_of_every_kind_of_entity(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        described, page = client.get("/openapi.json").json(), client.get("/docs").body.decode()
        schemas = described["components"]["schemas"]
        assert set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(described))) <= {f"#/components/schemas/{name}" for name in schemas}
        for kind, model in KINDS.items():
            reference = body(described, f"/v1/site/{kind}/{{name}}", "put")
            name = f"{kind.capitalize()}Entity"
            assert reference == {"$ref": f"#/components/schemas/{name}"}
            fields = schemas[name]["properties"]
            assert {field: one["description"] for field, one in fields.items()} == {field: FIELDS[field] for field in model.model_fields}
            assert described["paths"][f"/v1/site/{kind}/{{name}}"]["get"]["responses"]["200"]["content"][JSON]["schema"] == reference
            assert f"application/json {name}" in page
        edit = body(described, "/v1/site/edit", "post")
        forms = {form["properties"]["entity"]["const"]: form for form in edit["properties"]["changes"]["items"]["oneOf"]}
        assert list(forms) == list(KINDS)
        for kind, form in forms.items():
            assert form["properties"]["value"]["anyOf"] == [body(described, f"/v1/site/{kind}/{{name}}", "put"), {"type": "null"}]
            assert (form["required"], form["additionalProperties"]) == (["entity", "id", "value"], False)


def test_what_it_answers_is_of_that_form(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with directory(tmp_path, free_port, "a") as servers:
        client = servers.led()
        for path, value in (("camera/cam0", CAMERA), ("agent/edge", {}), ("archiver/s", {}), ("role/backup", {"servers": ["a"]})):
            assert client.put(path, value).status == 200
        wait_for(lambda: client.site()["archivers"] == {"cam0": ["s"]}, "the plan")
        whole = client.site()
        assert SiteText.model_validate(whole).model_dump(mode="json") == whole
        every = client.get("/v1/site/camera").json()
        assert every == {"cam0": {"value": CAMERA, "revision": every["cam0"]["revision"]}}
        for method, path in (("GET", "cameras"), ("GET", "cameras/cam0"), ("PUT", "cameras/cam0"), ("DELETE", "cameras/cam0")):
            answer = client.request(method, f"/v1/site/{path}")
            assert (answer.status, "known kinds: location, camera" in answer.json()["remedy"]) == (404, True)
