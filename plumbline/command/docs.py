"""`plumbline docs`: write the pages of `docs/` that follow from the code, or check that they still do."""

import difflib
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Final

import msgspec
import typer

from dashboards import page as boards
from edge_agent.config import GatewayFile
from edge_agent.readers import READERS
from ingest import deadletters
from plumbline import clock_set, delivery, dialects, event, fleet, manifest, profile, site, topics
from plumbline.cli import COMMANDS
from plumbline.command import docs_policies, docs_readers
from plumbline.command.docs_tables import fields_table, settings_tables
from plumbline.dialects import DIALECTS
from plumbline.profile import DeviceProfile
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
        fields_table(event.Header),
        "### `clock`\n",
        fields_table(event.ClockReading),
    ]
    header = {field.name for field in msgspec.structs.fields(event.Header)}
    for name, kind in event.KINDS.items():
        parts += [f"## `{name}`\n", inspect.cleandoc(kind.__doc__ or "") + f" Class: **{kind.event_class}**.\n"]
        parts += [fields_table(kind, without=header)]
    return "\n".join(parts)


def manifest_schema() -> str:
    """The JSON Schema (2020-12) of a manifest."""
    schema = msgspec.json.schema(manifest.Manifest)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Plumbline manifest"}
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def manifest_page() -> str:
    """The manifest, part by part."""
    parts = [
        _NOTE + "# The manifest\n",
        inspect.cleandoc(manifest.__doc__ or ""),
        (
            f"\nAt most {manifest.MAX_MESSAGE_BYTES} bytes as sent. A `v` above {manifest.FORM} is refused, unknown fields are "
            "ignored. JSON Schema: [manifest.schema.json](manifest.schema.json).\n"
        ),
    ]
    for struct in (
        manifest.Manifest,
        manifest.ExpectedOrder,
        manifest.ExpectedLine,
        manifest.ExpectedUnit,
        manifest.Elsewhere,
        manifest.KnownCode,
    ):
        parts += [f"## {struct.__name__}\n", inspect.cleandoc(struct.__doc__ or "") + "\n", fields_table(struct)]
    return "\n".join(parts)


def topics_page() -> str:
    """The MQTT topics and what travels on them."""
    described: list[tuple[str, Callable[..., str], tuple[Any, ...], str]] = [
        ("gateway → ingest", topics.events, ("{site}", "{gateway}", "{class}"), "`Batch`"),
        ("gateway → all", topics.presence, ("{site}", "{gateway}"), "`Presence`, retained"),
        ("gateway → ingest", topics.clock, ("{site}", "{gateway}"), "`ClockSet`, retained"),
        ("gateway → itself", topics.canary, ("{site}", "{gateway}"), "`Canary`"),
        ("ingest → gateway", topics.committed, ("{site}", "{gateway}", "{class}"), "`Watermark`, retained"),
        ("ingest → gateway", topics.replay, ("{site}", "{gateway}"), "`ReplayRequest`"),
        ("tracking → gateway", topics.manifest, ("{site}",), "[`Manifest`](manifest.md), retained"),
        ("server → gateway", topics.desired, ("{site}", "{gateway}"), "`DesiredConfig`, retained"),
        ("gateway → server", topics.reported, ("{site}", "{gateway}"), "`ReportedConfig`, retained"),
        ("gateway → all", topics.status, ("{site}", "{gateway}"), "`GatewayStatus`, retained"),
    ]
    rows = [
        f"| {way} | `{make(*arguments)}` | {payload} | {inspect.cleandoc(make.__doc__ or '')} |"
        for way, make, arguments, payload in described
    ]
    parts = [
        _NOTE + "# MQTT topics\n",
        inspect.cleandoc(delivery.__doc__ or "") + "\n",
        "`{class}` is `business` or `telemetry`. Everything is QoS 1 and JSON; a `Batch` may be a zlib stream of it (RFC 1950).\n",
        "| way | topic | payload | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n",
        (
            f"Ingest subscribes to `{topics.all_events()}` (to `{topics.all_events(None)}` on a broker without shared "
            f"subscriptions), to `{topics.all_presence()}` and to `{topics.all_clocks()}`.\n"
        ),
    ]
    for struct in (delivery.BatchHeader, delivery.Watermark, delivery.Presence, delivery.ReplayRequest, delivery.Canary):
        parts += [f"## {struct.__name__}\n", inspect.cleandoc(struct.__doc__ or "") + "\n", fields_table(struct)]
    parts += ["# Clocks that are set late\n", inspect.cleandoc(clock_set.__doc__ or "") + "\n"]
    for struct in (clock_set.ClockSet, clock_set.BootReference):
        parts += [f"## {struct.__name__}\n", inspect.cleandoc(struct.__doc__ or "") + "\n", fields_table(struct)]
    parts += ["# Configuration and state of gateways\n", inspect.cleandoc(fleet.__doc__ or "") + "\n"]
    for struct in (fleet.DesiredConfig, fleet.ReportedConfig, fleet.PastConfig, fleet.GatewayStatus):
        parts += [f"## {struct.__name__}\n", inspect.cleandoc(struct.__doc__ or "") + "\n", fields_table(struct)]
    return "\n".join(parts)


def commands_page() -> str:
    """The commands and what must be installed for them."""
    rows = [f"| `plumbline {name}` | {entry.summary} | `{entry.extra}` |" for name, entry in COMMANDS.items()]
    return "\n".join([_NOTE + "# Commands\n", "| command | does | extra |", "|---|---|---|", *rows, ""])


def site_page() -> str:
    """The site file, key by key."""
    parts = [_NOTE + "# The site file\n", inspect.cleandoc(site.__doc__ or "") + "\n"]
    tables = (
        ("Site", site.SiteFile),
        ("`[[zones]]`", site.Zone),
        ("`[[devices]]`", site.Device),
        ("`[budgets]`", site.Budgets),
    )
    for title, struct in tables:
        parts += [f"## {title}\n", inspect.cleandoc(struct.__doc__ or "") + "\n", fields_table(struct)]
    return "\n".join(parts)


def profile_page() -> str:
    """The device profile, table by table."""
    parts = [
        _NOTE + "# Device profiles\n",
        inspect.cleandoc(profile.__doc__ or "") + "\n",
        settings_tables(DeviceProfile, "##"),
    ]
    return "\n".join(parts)


def reader_page(name: str) -> str:
    """One reader: its own page, its settings, its sample."""
    return _NOTE + docs_readers.reader_page(name)


def gateways_page() -> str:
    """How gateways are run, and every key of their file."""
    readme = Path(__file__).parents[2] / "deploy" / "gateway" / "README.md"
    parts = [
        _NOTE + readme.read_text(encoding="utf-8").rstrip() + "\n",
        "## The gateway's file\n",
        "`edge_agent/sample.toml` shows all of it; `plumbline edge check` tells all mistakes in one. Readers: [readers](readers/README.md).\n",
        settings_tables(GatewayFile),
    ]
    return "\n".join(parts)


def deadletters_page() -> str:
    """Dead letters, and every reason for them."""
    readme = Path(deadletters.__file__).with_name("README.md").read_text(encoding="utf-8").rstrip()
    rows = [f"| `{word}` | {reason.meaning} | {reason.remedy} |" for word, reason in deadletters.REASONS.items()]
    return _NOTE + "\n".join([readme, "", "| reason | means | to do |", "|---|---|---|", *rows, ""])


def dialects_page() -> str:
    """The dialects of MQTT devices, with their settings."""
    parts = [_NOTE + "# Dialects of MQTT devices\n", inspect.cleandoc(dialects.__doc__ or "") + "\n"]
    for name in DIALECTS:
        module = importlib.import_module(DIALECTS[name])
        about = inspect.cleandoc(module.__doc__ or "")
        parts += [f"## {name}\n", about + "\n", settings_tables(module.Settings)]
    return "\n".join(parts)


def readers_page() -> str:
    """What can be read, at a glance."""
    rows = [
        f"| [`{name}`]({name}.md) | {_first_sentence(importlib.import_module(module))} |" for name, module in READERS.items()
    ]
    about = (
        "A gateway's configuration names a reader by its `type`. `plumbline edge devices` proposes one for what is connected."
    )
    return "\n".join([_NOTE + "# Readers\n", about + "\n", "| type | reads |", "|---|---|", *rows, ""])


def _first_sentence(module: ModuleType) -> str:
    return inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def order_schema() -> str:
    """The JSON Schema of an order document, as `plumbline tracking import` and POST /api/orders read it."""
    return json.dumps(OrderDocument.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "event.schema.json": event_schema,
    "event.md": event_page,
    "topics.md": topics_page,
    "manifest.schema.json": manifest_schema,
    "manifest.md": manifest_page,
    "commands.md": commands_page,
    "site.md": site_page,
    "profile.md": profile_page,
    "dialects.md": dialects_page,
    "gateways.md": gateways_page,
    "deadletters.md": deadletters_page,
    "boards.md": lambda: _NOTE + boards.page(),
    "readers/README.md": readers_page,
    **{f"readers/{name}.md": partial(reader_page, name) for name in READERS},
    "order.schema.json": order_schema,
    "policies.md": lambda: _NOTE + docs_policies.page(),
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
