"""`/docs`: the API's contract as a page for people. It asks no other host for anything, and needs no script."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final, cast

_STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--panel:#f2f5f8;--ink:#0f1b26;--quiet:#536475;--edge:#d3dde6;--link:#0a609b}
@media(prefers-color-scheme:dark){:root{--ground:#0a0f15;--panel:#101820;--ink:#eef3f8;--quiet:#9aabbb;--edge:#22303d;--link:#6cc5ff}}
*{box-sizing:border-box}body{margin:0 auto;max-width:75rem;padding:1.5rem;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}code,pre{font:.92em/1.5 ui-monospace,monospace}h1{margin:0}h2{margin:2.5rem 0 .5rem;border-bottom:1px solid var(--edge)}
p{margin:.4rem 0}.quiet{color:var(--quiet)}nav{columns:22rem;margin:1rem 0}nav a{display:block;padding:.2rem 0;text-decoration:none}
nav a:hover{text-decoration:underline}section{margin:1rem 0;padding:.6rem 1.1rem 1rem;border-radius:.6rem;background:var(--panel)}
h3{margin:.3rem 0;font-size:1.05rem}h3 b{display:inline-block;min-width:4.2em}pre{white-space:pre-wrap;margin:.5rem 0 0;padding:.6rem .8rem;
border-radius:.4rem;background:var(--ground);border:1px solid var(--edge)}table{width:100%;border-collapse:collapse}
td,th{padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top;border-top:1px solid var(--edge)}th{font-weight:600}td:first-child{width:14rem}
@media(max-width:600px){td,th{display:block;width:auto!important;border:0;padding:.1rem 0}tr{display:block;border-top:1px solid var(--edge)}}
"""
_BOUNDS: Final = (
    ("format", "{}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minimum", "from {}"),
    ("maximum", "to {}"),
    ("exclusiveMinimum", "above {}"),
    ("maxItems", "at most {}"),
)


def page(contract: Mapping[str, Any]) -> str:
    """The whole page of an OpenAPI document as `contract.contract` makes it."""
    return "".join(_parts(contract))


def _parts(contract: Mapping[str, Any]) -> Iterator[str]:
    info, schemas = contract["info"], contract["components"]["schemas"]
    groups: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    title = f"{escape(info['title'])}: the API"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><link rel="icon" href="data:,">'
    yield f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body><main>'
    yield f'<h1>{title}</h1><p class="quiet">Version {escape(info["version"])} · for tools: <a href="/openapi.json">/openapi.json</a></p>'
    yield from (f"<p>{_marked(each)}</p>" for each in info.get("description", "").split("\n\n"))
    yield '<nav aria-label="Operations">'
    for rows in groups.values():
        yield from (
            f'<a href="#{_anchor(method, path)}"><b>{method}</b> <code>{escape(path)}</code></a>' for method, path, _ in rows
        )
    yield "</nav>"
    for group, rows in groups.items():
        yield f"<h2>{escape(group.capitalize())}</h2>"
        for row in rows:
            yield from _operation(*row)
    yield "<h2>What is sent and answered</h2>"
    for name, schema in sorted(schemas.items()):
        yield f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>{_fields(schema)}</section>'
    yield "</main></body></html>"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<section id="{_anchor(method, path)}"><h3><b>{method}</b> <code>{escape(path)}</code></h3>'
    yield f"<p>{_marked(operation['summary'])}</p>"
    if rows := operation.get("parameters"):
        yield "<table>"
        for one in rows:
            what = _type(one["schema"]) + (" · required" if one.get("required") else _default(one["schema"]))
            about = one.get("description") or one["schema"].get("description") or ""
            yield f"<tr><td><code>{escape(one['name'])}</code> <span class=quiet>in {one['in']}</span></td>"
            yield f"<td>{what}{_said(about)}</td></tr>"
        yield "</table>"
    kind = ""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        kind = media
        yield f"<p><b>Body</b> <code>{escape(media)}</code>: {_type(content['schema'])}</p>{_fields(content['schema'])}"
    for status, answer in operation["responses"].items():
        if status == "default":
            continue
        shape = " or ".join(_type(each["schema"]) for each in answer.get("content", {}).values() if each.get("schema"))
        yield f"<p><b>{escape(status)}</b> {shape or escape(answer['description'])}</p>"
    yield f"<pre>{escape(_curl(method, path, kind))}</pre></section>"


def _fields(schema: Mapping[str, Any]) -> str:
    """The fields of an object as a table, with what its schema says of itself."""
    about = _said(schema.get("description", ""))
    needed = schema.get("required", ())
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(field)}{' · required' if name in needed else _default(field)}"
        f"{_said(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    ]
    if not rows:
        return about + ("" if "$ref" in schema else f"<p>{_type(schema)}</p>" if "description" in schema else "")
    return f"{about}<table>{''.join(rows)}</table>"


def _type(schema: Mapping[str, Any] | bool) -> str:
    """What a value is, in words."""
    if isinstance(schema, bool) or not schema:
        return "anything"
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return " or ".join(_type(each) for each in several)
    if "allOf" in schema:
        return " with ".join(_type(each) for each in schema["allOf"])
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values:
        return " or ".join(f"<code>{escape(json.dumps(each, ensure_ascii=False))}</code>" for each in values)
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    """What a value without alternatives is, with its bounds."""
    bounds = "".join(f", {words.format(escape(str(schema[key])))}" for key, words in _BOUNDS if key in schema)
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}{bounds}"
    more: Any = schema.get("additionalProperties")
    if kind == "object" and isinstance(more, dict) and more:
        return f"object, each value {_type(cast('dict[str, Any]', more))}{bounds}"
    return f"{escape(kind if isinstance(kind, str) else ' or '.join(kind))}{bounds}"


def _default(schema: Mapping[str, Any]) -> str:
    if schema.get("default") is None:
        return ""
    return f" · <code>{escape(json.dumps(schema['default'], ensure_ascii=False))}</code> unless said"


def _said(text: str) -> str:
    return f'<p class="quiet">{_marked(text)}</p>' if text else ""


def _marked(text: str) -> str:
    """Text with `code` in it."""
    return "".join(f"<code>{escape(part)}</code>" if at % 2 else escape(part) for at, part in enumerate(text.split("`")))


def _anchor(method: str, path: str) -> str:
    return method.lower() + "".join(letter if letter.isalnum() else "-" for letter in path)


def _curl(method: str, path: str, media: str) -> str:
    said = "" if method == "GET" else f" -X {method}"
    sent = f" -H 'content-type: {media}' --data-binary @FILE" if media else ""
    # In the quotes of a shell braces are themselves; a reader puts names for them.
    return f"curl{said}{sent} 'http://HOST:8080{path}'"
