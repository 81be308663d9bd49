"""What a milestone rests on: everything that counts, as the policy found it, and every move it made."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline import text
from plumbline.codec import decode_event
from plumbline.errors import CodecError
from plumbline.event import Scan
from plumbline.inbox import inbox
from tracking_service import progress
from tracking_service.api.models import EvidenceModel, TransitionModel, both, iso, iso_or_none
from tracking_service.domain import wording
from tracking_service.domain.facts import Evidence
from tracking_service.draft import device_title
from tracking_service.log.tables import act, transition
from tracking_service.rooms.arrivals import OFFICE
from tracking_service.rooms.ground import Ground, portions
from tracking_service.tables import evidence, material_line, milestone

#: Moves that are told at most, the newest.
_MOVES = 500


async def read_evidence(connection: AsyncConnection, milestone_id: str, ground: Ground) -> list[EvidenceModel] | None:
    """Exactly what a milestone's percentage rests on, in the order it happened; `None`: no such milestone."""
    found = await progress.evaluate(connection, [milestone_id], ground, whole=True)
    if not found:
        return None
    one = found[0]
    proofs = one.result.evidence
    ids = {proof.id for proof in proofs}
    arrived = await _arrived(connection, ids)
    seen = await _seen(connection, ids)
    done = await _done(connection, ids)
    models: list[EvidenceModel] = []
    for proof in proofs:
        row = _row_of(proof, arrived)
        event, office = seen.get(proof.id), done.get(proof.id)
        raw = _raw(event.body) if event is not None else None
        device, kind = _source(proof, event, office)
        title = text.Text(row.title_en, row.title_zh) if row is not None else None
        sentence = proof.text
        if row is not None and title is not None and event is not None and proof.quantity is not None and proof.quantity > 0:
            where = device_title(ground.sites, row.site, row.device)
            sentence = wording.proof(title, row.unit, proof.quantity, where, raw)
        models.append(
            EvidenceModel(
                event_id=proof.id,
                at=iso(proof.at),
                device=device,
                line=both(title) if title is not None else None,
                quantity=float(proof.quantity) if proof.quantity is not None else None,
                sentence=both(sentence),
                raw=raw,
                kind=kind,
                person=office.person if office is not None else None,
            )
        )
    return models


async def read_transitions(connection: AsyncConnection, milestone_id: str) -> list[TransitionModel] | None:
    """The moves of a milestone, newest first, each with what caused it; `None`: no such milestone."""
    if (await connection.execute(select(milestone.c.id).where(milestone.c.id == milestone_id))).first() is None:
        return None
    statement = (
        select(transition).where(transition.c.milestone_id == milestone_id).order_by(transition.c.id.desc()).limit(_MOVES)
    )
    return [
        TransitionModel(
            at=iso(row.at),
            recorded_at=iso(row.recorded_at),
            before=float(row.before),
            after=float(row.after),
            done_before=iso_or_none(row.done_before),
            done_after=iso_or_none(row.done_after),
            why=both(text.Text(row.why_en, row.why_zh)),
            cause=row.cause,
            causes=json.loads(row.causes),
        )
        for row in await connection.execute(statement)
    ]


async def _arrived(connection: AsyncConnection, ids: set[str]) -> Mapping[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    for some in portions(sorted(ids)):
        statement = (
            select(evidence, material_line.c.title_en, material_line.c.title_zh, material_line.c.unit)
            .join(material_line, material_line.c.id == evidence.c.line_id)
            .where(evidence.c.event_id.in_(some))
        )
        for row in await connection.execute(statement):
            found.setdefault(row.event_id, []).append(row)
    return found


async def _seen(connection: AsyncConnection, ids: set[str]) -> Mapping[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for some in portions(sorted(ids)):
        statement = select(inbox.c.event_id, inbox.c.device, inbox.c.body).where(inbox.c.event_id.in_(some))
        found |= {row.event_id: row for row in await connection.execute(statement)}
    return found


async def _done(connection: AsyncConnection, ids: set[str]) -> Mapping[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for some in portions(sorted(ids)):
        statement = select(act.c.id, act.c.person).where(act.c.id.in_(some))
        found |= {row.id: row for row in await connection.execute(statement)}
    return found


def _row_of(proof: Evidence, arrived: Mapping[str, Sequence[Row[Any]]]) -> Row[Any] | None:
    """Which of the lines that a mixed unit brought this proof is of: the text names the line."""
    rows = arrived.get(proof.id, ())
    if proof.quantity is None or not rows:
        return None
    fitting = [row for row in rows if row.counted == proof.quantity and row.title_en in proof.text.en]
    return fitting[0] if fitting else rows[0]


def _source(proof: Evidence, event: Row[Any] | None, office: Row[Any] | None) -> tuple[str, Any]:
    if event is not None:
        return event.device, "event"
    if office is not None:
        return OFFICE, "act"
    name = proof.id.partition("@")[0].split("/")  # <site>/<device>/<metric>@<minute>
    return (name[1], "series") if len(name) == 3 else (proof.id, "event")


def _raw(body: bytes) -> str | None:
    try:
        event = decode_event(body)
    except CodecError:
        return None
    return text.visible(event.text, 512) if isinstance(event, Scan) else None
