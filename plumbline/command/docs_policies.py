"""The page of policies: each kind with its keys, out of the schema, and an example as people read it."""

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from tracking_service.document import conditions, policy
from tracking_service.document.conditions import Stated
from tracking_service.document.examples import EXAMPLES, EXPECTED, SCOPE
from tracking_service.document.policy import MOST_DEEP, MOST_PARTS, PolicyDocument, parse
from tracking_service.domain.facts import Facts
from tracking_service.domain.policies import sentence

#: Characters of a line of an example.
_WIDTH: Final = 110
_ABOUT: Final = f"""
# Policies

What completes a milestone is declared with the order, under `policy`: one key that says which kind, under it what it asks for.
Policies may stand in policies (`all_of`, `any_of`, `n_of`), at most {MOST_DEEP} deep and {MOST_PARTS} in all. A mistake is refused with its path, the
reason and what to do; nothing of that order is taken in then. Schema: [order.schema.json](order.schema.json), `PolicyDocument`.

A policy is looked at anew with all that is known whenever something it counts on was seen: so what comes late, twice, in
another order or is corrected needs no rule of its own. The result is a percentage, rounded down (100 % is done and nothing
less is), the time at which it was done by the clocks of those who saw it, a sentence that says why, and the evidence: exactly
what counts. Taking evidence away never raises a percentage; what is no evidence could be missing and nothing would change,
but for what ends, takes back or refuses (a check-out, a return, a failed inspection).

Times with an offset (`2026-12-01T08:00:00+08:00`) are moments, days (`2026-12-01`) begin by the site's clock.
"""
_COMPOSED: Final = {
    "all_of": "Done when all of these policies are; as far as their mean.",
    "any_of": "Done when any of these policies is; as far as the best of them.",
}


def page() -> str:
    """The page, without the note that it is written."""
    parts = [_ABOUT.strip() + "\n"]
    for kind in PolicyDocument.model_fields:
        parts += [f"## `{kind}`\n", *_kind(kind), *_example(kind)]
    return "\n".join(parts)


def _kind(kind: str) -> Iterator[str]:
    if kind in _COMPOSED:
        yield f"{_COMPOSED[kind]} 1 to 50 policies, as an array.\n"
        return
    model = next(each for each in _models() if each.__name__.lower() == kind.replace("_", "") + "document")
    yield inspect.cleandoc(model.__doc__ or "") + "\n"
    whole = model.model_json_schema()
    parts: Mapping[str, Any] = whole.get("$defs", {})
    schema: Mapping[str, Any] = parts[whole["$ref"].rpartition("/")[2]] if "$ref" in whole else whole
    yield _table(schema)
    for name, inner in parts.items():
        if name in _named_by(schema) and name != "PolicyDocument":
            yield f"`{_short(name)}`: {inner.get('description', '')}\n"
            yield _table(inner)


def _models() -> Iterator[type[Stated]]:
    for module in (conditions, policy):
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, Stated):
                yield each


def _named_by(schema: Mapping[str, Any]) -> set[str]:
    """The parts that a schema's own keys are made of."""
    return {word.rpartition("/")[2] for word in _references(schema.get("properties", {}))}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            if key == "$ref":
                yield str(inner)
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _references(inner)


def _example(kind: str) -> Iterator[str]:
    declared = json.dumps(EXAMPLES[kind], ensure_ascii=False)
    bound = parse(declared).bind(SCOPE)
    said, why = sentence(bound), bound.evaluate(Facts(now=0, expected=EXPECTED)).why
    yield f"```json\n{_laid_out(EXAMPLES[kind])}\n```\n"
    yield f"> {said.en}.\n>\n> {said.zh}。\n"
    yield f"While nothing is known: *{why.en}* · *{why.zh}*\n"


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON in lines that are not too long, and no more of them than that needs."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= _WIDTH or not isinstance(value, Mapping | list):
        return flat
    inner = indent + "  "
    if isinstance(value, Mapping):
        found = cast("Mapping[str, Any]", value)
        rows = [f"{json.dumps(key)}: {_laid_out(each, inner)}" for key, each in found.items()]
        opens, closes = "{", "}"
    else:
        rows = [_laid_out(each, inner) for each in cast("list[Any]", value)]
        opens, closes = "[", "]"
    lines = ",\n".join(inner + row for row in rows)
    return f"{opens}\n{lines}\n{indent}{closes}"


def _table(schema: Mapping[str, Any]) -> str:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    required = schema.get("required", ())
    for key, field in schema.get("properties", {}).items():
        default = "**must be given**" if key in required else _default(field.get("default"))
        meaning = " ".join(str(field.get("description", "")).split())
        rows.append(f"| `{key}` | {_type(field)} | {default} | {' '.join(filter(None, [meaning, _bounds(field)]))} |")
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value)}`".replace('`"', "`").replace('"`', "`")


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return f"`{_short(field['$ref'].rpartition('/')[2])}`"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        told = dict.fromkeys(_type(kind) for kind in field["anyOf"] if kind.get("type") != "null" and "pattern" not in kind)
        return " \\| ".join(told)
    if "items" in field:
        return f"array of {_type(field['items'])}"
    return str(field.get("format", field.get("type", "any")))


def _bounds(field: Mapping[str, Any]) -> str:
    """What a number, a text or an array must keep to."""
    for kind in field.get("anyOf", [field]):
        low, high = kind.get("minimum"), kind.get("maximum")
        if "exclusiveMinimum" in kind:
            return f"(more than {kind['exclusiveMinimum']:g}{f', at most {high:g}' if high is not None else ''})"
        if low is not None and high is not None:
            return f"({low:g} to {high:g})"
        if "maxItems" in kind:
            return f"({kind.get('minItems', 0)} to {kind['maxItems']} of them)"
    return ""


def _short(name: str) -> str:
    return name.removesuffix("Document")
