"""The API's contract as OpenAPI 3.1 that tools can read: every reference leads somewhere, every error is as it is answered."""

from collections.abc import Mapping
from typing import Any, Final, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tracking_service.api.problems import MEDIA_TYPE

_ABOUT: Final = """Orders, deliveries, milestones and the evidence behind them, for ERP and CRM systems and for screens of your own.

Times are ISO 8601; those answered are in UTC. What is not known is null, never 0. Every error is a problem document (RFC 9457): its
`detail` says what was wrong, where, and what to do. An act may carry an `id` (a UUID) of your own: sent again it is the same act.
A document sent again changes nothing. What others are told of by themselves: webhooks."""

#: What each operation does, in a sentence; a test misses one that has none.
_SAYS: Final[Mapping[str, str]] = {
    "GET /api/sites": "The sites of this server.",
    "GET /api/wall": "All that the wall of a site shows.",
    "GET /api/stream": "The same live, as server-sent events: a snapshot, then each part that changes.",
    "GET /api/unlinked": "Scans and inspections that wait for a person, newest first.",
    "GET /api/history": "A metric of each device of a site, by the minute.",
    "GET /api/sites/{site}/plan": "The site's plan picture.",
    "GET /api/sites/{site}/tiles.json": "Where the plan's tiles are (TileJSON 3).",
    "GET /api/sites/{site}/tiles/{z}/{x}/{y}.png": "One tile of the plan (XYZ).",
    "GET /api/sites/{site}/zones.geojson": "The site's zones (GeoJSON, RFC 7946).",
    "GET /api/sites/{site}/zones/live.geojson": "The zones with who and what is in each.",
    "GET /api/sites/{site}/presence": "Who and what is on site now, zone by zone.",
    "GET /api/sites/{site}/visits": "Who and what was in which zone on a day, from when to when.",
    "GET /api/sites/{site}/hours": "How long each machine worked on a day; a gateway's silence is never counted.",
    "GET /api/sites/{site}/contradictions": "Sources that cannot both be right.",
    "GET /api/orders": "Orders with lines and milestones, by number; page by page.",
    "POST /api/orders": "Import an order, or a newer version of it.",
    "GET /api/orders/{number}": "One order with its lines and milestones.",
    "GET /api/milestones/{milestone}/evidence": "What a milestone's percentage rests on.",
    "GET /api/milestones/{milestone}/transitions": "Every move a milestone made, with its causes.",
    "POST /api/acts": "Record an act of the office, of any kind.",
    "GET /api/acts": "The acts of a site, of an order, or about one thing; newest first.",
    "POST /api/orders/{number}/schedule": "Import a schedule into an order: the difference first, then the change.",
    "POST /api/orders/{number}/list": "Import a list of lines or deliveries into an order: the difference first, then the change.",
    "GET /healthy": "The process lives.",
    "GET /ready": "Its parts answer.",
    "GET /api/orders/{number}/plan": "An order against its plan: dates, float, critical path, shortages, health, expected finish.",
    "GET /api/unlinked/{event}/suggestions": "The lines that an unlinked scan may belong to, best first.",
    "GET /api/unlinked/{event}/points": "The points that an inspection which waits may have been of, best first.",
    "GET /api/orders/{number}/deliveries": "An order's delivery notes: what is announced and what came.",
    "GET /api/company": "The company document: people, roles, suppliers, equipment, templates.",
    "POST /api/company": "Import a company document.",
    "GET /api/recipients": "Who is told of what.",
    "GET /api/recipients/{name}": "What one recipient is told of, and by which way.",
    "PUT /api/recipients/{name}": "Add a recipient, or change one.",
    "DELETE /api/recipients/{name}": "Tell somebody nothing any more.",
    "GET /api/notices": "Notices that were sent, wait, or could not be sent; newest first, page by page.",
    "POST /api/notices/{number}/replay": "Send a notice that was given up once more.",
    "POST /api/notices/replay": "Send all that were given up once more.",
    "POST /api/notices/{number}/acknowledge": "Take a notice on: nobody else is called.",
    "GET /api/webhooks": "The webhooks.",
    "POST /api/webhooks": "Add a webhook; its secret is answered once.",
    "PATCH /api/webhooks/{number}": "Turn a webhook on or off.",
    "DELETE /api/webhooks/{number}": "Take a webhook out.",
    "POST /api/webhooks/{number}/secret": "Give a webhook a new secret.",
    "POST /api/webhooks/{number}/ping": "Send a webhook a message to try it.",
    "GET /api/webhooks/{number}/messages": "What a webhook was sent, and how that went.",
    "POST /api/webhooks/{number}/replay": "Send a webhook's message once more.",
}
_PROBLEM: Final = {
    "title": "Problem",
    "description": "What was wrong (RFC 9457).",
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "What kind of mistake it is."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What was wrong, where, and what to do."},
    },
    "required": ["title", "status", "detail"],
}
_REFERENCE: Final = "#/components/schemas/"
#: How FastAPI would answer what is not valid; `problems.install` answers otherwise.
_UNUSED: Final = ("HTTPValidationError", "ValidationError")


def contract(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app` with all of its routes."""
    found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    schemas: dict[str, Any] = found.setdefault("components", {}).setdefault("schemas", {})
    for name in _UNUSED:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    refused = {
        "description": "What was wrong, as a problem document.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE + "Problem"}}},
    }
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            operation["summary"] = _SAYS.get(f"{method.upper()} {path}", operation.get("summary", ""))
            operation["tags"] = [path.split("/")[2] if path.startswith("/api/") else "health"]
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = refused
    found["paths"] = _hoisted(found["paths"], schemas)
    return found


def _hoisted(part: Any, schemas: dict[str, Any]) -> Any:
    """`part` with the definitions inside of its schemas moved to `schemas`: a reference is resolved from the document's root."""
    if isinstance(part, list):
        return [_hoisted(each, schemas) for each in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    fields = cast("dict[str, Any]", part)
    for name, definition in fields.get("$defs", {}).items():
        # Noted before it is entered: definitions may refer to each other in circles.
        if name not in schemas:
            schemas[name] = {}
            schemas[name] = _hoisted(definition, schemas)
    kept = {key: _hoisted(value, schemas) for key, value in fields.items() if key != "$defs"}
    if isinstance(kept.get("$ref"), str):
        kept["$ref"] = kept["$ref"].replace("#/$defs/", _REFERENCE)
    # a discriminator names its schemas by reference, too
    if isinstance(kept.get("mapping"), dict):
        kept["mapping"] = {key: str(at).replace("#/$defs/", _REFERENCE) for key, at in kept["mapping"].items()}
    return kept
