"""What MQTT promised of devices that publish straight to the broker: their ledger can only prove what reached us.

A number is given when a message is in our database, so nothing is ever missing of a direct stream. What may be missing never
got one: messages of QoS 0, and what was said while nobody was subscribed.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.direct.tables import direct_gap, direct_lane, direct_tally
from ingest.ledger.verdict import moment

Place = tuple[str, str]
#: Times without a subscription that are looked at.
_MOST: Final = 100_000


class DirectProof(Struct, frozen=True, kw_only=True):
    """What is known of the messages of one epoch."""

    messages: int = 0
    """Taken from the broker, each once."""
    qos0: int = 0
    """Of these: nobody sends them again."""
    redelivered: int = 0
    retained: int = 0
    unheard_times: int = 0
    """How often nobody was subscribed."""
    unheard_s: float = 0.0
    """For how long in all."""
    unheard_until: int | None = None
    """ns, until when the last time."""
    unkept_s: float = 0.0
    """Of that, how long the broker kept nothing for us, not even QoS 1."""


async def places(connection: AsyncConnection) -> set[Place]:
    """The tables of direct devices, as (site, gateway)."""
    rows = (await connection.execute(select(direct_lane.c.site, direct_lane.c.gateway))).all()
    return {(row[0], row[1]) for row in rows}


async def proofs(connection: AsyncConnection, wanted: set[Place]) -> dict[tuple[str, str, str], DirectProof]:
    """By site, gateway and epoch; `wanted` as of `places`."""
    if not wanted:
        return {}
    tallies = (await connection.execute(select(direct_tally).order_by(direct_tally.c.first_seen))).mappings().all()
    gaps = (await connection.execute(select(direct_gap).order_by(direct_gap.c.id.desc()).limit(_MOST))).mappings().all()
    of_place: dict[Place, list[RowMapping]] = {}
    for row in tallies:
        of_place.setdefault((row["site"], row["gateway"]), []).append(row)
    unheard: dict[tuple[str, str, str], list[RowMapping]] = {}
    for gap in gaps:
        if epochs := of_place.get((gap["site"], gap["gateway"])):
            # It ends where an epoch begins or goes on: the first one that was heard afterwards.
            epoch = next((row["epoch"] for row in epochs if row["last_seen"] >= gap["until"]), epochs[-1]["epoch"])
            unheard.setdefault((gap["site"], gap["gateway"], epoch), []).append(gap)
    found: dict[tuple[str, str, str], DirectProof] = {}
    for row in tallies:
        key = (row["site"], row["gateway"], row["epoch"])
        if key[:2] in wanted:
            found[key] = _proof(row, unheard.get(key, ()))
    return found


def _proof(row: RowMapping, gaps: Sequence[RowMapping]) -> DirectProof:
    return DirectProof(
        **{name: row[name] for name in ("messages", "qos0", "redelivered", "retained")},
        unheard_times=len(gaps),
        unheard_s=round(sum(gap["until"] - gap["since"] for gap in gaps) / 1e9, 3),
        unheard_until=max((gap["until"] for gap in gaps), default=None),
        unkept_s=round(sum(gap["until"] - gap["since"] for gap in gaps if not gap["kept"]) / 1e9, 3),
    )


def promise(proof: DirectProof) -> str:
    """What may be missing of a direct stream although its numbers are complete."""
    said = ["direct devices: everything that MQTT gave us"]
    if proof.qos0:
        said.append(f"{proof.qos0:,} of {proof.messages:,} messages with QoS 0, which nobody sends again")
    if proof.unheard_until is not None:
        how_often = "once" if proof.unheard_times == 1 else f"{proof.unheard_times:,} times"
        kept = "the broker kept QoS 1 for us" if not proof.unkept_s else f"for {proof.unkept_s:,.0f} s nobody kept anything"
        said.append(
            f"not subscribed {how_often}, {proof.unheard_s:,.0f} s in all, last until {moment(proof.unheard_until)} ({kept})"
        )
    return "; ".join(said)
