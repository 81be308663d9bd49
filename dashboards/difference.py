"""What differs between what a Grafana has and what is wanted, and what is then written."""

from collections.abc import Mapping
from typing import Any, cast

from dashboards.grafana import Grafana


def rows(answer: Mapping[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """A list in an answer; Grafana leaves empty ones out."""
    return (answer or {}).get(name) or []


def part(answer: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """An object in an answer."""
    return (answer or {}).get(name) or {}


def write(grafana: Grafana, all_: str, one: str, wanted: Mapping[str, Any], found: object) -> None:
    """Create what is not there, replace what is."""
    if found is None:
        grafana.create(all_, wanted)
    else:
        grafana.replace(one, wanted)


def covers(found: object, wanted: object) -> bool:
    """Whether what Grafana has says all that we say; it adds things of its own (ids, provenance, defaults)."""
    if isinstance(wanted, Mapping):
        ours = cast("Mapping[str, object]", wanted)
        if not isinstance(found, Mapping):
            return False
        theirs = cast("Mapping[str, object]", found)
        return all(covers(theirs.get(name, _empty(value)), value) for name, value in ours.items())
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(cast("list[object]", found)) != len(cast("list[object]", wanted)):
            return False
        return all(map(covers, cast("list[object]", found), cast("list[object]", wanted)))
    return found == wanted


def _empty(value: object) -> object:
    """What Grafana leaves out of an answer where it is empty."""
    return value if value in ("", False, None) else None


def done(found: object, same: bool) -> str:
    """What became of it, for people."""
    return "new" if not found else "as it was" if same else "changed"
