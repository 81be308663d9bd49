"""Simulated devices, each behind the interface that the real one has."""

import asyncio
import io
import json
import math
import os
import random
import tty
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import segno
import structlog
from PIL import Image, ImageDraw, ImageFilter

from plumbline.errors import MqttError
from plumbline.mqtt import Connection, keep_connected

_log = structlog.get_logger()

_KNOTS_PER_MPS: Final = 3600 / 1852


class SerialDevice:
    """A device on a serial port: a pseudo-terminal whose far end is linked under a stable name, as udev's by-id does."""

    def __init__(self, link: Path) -> None:
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._far))
        self.port = link

    def send(self, data: bytes) -> None:
        """Put bytes on the line. Where nobody reads, a real device's bytes are lost too."""
        try:
            os.write(self._near, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Unplug."""
        os.close(self._near)
        os.close(self._far)
        self.port.unlink(missing_ok=True)


def sentence(body: str) -> bytes:
    """An NMEA 0183 sentence: `$`, body, `*`, XOR of the body, CR LF."""
    checksum = 0
    for byte in body.encode("ascii"):
        checksum ^= byte
    return f"${body}*{checksum:02X}\r\n".encode("ascii")


def epoch(now: datetime, lat: float, lon: float, speed_mps: float, course_deg: float) -> bytes:
    """What a receiver says each second: RMC and GGA of one epoch."""
    clock, day = now.astimezone(UTC).strftime("%H%M%S.00"), now.astimezone(UTC).strftime("%d%m%y")
    where = f"{_angle(lat, 2)},{'N' if lat >= 0 else 'S'},{_angle(lon, 3)},{'E' if lon >= 0 else 'W'}"
    return sentence(f"GNRMC,{clock},A,{where},{speed_mps * _KNOTS_PER_MPS:.2f},{course_deg:.1f},{day},,,A") + sentence(
        f"GNGGA,{clock},{where},1,12,0.8,6.5,M,11.2,M,,"
    )


def _angle(degrees: float, width: int) -> str:
    whole = math.floor(abs(degrees))
    return f"{whole:0{width}d}{(abs(degrees) - whole) * 60:08.5f}"


class Sensors:
    """Devices that publish JSON on the gateway's broker: sensors, phones, the turnstile, the cranes' telemetry.

    While the broker is away they keep their last 1,000 messages.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(maxsize=1000)
        self._sending: tuple[str, bytes] | None = None

    def publish(self, device: str, subject: str, values: dict[str, Any]) -> None:
        """Publish one message as the device would: QoS 1, and on to the next."""
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait((f"devices/{device}/{subject}", json.dumps(values).encode()))

    async def run(self) -> None:
        """Bring the messages to the broker until cancelled; one that was cut off is sent again."""
        await keep_connected(self._connect, self._session, on_failure=self._lost)

    async def _session(self, connection: Connection) -> None:
        while True:
            self._sending = self._sending or await self._waiting.get()
            await connection.publish(*self._sending)
            self._sending = None

    def _lost(self, error: MqttError, wait_s: float) -> None:
        _log.warning("broker away, will try again", devices="demo", error=str(error), wait_s=round(wait_s, 3))


class Camera:
    """The gate camera: pictures of labels on cardboard appear in a folder."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._dice = dice
        self._taken = 0

    def take(self, labels: Sequence[str], now: datetime) -> None:
        """Take a picture; it appears whole, under its final name."""
        self._taken += 1
        name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{self._taken:04d}.jpg"
        hidden = self._folder / f".{name}.part"
        hidden.write_bytes(picture(labels, self._dice))
        hidden.rename(self._folder / name)


def picture(labels: Sequence[str], dice: random.Random) -> bytes:
    """A JPEG of QR labels, slightly turned, blurred and unevenly lit, as a gate camera sees them."""
    photo = Image.new("RGB", (1280, 720), (128, 116, 98))
    draw = ImageDraw.Draw(photo)
    for _ in range(60):
        x, y = dice.randrange(1280), dice.randrange(720)
        shade = dice.randrange(88, 132)
        draw.line(
            [(x, y), (x + dice.randrange(40, 260), y + dice.randrange(-6, 6))], fill=(shade, shade - 10, shade - 24), width=2
        )
    for i, text in enumerate(labels):
        label = _label(text).rotate(dice.uniform(-9, 9), expand=True, resample=Image.Resampling.BICUBIC)
        left = round((i + 0.5) * 1280 / len(labels) - label.width / 2 + dice.uniform(-30, 30))
        photo.paste(label, (left, round(360 - label.height / 2 + dice.uniform(-60, 60))), label)
    photo = photo.filter(ImageFilter.GaussianBlur(0.8))
    shade = Image.linear_gradient("L").resize(photo.size).point([150 + grey * 100 // 255 for grey in range(256)])
    photo = Image.composite(photo, Image.new("RGB", photo.size, (20, 18, 16)), shade)
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=86)
    return out.getvalue()


def _label(text: str) -> Image.Image:
    code = io.BytesIO()
    segno.make_qr(text, error="m").save(code, kind="png", scale=8, border=4)
    symbol = Image.open(code).convert("RGBA")
    label = Image.new("RGBA", (symbol.width + 40, symbol.height + 70), (250, 249, 244, 255))
    label.paste(symbol, (20, 14))
    ImageDraw.Draw(label).text((label.width / 2, label.height - 40), text, fill=(20, 20, 20), anchor="mm", font_size=20)
    return label
