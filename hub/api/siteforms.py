"""How /v1/site describes itself in OpenAPI: every kind of entity with its fields, an edit with the body of each kind, the whole state.

Rules: made from the models of the directory, so that no field can be forgotten.  A reference is to a component that FastAPI makes of a
model that `responses` name, under the name of its class: so each kind has a class of its own here, as two classes are called Role.
"""

from typing import Any, Final

from pydantic import create_model

from ..directory.entities import KINDS
from ..directory.requests import ChangeText, EditRequest, SiteText
from . import openapi

Schema = dict[str, Any]
_FORMS: Final = {kind: create_model(f"{kind.capitalize()}Entity", __base__=model, __doc__=model.__doc__) for kind, model in KINDS.items()}
_REVISION: Final = {"ETag": {"schema": {"type": "string"}, "description": "its revision, for If-Match"}}


def an(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def one(kind: str) -> openapi.Answers:
    """Answers to GET of one entity."""
    return {200: {"model": _FORMS[kind], "description": f"the fields of {an(kind)}", "headers": _REVISION}, **openapi.READING}


def every(kind: str) -> openapi.Answers:
    """Answers to GET of all of a kind."""
    found = {"type": "object", "required": ["value", "revision"],
             "properties": {"value": reference(kind), "revision": {"type": "integer"}}}  # fmt: skip
    schema = {"type": "object", "additionalProperties": found}
    return {200: {"content": {openapi.JSON: {"schema": schema}}, "description": f"every {kind}, by id"}, **openapi.READING}


def put(kind: str) -> Schema:
    return openapi.body(reference(kind), f"all fields of {an(kind)} that are not at their defaults")


def edit() -> Schema:
    """One form of a change for each kind; null for the value removes it."""
    plain = ChangeText.model_json_schema()
    forms = [{**plain, "title": f"ChangeOf{kind.capitalize()}", "description": f"{an(kind).capitalize()} put, or removed with null.",
              "properties": {**plain["properties"], "entity": {"const": kind},
                             "value": {"anyOf": [reference(kind), {"type": "null"}]}}}
             for kind in KINDS]  # fmt: skip
    whole = EditRequest.model_json_schema()
    del whole["$defs"]
    changes = {**whole["properties"]["changes"], "items": {"oneOf": forms}}
    return openapi.body({**whole, "properties": {**whole["properties"], "changes": changes}}, "several changes, all of them or none")


WHOLE: Final[openapi.Answers] = {200: {"model": SiteText, "description": "the state"}, **openapi.BUSY}


def reference(kind: str) -> Schema:
    return {"$ref": f"#/components/schemas/{_FORMS[kind].__name__}"}
