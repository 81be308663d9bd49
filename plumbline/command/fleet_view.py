"""What is known of one gateway, what is wrong with it, and all gateways as a table."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from rich.markup import escape
from rich.table import Table
from rich.text import Text

Level = Literal["bad", "look", "note"]
_RANK: Final[Mapping[Level, int]] = {"bad": 0, "look": 1, "note": 2}
_COLOUR: Final[Mapping[Level, str]] = {"bad": "red", "look": "yellow", "note": "cyan"}
_MARK: Final[Mapping[Level, str]] = {"bad": "✗", "look": "!", "note": "…"}

_COLUMNS: Final = ("gateway", "state", "agent", "config", "waiting", "oldest", "disk free", "°C", "clock", "heard")
_FIGURES: Final = frozenset({"waiting", "oldest", "disk free", "°C", "clock", "heard"})
#: What a narrow terminal does without, in this order: what is wrong with any of them is told in words.
_GO_FIRST: Final = ("°C", "disk free", "clock", "agent", "heard", "oldest", "config", "waiting")
#: Columns that what is wrong needs.
_ROOM: Final = 42

_LITTLE_BYTES: Final = 500e6
_HOT_CELSIUS: Final = 80.0
_BEHIND_S: Final = 600.0
_SILENT_S: Final = 300.0


class Trouble(NamedTuple):
    """Something that a person should know."""

    level: Level
    what: str


@dataclass(slots=True)
class Known:
    """What is known of a gateway, from wherever. Times are UTC, ns; `None`: not known there."""

    site: str
    gateway: str
    online: bool | None = None
    since: int | None = None
    last_seen: int | None = None
    agent: str | None = None
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    readers: Mapping[str, str] = field(default_factory=dict[str, str])
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    version: int | None = None
    """Of the configuration in force."""
    desired: int | None = None
    seen: int | None = None
    state: str | None = None
    reason: str = ""

    def take_text(self, text: str) -> None:
        """Read what health says of the configuration: `7 applied`, `6 rolled_back (of 7): why`."""
        head, _, self.reason = text.partition(": ")
        words = head.split()
        if len(words) > 1 and words[0].isdigit():
            self.version, self.state = int(words[0]), words[1]
            last = words[-1].rstrip(")")
            self.seen = int(last) if last.isdigit() else self.version

    @property
    def waiting(self) -> int | None:
        """Events that wait on the gateway."""
        found = [self.values[name] for name in ("queue_business_events", "queue_telemetry_events") if name in self.values]
        return int(sum(found)) if found else None

    def troubles(self, now: int) -> Sequence[Trouble]:
        """What is wrong, the worst first."""
        found = [*self._link(now), *self._machine(), *self._config(), *self._readers()]
        return sorted(found, key=lambda trouble: _RANK[trouble.level])

    def _link(self, now: int) -> Iterable[Trouble]:
        if self.online is False:
            yield Trouble("bad", f"offline for {_ago(self.since, now)}")
        elif self.online is None:
            yield Trouble("look", "never said that it is there")
        elif self.last_seen is not None and now - self.last_seen > _SILENT_S * 1e9:
            yield Trouble("look", f"online, but nothing heard for {_ago(self.last_seen, now)}")
        oldest_s = self.values.get("oldest_waiting_s", 0.0)
        if self.online and oldest_s > _BEHIND_S:
            yield Trouble("look", f"behind: its oldest event waits for {_span(oldest_s)}")

    def _machine(self) -> Iterable[Trouble]:
        if self.values.get("disk_full"):
            yield Trouble("bad", "its disk is full")
        elif self.values.get("disk_free_bytes", _LITTLE_BYTES) < _LITTLE_BYTES:
            yield Trouble("look", f"its disk has {_size(self.values['disk_free_bytes'])} left")
        if self.values.get("temperature_celsius", 0.0) >= _HOT_CELSIUS:
            yield Trouble("look", f"hot: {self.values['temperature_celsius']:.0f} °C")
        if self.values.get("clock_disciplined") == 0:
            yield Trouble("look", "nobody sets its clock")

    def _config(self) -> Iterable[Trouble]:
        if self.state in {"refused", "rolled_back"}:
            yield Trouble("look", f"configuration {self.seen} {_word(self.state)}: {self.reason}")
        elif self.state == "on_probation":
            yield Trouble("note", f"configuration {self.version} on probation")
        if self.desired is not None and self.seen is not None and self.desired > self.seen:
            yield Trouble("note", f"configuration {self.desired} not taken yet")

    def _readers(self) -> Iterable[Trouble]:
        for name, line in self.readers.items():
            if line.startswith("ok;"):
                yield Trouble("look", f"{name}: {line[3:].strip()}")
            elif line != "ok":
                yield Trouble("bad", line if line.startswith(f"{name}:") else f"{name}: {line}")

    def as_json(self, now: int) -> dict[str, Any]:
        """For machines: everything that is known, and the troubles."""
        return {
            "site": self.site,
            "gateway": self.gateway,
            "online": self.online,
            "since": self.since,
            "last_seen": self.last_seen,
            "agent": self.agent,
            "config": {
                "version": self.version,
                "desired": self.desired,
                "seen": self.seen,
                "state": self.state,
                "reason": self.reason,
            },
            "waiting_events": self.waiting,
            "values": dict(self.values),
            "readers": dict(self.readers),
            "texts": dict(self.texts),
            "troubles": [trouble._asdict() for trouble in self.troubles(now)],
        }


def by_trouble(fleet: Iterable[Known], now: int) -> Sequence[Known]:
    """Who needs a person first stands first; who needs none by name."""

    def rank(one: Known) -> tuple[object, ...]:
        troubles = one.troubles(now)
        worst = _RANK[troubles[0].level] if troubles else len(_RANK)
        return worst, -sum(trouble.level == "bad" for trouble in troubles), one.site, one.gateway

    return sorted(fleet, key=rank)


def drawn(fleet: Sequence[Known], now: int, width: int) -> Table:
    """The fleet as a table, `width` columns wide: where that is little, figures go first, and what is wrong stays."""
    rows = [_cells(one, now) for one in by_trouble(fleet, now)]
    table = Table(
        title=_title(fleet, now), title_justify="left", title_style="bold", box=None, header_style="dim", padding=(0, 1)
    )
    shown = _that_fit(rows, width)
    for name in shown:
        table.add_column(name, justify="right" if name in _FIGURES else "left", no_wrap=True)
    table.add_column("what is wrong", overflow="fold", ratio=1)
    for row in rows:
        table.add_row(*(row[name] for name in shown), row["what is wrong"])
    return table


def _that_fit(rows: Sequence[Mapping[str, str]], width: int) -> Sequence[str]:
    """The columns beside which what is wrong can be read."""
    widths = {name: 2 + max((Text.from_markup(row[name]).cell_len for row in rows), default=0) for name in _COLUMNS}
    shown = {name: max(widths[name], 2 + len(name)) for name in _COLUMNS}
    for name in _GO_FIRST:
        if sum(shown.values()) + _ROOM <= width:
            break
        del shown[name]
    return tuple(shown)


def _title(fleet: Sequence[Known], now: int) -> str:
    online = sum(one.online is True for one in fleet)
    wrong = sum(any(trouble.level != "note" for trouble in one.troubles(now)) for one in fleet)
    sites = len({one.site for one in fleet})
    return (
        f"{len(fleet)} gateway{'s' * (len(fleet) != 1)} at {sites} site{'s' * (sites != 1)}: {online} online, "
        f"{len(fleet) - online} not; {wrong} with something wrong"
    )


def _cells(one: Known, now: int) -> Mapping[str, str]:
    troubles, values = one.troubles(now), one.values
    said = ""
    if troubles:
        first = troubles[0]
        more = f" [dim](and {len(troubles) - 1} more)[/]" if len(troubles) > 1 else ""
        said = f"[{_COLOUR[first.level]}]{_MARK[first.level]} {escape(_short(first.what))}[/]{more}"
    state = "[dim]? unknown[/]" if one.online is None else "[green]● online[/]" if one.online else "[red]✗ offline[/]"
    if one.online is not None:
        state += f" {_ago(one.since, now)}"
    config = "" if one.version is None else str(one.version)
    if one.desired is not None and one.desired != one.version:
        config += f" → {one.desired}"
    clock = {1.0: escape(one.texts.get("clock", "set")), 0.0: "[yellow]free[/]"}.get(values.get("clock_disciplined", -1.0), "")
    return {
        "gateway": f"{escape(one.site)}/[bold]{escape(one.gateway)}[/]",
        "state": state,
        "agent": escape(one.agent or ""),
        "config": config,
        "waiting": "" if one.waiting is None else f"{one.waiting:,}",
        "oldest": "" if "oldest_waiting_s" not in values else _span(values["oldest_waiting_s"]),
        "disk free": "" if "disk_free_bytes" not in values else _size(values["disk_free_bytes"]),
        "°C": "" if "temperature_celsius" not in values else f"{values['temperature_celsius']:.0f}",
        "clock": clock,
        "heard": _ago(one.last_seen, now),
        "what is wrong": said,
    }


def _short(what: str) -> str:
    return what if len(what) <= 160 else what[:159] + "…"


def _word(state: str) -> str:
    return state.replace("_", " ")


def _ago(then: int | None, now: int) -> str:
    return "?" if then is None else _span(max(0.0, (now - then) / 1e9))


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def at(ns: int) -> str:
    """A time for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ns / 1e9))
