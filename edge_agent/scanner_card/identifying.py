"""What stands in front of codes: a fixed prefix, and an identifier that changes with the symbology. Pure.

A scanner that names some symbologies and not others is refused: where a label of the others begins like an identifier,
nobody can tell. GS1 data is spared, since it begins with a digit, and no maker's identifier does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.scanner import code_ids
from edge_agent.scanner_card.probes import GS, PROBES
from plumbline.profile import CodeId


@dataclass(frozen=True, slots=True)
class Told:
    """How the scanner names symbologies."""

    prefix: str
    aim: bool
    maker: CodeId
    own: dict[str, str]
    text: str


def told(heads: Mapping[int, Sequence[str]]) -> Told | None:
    """Split heads into prefix and identifier; `None`: they follow no rule."""
    if any(len(set(of)) > 1 for of in heads.values()):
        return None
    plain = {number: _bare(number, of[0]) for number, of in heads.items()}
    if aim := _aim(plain):
        return aim
    prefix = _common(list(plain.values()))
    rests = {number: head[len(prefix) :] for number, head in plain.items()}
    if not any(rests.values()):
        return Told(prefix, False, "none", {}, "sends no symbology identifier: GS1 is told by content alone; "
                    "set it to send AIM identifiers")  # fmt: skip
    own = _ids(rests)
    if own is None:
        return None
    maker = _maker(own)
    table = code_ids.MAKERS[maker]
    own = {rest: value for rest, value in own.items() if rest not in table}
    named = f"{maker}'s code ids" if maker != "none" else "code ids of its own"
    return Told(prefix, False, maker, own, f"sends {named}; AIM identifiers would tell more")


def _ids(rests: Mapping[int, str]) -> dict[str, str] | None:
    """Id → identifier, of the same symbology for the same id; `None`: they follow no rule."""
    ids: dict[str, str] = {}
    for number, rest in rests.items():
        identifier = PROBES[number].identifier
        if not rest and PROBES[number].gs1:
            continue
        known = ids.setdefault(rest, identifier)
        if not rest or rest[0].isdigit() or known[:2] != identifier[:2]:
            return None
        if known != identifier:
            ids[rest] = identifier[:2]
    return ids


def _bare(number: int, head: str) -> str:
    """Some scanners send the FNC1 in front of GS1 data as GS, too."""
    return head.removesuffix(GS) if PROBES[number].gs1 else head


def _aim(heads: Mapping[int, str]) -> Told | None:
    prefixes: set[str] = set()
    for number, head in heads.items():
        if not code_ids.IDENTIFIER.fullmatch(head[-3:]) or head[-2] != PROBES[number].identifier[1]:
            return None
        prefixes.add(head[:-3])
    if len(prefixes) != 1:
        return None
    return Told(prefixes.pop(), True, "none", {}, "sends AIM identifiers: GS1 codes are known for what they are")


def _maker(own: Mapping[str, str]) -> CodeId:
    """The maker most of whose ids came, none of them for another symbology."""
    best: tuple[int, CodeId] = (0, "none")
    for maker, table in code_ids.MAKERS.items():
        hits = [table[rest][:2] == value[:2] and _agree(table[rest], value) for rest, value in own.items() if rest in table]
        if all(hits) and len(hits) > max(best[0], 1):
            best = len(hits), maker
    return best[1]


def _agree(table: str, seen: str) -> bool:
    return table == seen or len(table) == 2 or len(seen) == 2


def _common(heads: Sequence[str]) -> str:
    """What all heads begin with."""
    low, high = min(heads, default=""), max(heads, default="")
    return low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))]
