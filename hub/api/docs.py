"""The page at /docs: the OpenAPI description as one HTML page without scripts or anything from elsewhere.  No I/O.

Rules: the usual viewers load JavaScript from a public CDN, which a closed site cannot reach and an open one should not
trust; this page is made from the same description that `/openapi.json` serves.
"""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
code,pre{font:13px/1.5 ui-monospace,monospace;background:#f3f4f6;padding:.1rem .3rem;border-radius:3px}
pre{padding:.6rem;overflow:auto}h2{margin-top:2rem;border-top:1px solid #ddd;padding-top:1rem}
.method{font-weight:700;margin-right:.5rem}table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0;vertical-align:top}
"""


def docs_page(openapi: dict[str, Any]) -> str:
    """HTML for a description made by FastAPI; operations in the order of their declaration."""
    info = openapi["info"]
    body = [f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>", f"<p>{escape(info.get('description', ''))}</p>",
            '<p>The same for machines: <a href="/openapi.json">/openapi.json</a></p>']  # fmt: skip
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            body += _operation(method, path, operation)
    body.append("<h1>Types</h1>")
    for name, schema in openapi.get("components", {}).get("schemas", {}).items():
        body += _schema(name, schema)
    title = escape(info["title"])
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>{"".join(body)}</html>'


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<h2><span class="method">{escape(method.upper())}</span><code>{escape(path)}</code></h2>'
    yield f"<p>{escape(operation.get('summary', ''))}</p><pre>{escape(operation.get('description', ''))}</pre><table>"
    for parameter in operation.get("parameters", []):
        need = "required" if parameter.get("required") else "optional"
        yield _row(parameter["name"], f"{parameter['in']}, {need}", parameter.get("description", ""))
    body = operation.get("requestBody", {})
    for kind, content in body.get("content", {}).items():
        yield _row("body", f"{kind} {_type_name(content.get('schema', {}))}".strip(), body.get("description", ""))
    for status, answer in operation["responses"].items():
        kinds = "; ".join(f"{kind} {_type_name(content.get('schema', {}))}".strip() for kind, content in answer.get("content", {}).items())
        yield _row(status, kinds, answer.get("description", ""))
    yield "</table>"


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{escape(schema.get("description", ""))}</p><table>'
    for field, kind in schema.get("properties", {}).items():
        yield _row(field, _type_name(kind), kind.get("description", ""))
    if "enum" in schema:
        yield _row("one of", ", ".join(map(str, schema["enum"])), "")
    yield "</table>"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _type_name(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "items" in schema:
        return f"list of {_type_name(schema['items'])}"
    if "anyOf" in schema:
        return " or ".join(_type_name(part) for part in schema["anyOf"])
    return str(schema.get("format") or schema.get("type", ""))
