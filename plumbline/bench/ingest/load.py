"""What the gateways of this benchmark send: environment stations, three values each, one or two decimals.

The messages are those of an agent, byte for byte: `plumbline.codec` and `plumbline.compression` make the batches, and an
event here is what `codec.encode` writes of it (a test holds the two together). Times end now, a second apart per device.
"""

import itertools
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from plumbline import codec, topics
from plumbline.compression import compressed
from plumbline.delivery import BatchHeader
from plumbline.ids import new_epoch

SITE: Final = "bench"
MEASUREMENT: Final = "environment"
#: A metric that every point has: what is counted in the store.
COUNTED: Final = "noise_dba"
_SECOND: Final = 1_000_000_000
_ZONES: Final = 8
_BOOT: Final = b"9d0b1c1e-7c53-4a7e-9d0f-3b1f6f0f2a51"


def _walk(length: int, *, start: float, step: float, low: float, high: float, decimals: int) -> list[bytes]:
    """A random walk between two bounds as JSON numbers, the same in every run."""
    told: list[bytes] = []
    rng, value = random.Random(length), start  # noqa: S311 - weather, not secrets
    for _ in range(length):
        value = min(high, max(low, value + rng.uniform(-step, step)))
        told.append(repr(round(value, decimals)).encode())
    return told


# Lengths without a common factor: what they say together repeats only after 10^9 seconds.
_NOISE: Final = _walk(997, start=61.0, step=3.0, low=35.0, high=105.0, decimals=1)
_DUST: Final = _walk(1009, start=14.0, step=0.8, low=0.5, high=250.0, decimals=1)
_WARMTH: Final = _walk(1013, start=21.0, step=0.06, low=-10.0, high=45.0, decimals=2)


class Message(NamedTuple):
    """One MQTT message and what is in it."""

    topic: str
    payload: bytes
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many events of so many gateways, in messages of so many events; the last message of a gateway may be smaller."""

    events: int
    per_message: int = 100
    gateways: int = 4
    devices: int = 50
    """Stations of each gateway."""
    compress: bool = True
    """As the agent's `compression = "auto"`; the peers cannot read what is compressed."""
    now: int = field(default_factory=time.time_ns)
    epoch: str = field(default_factory=new_epoch)

    @property
    def shares(self) -> list[int]:
        """How many events each gateway sends."""
        whole, rest = divmod(self.events, self.gateways)
        return [whole + (number < rest) for number in range(self.gateways)]

    @property
    def start(self) -> int:
        """When the first event happened, ns."""
        return self.now - (max(self.shares) // self.devices + 2) * _SECOND

    def gateway(self, number: int) -> str:
        """A gateway's name."""
        return f"gw-{number + 1}"

    def device(self, gateway: int, number: int) -> str:
        """A station's name."""
        return f"env-{gateway + 1}-{number + 1:02d}"

    def batches(self) -> Iterator[tuple[int, int, int]]:
        """Gateway, first and last number of each message, in the order in which they are sent: the gateways in turn."""
        each = [
            [(gateway, first, min(share, first + self.per_message - 1)) for first in range(1, share + 1, self.per_message)]
            for gateway, share in enumerate(self.shares)
        ]
        return (batch for turn in itertools.zip_longest(*each) for batch in turn if batch is not None)

    def messages(self) -> Iterator[Message]:
        """All of them, in order."""
        streams = [self._events(gateway, share) for gateway, share in enumerate(self.shares)]
        for gateway, first, last in self.batches():
            header = BatchHeader(
                site=SITE, gateway=self.gateway(gateway), epoch=self.epoch, event_class="telemetry", ranges=((first, last),)
            )
            batch = codec.encode_batch(header, list(itertools.islice(streams[gateway], last - first + 1)))
            topic = topics.events(SITE, self.gateway(gateway), "telemetry")
            yield Message(topic, compressed(batch) if self.compress else batch, last - first + 1)

    def _events(self, gateway: int, share: int) -> Iterator[bytes]:
        """A gateway's events in the form of `codec.encode`."""
        tail = random.Random(f"{self.epoch}{gateway}").getrandbits  # noqa: S311 - ids of a benchmark
        name, epoch, site = self.gateway(gateway).encode(), self.epoch.encode(), SITE.encode()
        boot, kind = _BOOT, MEASUREMENT.encode()
        for seq, device, at, noise, dust, warmth in self._rows(gateway, share):
            ms = b"%012x" % (at // 1_000_000)
            yield (
                b'{"kind":"reading","id":"%b-%b-7%03x-8%03x-%012x","site":"%b","gateway":"%b","device":"%b","at":%d,'
                b'"clock":{"quality":"ntp","boot":"%b","mono":%d},"epoch":"%b","seq":%d,"measurement":"%b",'
                b'"values":{"noise_dba":%b,"pm25_ugm3":%b,"temperature_c":%b}}'
            ) % (
                *(ms[:8], ms[8:], tail(12), tail(12), tail(48), site, name, device, at),
                *(boot, at - self.start + 10**12, epoch, seq, kind, noise, dust, warmth),
            )

    def _rows(self, gateway: int, share: int) -> Iterator[tuple[int, bytes, int, bytes, bytes, bytes]]:
        """Number, device, time and values of each event of a gateway."""
        devices = [self.device(gateway, number).encode() for number in range(self.devices)]
        start = self.start + gateway * 1000
        for index in range(share):
            second, number = divmod(index, self.devices)
            step = second + 37 * number + 101 * gateway
            at = start + second * _SECOND + number * 1_000_000
            yield index + 1, devices[number], at, _NOISE[step % 997], _DUST[step % 1009], _WARMTH[step % 1013]

    def bodies(self, gateways: Iterable[int], lines: int = 5_000) -> Iterator[bytes]:
        """The points of some gateways' events as ready-made bodies of `POST /write`, each of so many lines."""
        each = [self._lines(gateway, self.shares[gateway]) for gateway in gateways]
        together = (line for turn in itertools.zip_longest(*each) for line in turn if line is not None)
        while body := list(itertools.islice(together, lines)):
            yield b"\n".join(body)

    def _lines(self, gateway: int, share: int) -> Iterator[bytes]:
        """A gateway's points in line protocol, tags in the order that InfluxDB likes best."""
        heads: dict[bytes, bytes] = {}
        for number in range(self.devices):
            name = self.device(gateway, number)
            heads[name.encode()] = f"{MEASUREMENT},device={name},site={SITE},zone={_zone(number)}".encode()
        for _, device, at, noise, dust, warmth in self._rows(gateway, share):
            yield b"%b noise_dba=%b,pm25_ugm3=%b,temperature_c=%b %d" % (heads[device], noise, dust, warmth, at)

    def site_file(self) -> str:
        """The site where the stations stand, each in a zone, as `plumbline.site` reads it."""
        parts = [f'id = "{SITE}"\ntitle_en = "Bench"\ntitle_zh = "测试"\ntimezone = "Asia/Shanghai"\nlat = 31.2\nlon = 121.4\n']
        for number in range(_ZONES):
            west, south = 121.4 + number * 0.001, 31.2
            corners = [
                [round(west + x, 4), round(south + y, 4)] for x, y in ((0, 0), (0.0009, 0), (0.0009, 0.0009), (0, 0.0009))
            ]
            parts.append(
                f'[[zones]]\nid = "{_zone(number)}"\ntitle_en = "Zone {number}"\ntitle_zh = "{number}区"\nkind = "work"\n'
                f"polygon = {corners}\n"
            )
        parts += (
            f'[[devices]]\nid = "{name}"\ntitle_en = "{name}"\ntitle_zh = "{name}"\nkind = "environment"\nzone = "{_zone(number)}"\n'
            for gateway in range(self.gateways)
            for number, name in ((number, self.device(gateway, number)) for number in range(self.devices))
        )
        return "\n".join(parts)


def _zone(number: int) -> str:
    return f"zone-{number % _ZONES}"
