"""From a device's JSON to events that lack their header, as its declaration says. Pure."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, Literal, TypeVar

from plumbline.dialects.declaration import Declaration
from plumbline.dialects.document import FieldError, Json, number, quantity, shown, text
from plumbline.event import CheckIn, Event, Fix, Reading, State
from plumbline.measure import ImplausibleError, measured
from plumbline.profile import CheckInFields, FixFields, Metric, StateFields

W = TypeVar("W", bound=str)
F = TypeVar("F", StateFields, CheckInFields)

StateWord = Literal["off", "idle", "working", "fault"]
DirectionWord = Literal["in", "out"]
_STATES: Final[Mapping[str, StateWord]] = {"off": "off", "idle": "idle", "working": "working", "fault": "fault"}
_DIRECTIONS: Final[Mapping[str, DirectionWord]] = {"in": "in", "out": "out"}
#: Optional fields of a fix and between which values they can be true.
_FIX_EXTRAS: Final = (
    ("accuracy_m", 0.0, 100_000.0),
    ("alt_m", -500.0, 10_000.0),
    ("speed_mps", 0.0, 400.0),
    ("course_deg", 0.0, 360.0),
)

Found = partial[Event] | FieldError
"""An event without its header, or what was wrong with one value."""


def events(declaration: Declaration, document: Json) -> Iterator[Found]:
    """Everything that one message says: what the business needs first, then the measurements."""
    if declaration.state is not None:
        yield _or_error(state_of, declaration.state, document)
    if declaration.check_in is not None:
        yield _or_error(_check_in, declaration.check_in, document)
    if declaration.fix is not None:
        yield from fixes(declaration.fix, document)
    if declaration.measurement is not None and declaration.metrics:
        yield from _reading(declaration.measurement, declaration.metrics, document, texts=declaration.texts)


def _or_error(make: Callable[[F, Json], partial[Event]], fields: F, document: Json) -> Found:
    try:
        return make(fields, document)
    except FieldError as error:
        return error


def state_of(fields: StateFields, document: Json) -> partial[Event]:
    """The machine's state. Raises `FieldError` where it is missing or not one of the declared words."""
    state = _word(document, fields.state, fields.words, _STATES)
    return partial(State, state=state, code=text(document, fields.code))


def _check_in(fields: CheckInFields, document: Json) -> partial[Event]:
    return partial(
        CheckIn,
        person=_needed(document, fields.person),
        place=fields.fixed_place or _needed(document, fields.place),
        direction=fields.fixed_direction or _word(document, fields.direction, fields.words, _DIRECTIONS),
        method=fields.method,
        role=text(document, fields.role),
    )


def fixes(fields: FixFields, document: Json) -> Iterator[Found]:
    """The position, if there is one; what is wrong with it, or with what stands beside it."""
    try:
        lat, lon = number(document, fields.lat), number(document, fields.lon)
    except FieldError as error:
        yield error
        return
    if lat is None or lon is None:
        return  # a tracker without a fix says so by leaving the position out
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        yield FieldError(f"{fields.lat}, {fields.lon}: {lat:g}, {lon:g} is nowhere on Earth; degrees are expected")
        return
    if lat == 0 and lon == 0:
        yield FieldError(f"{fields.lat}, {fields.lon}: 0, 0 is what trackers send without a fix; passed over")
        return
    extra: dict[str, float | None] = {}
    for key, low, high in _FIX_EXTRAS:
        path = getattr(fields, key)
        try:
            value = number(document, path)
        except FieldError as error:
            yield error
            continue
        if value is not None and not low <= value <= high:
            yield FieldError(f"{path}: {value:g} is outside {low:g} to {high:g}")
            continue
        extra[key] = value
    yield partial(Fix, lat=lat, lon=lon, mode=2 if extra.get("alt_m") is None else 3, **extra)


def _reading(measurement: str, metrics: Mapping[str, Metric], document: Json, *, texts: bool) -> Iterator[Found]:
    values: dict[str, float] = {}
    for name, metric in metrics.items():
        path = name if metric.path is None else metric.path
        try:
            raw = quantity(document, path, texts=texts)
        except FieldError as error:
            yield error
            continue
        if raw is None:
            continue  # null is how a device says that it does not know
        try:
            value = measured(metric, raw)
        except ImplausibleError as error:
            yield FieldError(f"{path or 'the message'}: {error}")
            continue
        values[name] = value
    if values:
        yield partial(Reading, measurement=measurement, values=values)


def _needed(document: Json, path: str) -> str:
    value = text(document, path)
    if value is None:
        raise FieldError(f"{path or 'the message'}: is missing")
    return value


def _word(document: Json, path: str, words: Mapping[str, W], known: Mapping[str, W]) -> W:
    word = _needed(document, path)
    found = words.get(word) or known.get(word)
    if found is None:
        raise FieldError(
            f"{path or 'the message'}: {shown(word)} is none of {', '.join([*words, *known])}; declare it under 'words'"
        )
    return found
