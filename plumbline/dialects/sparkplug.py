"""Machines that speak Sparkplug B (Eclipse Sparkplug 3.0.0).

    spBv1.0/<group>/NBIRTH|NDATA|NDEATH/<node>             an edge node: what it has, what changed, that it is gone
    spBv1.0/<group>/DBIRTH|DDATA|DDEATH/<node>/<device>    a device behind it

Births name the metrics, their types and units; data messages often give numbers (aliases) instead of names. We only listen:
where a birth was missed, the host application of the plant must ask for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from plumbline.dialects.document import FieldError, Json
from plumbline.dialects.family import Family, FamilySettings, Value
from plumbline.dialects.memory import Memory
from plumbline.dialects.naming import joined, metric_name
from plumbline.dialects.said import Said, Trouble
from plumbline.dialects.sparkplug_payload import COMPOUND, DATETIME, Payload, SparkplugMetric, fits, payload, typed
from plumbline.dialects.told_time import told_ns
from plumbline.dialects.topic_filter import is_filter
from plumbline.dialects.unit_words import ucum
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile, Metric

__all__ = ["Settings", "Sparkplug", "build"]

_NODE_KINDS: Final = ("NBIRTH", "NDATA", "NDEATH")
_DEVICE_KINDS: Final = ("DBIRTH", "DDATA", "DDEATH")
#: Metrics with which a node is commanded and describes itself.
_BESIDE: Final = ("Node Control/", "Device Control/", "Node Info/", "Device Info/", "Node Properties/", "Properties/")
_BDSEQ: Final = "bdSeq"
_GOOD: Final = 192
_REBIRTH: Final = "let the host application ask for 'Node Control/Rebirth', or restart the node"


class Settings(FamilySettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Machines that speak Sparkplug B. `names` takes `group/node` and `group/node/device`."""

    group: str = "+"
    """The group to listen to; `+`: all."""
    namespace: str = "spBv1.0"
    """The first level of the topics."""


class _Known(NamedTuple):
    """What a birth said about a metric."""

    name: str
    datatype: int | None
    unit: str | None


@dataclass(slots=True)
class _Node:
    """What is remembered about an edge node; `generation` counts its births."""

    generation: int = 0
    seq: int | None = None
    bdseq: int | None = None
    born: bool = False


class Sparkplug:
    """Reads what edge nodes publish (see `plumbline.dialects.Dialect`). Raises `SettingsError` for a wrong group."""

    def __init__(self, settings: Settings) -> None:
        space, group = settings.namespace, settings.group
        if not space or set(space) & {"+", "#", "/"} or not group or (group != "+" and set(group) & {"+", "#", "/"}):
            raise SettingsError(f"group: '{space}/{group}' is not a namespace and a group; write for example group = 'site-7'")
        self.filters = (
            *(f"{space}/{group}/{kind}/+" for kind in _NODE_KINDS),
            *(f"{space}/{group}/{kind}/+/+" for kind in _DEVICE_KINDS),
        )
        if not all(map(is_filter, self.filters)):
            raise SettingsError(f"group: '{group}' makes no MQTT filter; write for example group = 'site-7'")
        self._space = space
        self._family = Family(settings)
        self._nodes: Memory[tuple[str, str], _Node] = Memory(1024)
        self._known: Memory[tuple[str, str, int, str, str | int], _Known] = Memory(16_384)
        self._reported: Memory[tuple[str, str], bool] = Memory()

    def read(self, topic: str, payload_: bytes) -> Iterator[Said | Trouble]:
        """What a message says."""
        levels = topic.split("/")
        if len(levels) not in {4, 5} or levels[0] != self._space:
            return
        group, kind, node = levels[1:4]
        if kind not in (_NODE_KINDS if len(levels) == 4 else _DEVICE_KINDS):
            return
        names = joined(*levels[1:2], *levels[3:]), "/".join([group, *levels[3:]])
        device = self._family.namer.name(*names)
        try:
            message = payload(payload_)
        except FieldError as error:
            yield Trouble(device, str(error))
            return
        yield from self._family.named(*names)
        about = self._nodes.get((group, node)) or _Node()
        self._nodes.put((group, node), about)
        if kind == "NDEATH":
            yield from self._death(device, about, message)
            return
        yield from _order(kind, device, about, message)
        if kind == "DDEATH":
            yield Trouble(device, "is offline (DDEATH); check the device and its line to the edge node", lost=False)
            return
        if kind == "NBIRTH":
            about.generation += 1
            about.born = True
            about.bdseq = _bdseq(message)
        elif not about.born:
            what = f"no birth of its node was heard: what has no name is not understood; {_REBIRTH}"
            yield from self._once(device, "\0birth", what)
        yield from self._metrics(device, (group, node, about.generation, levels[4] if len(levels) == 5 else ""), message, kind)

    def _death(self, device: str, about: _Node, message: Payload) -> Iterator[Trouble]:
        told = _bdseq(message)
        if about.born and None not in {told, about.bdseq} and told != about.bdseq:
            return  # the will of an earlier connection, overtaken by a new birth (Sparkplug 3.0.0, 6.4.16)
        about.born, about.seq = False, None
        what = "is offline (NDEATH), and with it the devices behind it; check its power and network"
        yield Trouble(device, what, lost=False)

    def _metrics(self, device: str, place: tuple[str, str, int, str], message: Payload, kind: str) -> Iterator[Said | Trouble]:
        by_time: dict[int | None, list[Value]] = {}
        nameless = 0
        for metric in message.metrics:
            if kind.endswith("BIRTH"):
                self._learn(place, metric)
            known = self._recall(place, metric)
            if known is None:
                nameless += 1
            elif not metric.is_null and known.name != _BDSEQ:
                value = _value(known, metric)
                if isinstance(value, Value):
                    stamp = metric.timestamp_ms if metric.timestamp_ms is not None else message.timestamp_ms
                    by_time.setdefault(stamp, []).append(value)
                else:
                    yield from self._once(device, known.name, value)
        if nameless:
            yield from self._once(
                device, f"\0{place[2]}", f"{nameless} metrics have a number that no birth explained; {_REBIRTH}"
            )
        for stamp, values in by_time.items():
            at_ns: int | None = None
            try:
                at_ns = told_ns(stamp, "unix_ms")
            except FieldError as error:
                yield from self._once(device, "\0time", f"timestamp: {error}; the time of arrival is taken")
            yield from self._family.read(device, values, at_ns)

    def _once(self, device: str, key: str, what: str) -> Iterator[Trouble]:
        if self._reported.first((device, key), True):
            yield Trouble(device, what, lost=False)

    def _learn(self, place: tuple[str, str, int, str], metric: SparkplugMetric) -> None:
        if metric.name is None:
            return
        group, node, generation, device = place
        known = _Known(metric.name, metric.datatype, metric.unit)
        self._known.put((group, node, generation, device, metric.name), known)
        if metric.alias is not None:
            self._known.put((group, node, generation, device, metric.alias), known)

    def _recall(self, place: tuple[str, str, int, str], metric: SparkplugMetric) -> _Known | None:
        group, node, generation, device = place
        if metric.name is not None:
            known = self._known.get((group, node, generation, device, metric.name))
        elif metric.alias is not None:
            known = self._known.get((group, node, generation, device, metric.alias))
            if known is None:  # unique in the whole node (Sparkplug 3.0.0, 6.4.6), but many number each device anew
                known = self._known.get((group, node, generation, "", metric.alias))
        else:
            return None
        if known is None:
            return _Known(metric.name, metric.datatype, metric.unit) if metric.name is not None else None
        return known._replace(datatype=metric.datatype or known.datatype, unit=metric.unit or known.unit)


def build(settings: Settings, profiles: Mapping[str, DeviceProfile]) -> Sparkplug:  # noqa: ARG001 - births tell what there is
    """Make the dialect. Raises `SettingsError`."""
    return Sparkplug(settings)


def _order(kind: str, device: str, about: _Node, message: Payload) -> Iterator[Trouble]:
    """Notice what is missing: `seq` counts a node's messages from its birth, modulo 256."""
    before, about.seq = about.seq, message.seq
    if kind == "NBIRTH" or before is None or message.seq is None:
        return
    missing = (message.seq - before - 1) % 256
    if missing and message.seq != before:
        what = f"{missing} messages are missing before number {message.seq}; check the network of its node"
        yield Trouble(device, what, lost=False)


def _bdseq(message: Payload) -> int | None:
    found = next((metric.value for metric in message.metrics if metric.name == _BDSEQ), None)
    return found if isinstance(found, int) else None


def _value(known: _Known, metric: SparkplugMetric) -> Value | str:
    """The value for the family, or why it is passed over."""
    compound = metric.compound or COMPOUND.get(known.datatype or 0)
    if compound is not None:
        return f"{known.name}: is {compound}; passed over"
    if metric.quality is not None and metric.quality != _GOOD:
        return f"{known.name}: its quality is {metric.quality}, not {_GOOD} (good); not sent until it is"
    if not fits(metric.value, known.datatype):
        return f"{known.name}: its value is not of the type that its birth told; {_REBIRTH}"
    raw: Json = typed(metric.value, known.datatype)
    if known.name.startswith(_BESIDE) or known.datatype == DATETIME:
        return Value(known.name, raw, beside=True)
    unit = ucum(known.unit or "")
    if unit is None:
        return Value(known.name, raw)
    title = known.name[:64]
    return Value(known.name, raw, name=metric_name(known.name), metric=Metric(unit=unit, title_en=title, title_zh=title))
