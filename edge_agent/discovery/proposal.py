"""From what was seen to a configuration that a person goes over."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from edge_agent.discovery.seen import Seen

#: What cannot be read before a person has said what the device's lines or registers mean.
_INCOMPLETE: Final = frozenset({"line", "modbus"})


def proposed(seen: Sequence[Seen], *, site: str, gateway: str, server: str) -> str:
    """A gateway's TOML: what is certain or likely is in force, what lacks something stands as a comment with what it lacks."""
    parts = [
        "# Proposed by `plumbline edge devices` from what is connected. Go over it, then: plumbline edge check --config FILE",
        f"site = {_value(site)}",
        f"gateway = {_value(gateway)}",
        "",
        "[server]",
        f"brokers = [{_value(server)}]",
    ]
    taken: dict[str, int] = {}
    for one in seen:
        if not one.reader:
            continue
        table = dict(one.reader)
        taken[table["name"]] = taken.get(table["name"], 0) + 1
        if taken[table["name"]] > 1:
            number = taken[table["name"]]
            table["name"] = f"{table['name']}-{number}"
            if "slaves" in table:
                table["slaves"] = [{**slave, "device": f"{slave['device']}-{number}"} for slave in table["slaves"]]
        lines = ["", f"# {one.what}"] + ([f"# to do: {one.todo}"] if one.todo else [])
        incomplete = table["type"] in _INCOMPLETE
        written = _table("reader", table)
        parts += [*lines, *(f"# {line}" if incomplete else line for line in written)]
    return "\n".join(parts) + "\n"


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    lines = [f"[[{name}]]"]
    inner: list[str] = []
    for key, value in table.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            for one in cast("list[Mapping[str, Any]]", value):
                inner += ["", *_table(f"{name}.{key}", one)]
        elif isinstance(value, list):
            lines.append(f"{key} = [{', '.join(map(_value, cast('list[object]', value)))}]")
        else:
            lines.append(f"{key} = {_value(value)}")
    return lines + inner


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x20 or c in '"\\' or ord(c) == 0x7F else c for c in str(value))
    return f'"{text}"'
