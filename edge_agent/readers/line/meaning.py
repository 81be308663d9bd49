"""From one line to what it says: values, a state, or what is wrong with it. Pure, but for the totals of its counters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from msgspec.structs import replace

from edge_agent.readers.line.counter import Total, step
from edge_agent.readers.line.framing import Fault, shown
from edge_agent.readers.line.pattern import Match, Pattern, PatternError
from edge_agent.readers.line.units import WORDS
from plumbline.event import Reading, State
from plumbline.measure import ImplausibleError, measured
from plumbline.profile import LineShape, Metric
from plumbline.units import convertible, known_units

StateWord = Literal["off", "idle", "working", "fault"]
_STATES: Final[Mapping[str, StateWord]] = {"off": "off", "idle": "idle", "working": "working", "fault": "fault"}

Said = partial[Reading] | partial[State] | Fault


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A metric, and the place where its number stands."""

    name: str
    place: str
    metric: Metric


class Meaning:
    """Reads lines as a `LineShape` declares them. Raises `PatternError` where the declaration does not hold together."""

    def __init__(self, shape: LineShape, metrics: Mapping[str, Metric], measurement: str | None) -> None:
        self._shape = shape
        self._measurement = measurement or ""
        self._patterns = [Pattern(text, shape) for text in shape.patterns]
        self._wanted = [_Wanted(name, metric.path or name, metric) for name, metric in metrics.items()]
        self._state: StateWord | None = None
        self._in_unit: dict[tuple[str, str], Metric] = {}
        self.totals = {name: Total() for name in shape.counters}
        """What is known of the counters; kept over restarts by the reader."""
        self._examine(metrics, measurement)

    def read(self, content: bytes, *, may_be_a_tail: bool = False) -> Iterator[Said]:
        """What one line says, the business first. `may_be_a_tail`: the line may have begun before the port was opened."""
        try:
            text = content.decode(self._shape.encoding)
        except UnicodeDecodeError:
            yield Fault(
                "encoding", f"sent {shown(content)}, which is not {self._shape.encoding}; check 'encoding' and its speed"
            )
            return
        whole = text.strip("\0")  # blanks may belong to a column of fixed width
        match = self._match(whole) or self._match(whole.rstrip(" \t\0"))
        if match is None:
            yield Fault("misfit", f"sent {shown(content)}, which fits no pattern; check 'patterns'")
            return
        if may_be_a_tail and match.starts_with_number:
            return
        yield from self._events(match, content)

    def _match(self, text: str) -> Match | None:
        for pattern in self._patterns:
            if (match := pattern.match(text)) is not None:
                return match
        return None

    def _events(self, match: Match, content: bytes) -> Iterator[Said]:
        if self._shape.state is not None:
            yield from self._state_of(match, content)
        for place, meanings in self._shape.faults.items():
            word = match.words.get(place)
            if word is not None and word in meanings:
                yield Fault("fault", f"says {meanings[word]} ({shown(content)})")
                return
        for place in {*self._shape.send_when, *self._shape.pass_over_when}:
            word = match.words.get(place)
            if word is None or word in self._shape.send_when.get(place, ()):
                continue
            known = word in self._shape.pass_over_when.get(place, ())
            if not known and (place in self._shape.send_when):
                yield Fault("word", f"sent {shown(content)}: '{place}' is {word!r}, of which nothing is declared")
                return
            if known:
                return
        yield from self._reading(match, content)

    def _state_of(self, match: Match, content: bytes) -> Iterator[Said]:
        fields = self._shape.state
        assert fields is not None
        word = match.words.get(fields.state)
        if word is None:
            return
        state = fields.words.get(word) or _STATES.get(word)
        if state is None:
            yield Fault("state", f"sent {shown(content)}: state {word!r} is unknown; declare it under 'state.words'")
            return
        if state != self._state:
            previous, self._state = self._state, state
            yield partial(State, state=state, previous=previous, code=match.words.get(fields.code) or None)

    def _reading(self, match: Match, content: bytes) -> Iterator[Said]:
        values: dict[str, float] = {}
        for wanted in self._wanted:
            raw = match.numbers.get(wanted.place)
            if raw is None:
                continue
            found = self._value(wanted, raw, match.units.get(wanted.place))
            if isinstance(found, Fault):
                yield Fault(found.kind, f"sent {shown(content)}: {found.what}")
                continue
            counter = self._shape.counters.get(wanted.name)
            if counter is not None:
                count = step(self.totals[wanted.name], counter, found)
                if count.trouble is not None:
                    yield Fault("counter", f"{wanted.name}: {count.trouble}")
                if count.total is None:
                    continue
                found = count.total
            values[wanted.name] = found
        if values:
            yield partial(Reading, measurement=self._measurement, values=values)

    def _value(self, wanted: _Wanted, raw: float, unit: str | None) -> float | Fault:
        metric = wanted.metric
        if unit is not None:
            code = self._shape.units.get(unit) or WORDS.get(unit)
            if code is None:
                return Fault("unit", f"the unit {unit!r} is unknown; declare it under 'units'")
            if not convertible(code, metric.unit):
                known = ", ".join(known_units(metric.unit))
                return Fault("unit", f"{wanted.name}: {unit!r} cannot become {metric.unit}; it can from {known}")
            metric = self._with_unit(wanted, code)
        try:
            return measured(metric, raw)
        except ImplausibleError as error:
            return Fault("implausible", f"{wanted.name}: {error}")

    def _with_unit(self, wanted: _Wanted, code: str) -> Metric:
        """The metric as it is when the line itself tells the unit; declared words alone make new ones, so these are few."""
        key = (wanted.name, code)
        if key not in self._in_unit:
            self._in_unit[key] = replace(wanted.metric, from_unit=code)
        return self._in_unit[key]

    def _examine(self, metrics: Mapping[str, Metric], measurement: str | None) -> None:
        """Refuse names that do not meet: a place that nothing uses is a metric misspelt."""
        shape = self._shape
        numbers = set[str]().union(*(pattern.names("number") for pattern in self._patterns))
        if metrics and measurement is None:
            raise PatternError("measurement: is missing although metrics are declared; name the series they belong to")
        if not metrics and shape.state is None:
            raise PatternError("metrics: none are declared, nor a state, so that nothing would be sent; declare some")
        for wanted in self._wanted:
            if wanted.place not in numbers:
                found = ", ".join(sorted(numbers)) or "none"
                raise PatternError(f"metrics.{wanted.name}: no pattern has a number {{{wanted.place}}}; there are: {found}")
        self._examine_places(numbers)
        if stray := set(shape.counters) - set(metrics):
            raise PatternError(f"counters.{min(stray)}: there is no such metric")
        for word, code in shape.units.items():
            if not any(convertible(code, metric.unit) for metric in metrics.values()):
                raise PatternError(f"units: {word} = '{code}' can become the unit of no metric")

    def _examine_places(self, numbers: set[str]) -> None:
        shape = self._shape
        words = set[str]().union(*(pattern.names("word", "text", "choice") for pattern in self._patterns))
        states = set[str]() if shape.state is None else {shape.state.state, shape.state.code}
        if shape.state is not None and shape.state.state not in words:
            raise PatternError(f"state: no pattern has a word {{{shape.state.state}:word}}")
        for key in ("send_when", "pass_over_when", "faults"):
            for place in getattr(shape, key):
                if place not in words:
                    raise PatternError(
                        f"{key}.{place}: no pattern has a word {{{place}:word}}; there are: {', '.join(sorted(words))}"
                    )
        unused = numbers - {wanted.place for wanted in self._wanted}
        unused |= words - states - {*shape.send_when, *shape.pass_over_when, *shape.faults}
        if unused:
            raise PatternError(
                f"patterns: nothing uses the place {{{min(unused)}}}; declare it, or leave out its name to pass over it"
            )
