"""`plumbline docs`: write the pages of `docs/` that follow from the code, or check that they still do."""

import ast
import difflib
import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from plumbline import delivery, event, site, topics
from plumbline.cli import COMMANDS
from tracking_service.document import OrderDocument

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_NOTE: Final = "<!-- Written by `plumbline docs`; change the code, not this page. -->\n\n"


def event_schema() -> str:
    """The JSON Schema (2020-12) of an event."""
    schema = msgspec.json.schema(event.Event)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Plumbline event"}
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def event_page() -> str:
    """The event, field by field."""
    parts = [
        _NOTE + "# The event\n",
        inspect.cleandoc(event.__doc__ or ""),
        (
            "\nUnknown fields are ignored, an unknown `kind` is kept as a dead letter `unknown_kind`, and a `v` above "
            f"{event.VERSION} as `newer_version`: both can be replayed after an upgrade. "
            "JSON Schema: [event.schema.json](event.schema.json).\n"
        ),
        "## Header\n",
        _fields_table(event.Header),
        "### `clock`\n",
        _fields_table(event.ClockReading),
    ]
    header = {field.name for field in msgspec.structs.fields(event.Header)}
    for name, kind in event.KINDS.items():
        parts += [f"## `{name}`\n", inspect.cleandoc(kind.__doc__ or "") + f" Class: **{kind.event_class}**.\n"]
        parts += [_fields_table(kind, without=header)]
    return "\n".join(parts)


def topics_page() -> str:
    """The MQTT topics and what travels on them."""
    described: list[tuple[str, Callable[..., str], tuple[Any, ...], str]] = [
        ("gateway → ingest", topics.events, ("{site}", "{gateway}", "{class}"), "`Batch`"),
        ("gateway → all", topics.presence, ("{site}", "{gateway}"), "`Presence`, retained"),
        ("ingest → gateway", topics.committed, ("{site}", "{gateway}", "{class}"), "`Watermark`, retained"),
        ("ingest → gateway", topics.replay, ("{site}", "{gateway}"), "`ReplayRequest`"),
    ]
    rows = [
        f"| {way} | `{make(*arguments)}` | {payload} | {inspect.cleandoc(make.__doc__ or '')} |"
        for way, make, arguments, payload in described
    ]
    parts = [
        _NOTE + "# MQTT topics\n",
        inspect.cleandoc(delivery.__doc__ or "") + "\n",
        "`{class}` is `business` or `telemetry`. Everything is QoS 1 and JSON.\n",
        "| way | topic | payload | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n",
        (
            f"Ingest subscribes to `{topics.all_events()}` (to `{topics.all_events(None)}` on a broker without shared "
            f"subscriptions) and to `{topics.all_presence()}`.\n"
        ),
    ]
    for struct in (delivery.BatchHeader, delivery.Watermark, delivery.Presence, delivery.ReplayRequest):
        parts += [f"## {struct.__name__}\n", inspect.cleandoc(struct.__doc__ or "") + "\n", _fields_table(struct)]
    return "\n".join(parts)


def commands_page() -> str:
    """The commands and what must be installed for them."""
    rows = [f"| `plumbline {name}` | {entry.summary} | `{entry.extra}` |" for name, entry in COMMANDS.items()]
    return "\n".join([_NOTE + "# Commands\n", "| command | does | extra |", "|---|---|---|", *rows, ""])


def site_page() -> str:
    """The site file, key by key."""
    parts = [_NOTE + "# The site file\n", inspect.cleandoc(site.__doc__ or "") + "\n"]
    for title, struct in (("Site", site.SiteFile), ("`[[zones]]`", site.Zone), ("`[[devices]]`", site.Device)):
        parts += [f"## {title}\n", inspect.cleandoc(struct.__doc__ or "") + "\n", _fields_table(struct)]
    return "\n".join(parts)


def order_schema() -> str:
    """The JSON Schema of an order document, as `plumbline tracking import` and POST /api/orders read it."""
    return json.dumps(OrderDocument.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "event.schema.json": event_schema,
    "event.md": event_page,
    "topics.md": topics_page,
    "commands.md": commands_page,
    "site.md": site_page,
    "order.schema.json": order_schema,
}


@app.command()
def docs(
    folder: Annotated[Path, typer.Option(help="Where the pages are.")] = Path("docs"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail where a page is not what the code says.")] = False,
) -> None:
    """Write the generated pages of docs/, or check them."""
    stale = False
    for name, make in PAGES.items():
        path, wanted = folder / name, make()
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if found == wanted:
            continue
        stale = True
        if check:
            changes = list(
                difflib.unified_diff(found.splitlines(), wanted.splitlines(), str(path), "the code", lineterm="", n=1)
            )
            print("\n".join(changes[:12]), file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            print(f"wrote {path}")
    if check and stale:
        print("docs/ is not what the code says; run 'plumbline docs' and commit", file=sys.stderr)
        raise typer.Exit(1)


def _fields_table(struct: type[msgspec.Struct], without: frozenset[str] | set[str] = frozenset()) -> str:
    meanings = _attribute_docs(struct)
    schemas = msgspec.json.schema_components([struct])[1][struct.__name__]["properties"]
    rows = ["| field | type | required | meaning |", "|---|---|---|---|"]
    for field in msgspec.structs.fields(struct):
        if field.name in without:
            continue
        schema = schemas[field.encode_name]
        meaning = " ".join(filter(None, [meanings.get(field.name, ""), _note(schema)]))
        rows.append(f"| `{field.encode_name}` | {_type(schema)} | {'yes' if field.required else ''} | {meaning} |")
    return "\n".join(rows) + "\n"


def _attribute_docs(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The string under each annotated attribute, own and inherited: Python keeps none of them at run time."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if not base.__module__.startswith("plumbline."):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(tree, ast.ClassDef)
        for attribute, text in zip(tree.body, tree.body[1:], strict=False):
            match attribute, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = " ".join(words.split())
                case _:
                    pass
    return found


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " \\| ".join(_type(kind) for kind in schema["anyOf"] if kind != {"type": "null"})
    if isinstance(schema.get("items"), dict):
        return f"array of {_type(schema['items'])}"
    return "base64" if schema.get("contentEncoding") == "base64" else str(schema.get("type", "any"))


def _note(schema: dict[str, Any]) -> str:
    kinds = schema.get("anyOf", [schema])
    return " ".join(str(kind["description"]) for kind in kinds if "description" in kind and "$ref" not in kind)
