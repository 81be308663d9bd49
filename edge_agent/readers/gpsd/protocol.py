"""gpsd's JSON protocol (gpsd_json(5), protocols 2 and 3): from its lines to epochs. Pure.

gpsd reports one instant several times while the receiver's sentences come in; the last report of an instant counts.
"""

import datetime as dt
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

from edge_agent.nmea import Epoch

WATCH: Final = b'?WATCH={"enable":true,"json":true}\r\n'
#: A report of all satellites of all constellations stays below this.
MAX_LINE: Final = 65_536
#: gpsd's errors hold with 95 %, ours with 68 %: the ratio of the two radii of a round normal distribution, and for one axis.
_R95_R68: Final = math.sqrt(math.log(0.05) / math.log(0.32))
_P95_SIGMA: Final = 1.96
#: `status` of TPV: dead reckoning, simulated.
_ESTIMATED: Final = frozenset({5, 8})
_DEVICES: Final = 32
_TIME: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_decoder: Final = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Report:
    """What a receiver of gpsd's knew at one instant."""

    device: str
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Trouble:
    """What gpsd complained of, or what could not be read."""

    what: str


@dataclass(slots=True)
class _Receiver:
    open: Epoch | None = None
    """Reported last; the instant may be reported again."""
    hdop: float | None = None
    sats_used: int | None = None
    gst: tuple[int | None, float] | None = None
    """Time and accuracy of the last error statistics."""


@dataclass(slots=True)
class Session:
    """One connection to gpsd. Memory stays bounded, whatever the server sends."""

    version: str = ""
    lines: int = 0
    """Lines that were gpsd's."""
    devices: set[str] = field(default_factory=set[str])
    """Receivers that it has now, as far as it told."""
    _rest: bytes = b""
    _receivers: dict[str, _Receiver] = field(default_factory=dict[str, _Receiver])

    def feed(self, chunk: bytes) -> Iterator[Report | Trouble]:
        """Take the next bytes."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield from self._line(line.strip())
        if len(self._rest) > MAX_LINE:
            self._rest = b""
            yield Trouble(f"sent more than {MAX_LINE} bytes without an end of line; check that gpsd is there")

    def flush(self) -> Iterator[Report]:
        """Finish what is open: nothing more comes of this instant."""
        for device, receiver in self._receivers.items():
            if receiver.open is not None:
                yield Report(device, receiver.open)
                receiver.open = None

    def _line(self, line: bytes) -> Iterator[Report | Trouble]:
        message = _decoded(line)
        if message is None:
            yield Trouble(f"sent {line[:40]!r}, which is not gpsd's JSON; a server of NMEA sentences is for the reader 'nmea'")
            return
        self.lines += 1
        match message["class"]:
            case "TPV":
                yield from self._tpv(message)
            case "SKY":
                self._sky(message)
            case "GST":
                self._gst(message)
            case "VERSION":
                self.version = str(message.get("release", ""))[:32]
            case "DEVICES":
                self._all_devices(message)
            case "DEVICE":
                yield from self._device_changed(message)
            case "ERROR":
                yield Trouble(f"complains: {str(message.get('message', ''))[:120]}")
            case _:
                pass  # WATCH, TOFF, PPS, ATT and what is new are not for us

    def _sky(self, message: dict[str, Any]) -> None:
        receiver = self._of(message)
        receiver.hdop = _number(message, "hdop") or receiver.hdop
        used, satellites = _number(message, "uSat"), message.get("satellites")
        if used is not None:
            receiver.sats_used = int(used)
        elif isinstance(satellites, list):  # before 3.20 nobody counted for us
            listed = cast("list[Any]", satellites)
            receiver.sats_used = sum(isinstance(one, dict) and cast("Any", one).get("used") is True for one in listed)

    def _gst(self, message: dict[str, Any]) -> None:
        lat, lon = _number(message, "lat"), _number(message, "lon")
        if lat is not None and lon is not None:
            self._of(message).gst = _time_ns(message.get("time")), math.hypot(lat, lon)

    def _all_devices(self, message: dict[str, Any]) -> None:
        listed, self.devices = message.get("devices"), set()
        for one in cast("list[Any]", listed) if isinstance(listed, list) else []:
            if isinstance(one, dict):
                self._device(cast("dict[str, Any]", one))

    def _tpv(self, message: dict[str, Any]) -> Iterator[Report]:
        device = _device_of(message)
        receiver = self._of(message)
        epoch = self._epoch(message, receiver)
        done, receiver.open = receiver.open, epoch
        if done is not None and not (done.time_ns == epoch.time_ns or epoch.time_ns is None):
            yield Report(device, done)
        elif done is not None and done.time_ns is not None and epoch.time_ns is None:
            # Of a void instant gpsd tells no time; what it told before is over.
            yield Report(device, done)

    def _epoch(self, message: dict[str, Any], receiver: _Receiver) -> Epoch:
        mode, time_ns = _number(message, "mode"), _time_ns(message.get("time"))
        lat, lon = _number(message, "lat"), _number(message, "lon")
        placed = lat is not None and lon is not None and -90 <= lat <= 90 and -180 <= lon <= 180
        # `status` 0 meant no fix before 3.20; later it is left out, or unknown.
        if mode not in {2.0, 3.0} or not placed:
            return Epoch(time_ns=time_ns, hdop=receiver.hdop, sats_used=receiver.sats_used)
        altitude = _number(message, "altMSL")
        speed, track = _number(message, "speed"), _number(message, "track")
        return Epoch(
            time_ns=time_ns,
            mode=int(mode),
            lat=lat,
            lon=lon,
            alt_msl=_number(message, "alt") if altitude is None else altitude,
            speed_mps=speed if speed is None or speed >= 0 else None,
            course_deg=track if track is None or 0 <= track <= 360 else None,
            hdop=receiver.hdop,
            sats_used=receiver.sats_used,
            accuracy_m=_accuracy(message, receiver, time_ns),
            estimated=_number(message, "status") in _ESTIMATED,
        )

    def _device(self, message: dict[str, Any]) -> None:
        path = message.get("path")
        if isinstance(path, str) and len(self.devices) < _DEVICES:
            self.devices.add(path)

    def _device_changed(self, message: dict[str, Any]) -> Iterator[Trouble]:
        path, activated = message.get("path"), message.get("activated")
        if not isinstance(path, str):
            return
        if not activated:  # gpsd let go of it; text or a positive number: when it took it
            if path in self.devices:
                self.devices.discard(path)
                yield Trouble(f"lost the receiver {path[:120]}; check whether it was unplugged")
        else:
            self._device(message)

    def _of(self, message: dict[str, Any]) -> _Receiver:
        device = _device_of(message)
        if device not in self._receivers and len(self._receivers) >= _DEVICES:
            return _Receiver()
        return self._receivers.setdefault(device, _Receiver())


def _decoded(line: bytes) -> dict[str, Any] | None:
    """A message of gpsd's, or `None` where it is none."""
    try:
        decoded: object = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(decoded, dict):
        return None
    message = cast("dict[str, Any]", decoded)
    return message if isinstance(message.get("class"), str) else None


def _device_of(message: dict[str, Any]) -> str:
    """A gpsd with one receiver need not say which."""
    device = message.get("device")
    return device[:256] if isinstance(device, str) else ""


def _accuracy(message: dict[str, Any], receiver: _Receiver, time_ns: int | None) -> float | None:
    if receiver.gst is not None and receiver.gst[0] == time_ns:
        return receiver.gst[1]
    eph, epx, epy = (_number(message, key) for key in ("eph", "epx", "epy"))
    if eph is not None and eph > 0:
        return eph / _R95_R68
    if epx is not None and epy is not None and min(epx, epy) >= 0 and epx + epy > 0:
        return math.hypot(epx, epy) / _P95_SIGMA
    return None


def _number(message: dict[str, Any], key: str) -> float | None:
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _time_ns(value: object) -> int | None:
    """ISO 8601; protocol 2 of old also sent seconds since 1970."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e10:
        return int(value * 1000) * 1_000_000
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    second = min(int(match[6]), 59)
    try:
        moment = dt.datetime(int(match[1]), int(match[2]), int(match[3]), int(match[4]), int(match[5]), second, tzinfo=dt.UTC)
    except ValueError:
        return None
    leap = int(match[6]) - second  # 23:59:60 is the first instant of the next day
    return (int(moment.timestamp()) + leap) * 1_000_000_000 + int((match[7] or "0").ljust(9, "0")) if leap < 2 else None
