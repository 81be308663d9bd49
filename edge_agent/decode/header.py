"""What a picture file claims to be, read from its first bytes, so that a bomb is refused before anything is unpacked.

Sources: PNG (ISO/IEC 15948, 11.2.2), JPEG (ITU-T T.81, B.2.2), WebP (RFC 9649, 2.4-2.7), BMP (`BITMAPINFOHEADER`),
PGM/PPM (netpbm). Other formats are refused: every format more is a parser more that a stranger's file can attack.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final, Literal

from edge_agent.decode.errors import DecodeError

PictureFormat = Literal["JPEG", "PNG", "WebP", "BMP", "PNM"]
#: File name endings of the formats read here, lower case.
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".pgm", ".ppm"})

_PNM: Final = re.compile(rb"P[2356]\s+(?:#[^\n]*\n\s*)*(\d{1,6})\s+(?:#[^\n]*\n\s*)*(\d{1,6})\s")
#: JPEG markers that start a frame: SOF0..SOF15 without DHT (C4), JPG (C8) and DAC (CC).
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_SCAN: Final = 0xDA
#: Formats that people will try, by their first bytes, and by their brand (ISO/IEC 14496-12, 4.3).
_STARTS: Final = {b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"%PDF": "PDF", b"\xff\x0a": "JPEG XL", b"<svg": "SVG"}
_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's format, its size in pixels, and whether it can be transparent."""

    format: PictureFormat
    width: int
    height: int
    transparent: bool = False


def read_header(data: bytes) -> Header:
    """Read what `data` claims to be. Raises `DecodeError` where it is no picture, or a picture that is cut off."""
    try:
        header = _sniff(data)
    except (struct.error, IndexError):
        raise DecodeError("the picture is cut off within its header; copy or take it again") from None
    if header is None:
        name = _name_of_refused(data)
        what = f"is a {name} picture, which is not read here" if name else "is not a JPEG, PNG, WebP, BMP or PGM picture"
        raise DecodeError(f"{what}; save it as JPEG or PNG")
    if header.width < 1 or header.height < 1:
        raise DecodeError(f"the {header.format} header says {header.width} x {header.height} pixels; the file is damaged")
    return header


def _name_of_refused(data: bytes) -> str | None:
    """The format that the file's maker would name, so that the refusal says what to look for."""
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    return next((name for start, name in _STARTS.items() if data.startswith(start)), None)


def _sniff(data: bytes) -> Header | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith(b"BM") and len(data) >= 26 and struct.unpack_from("<I", data, 14)[0] >= 40:
        width, height = struct.unpack_from("<ii", data, 18)
        return Header("BMP", width, abs(height))
    if match := _PNM.match(data[:512]):
        return Header("PNM", int(match[1]), int(match[2]))
    return None


def _png(data: bytes) -> Header:
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    if b"IEND" not in data[-64:] and b"IEND" not in data:
        raise DecodeError("the PNG picture is cut off (it has no end chunk); copy or take it again")
    return Header("PNG", width, height, transparent=colour in {4, 6} or b"tRNS" in data[: data.find(b"IDAT")])


def _jpeg(data: bytes) -> Header:
    size: tuple[int, int] | None = None
    at = 2
    while True:
        while data[at] != 0xFF or data[at + 1] == 0xFF:
            at += 1
        marker = data[at + 1]
        if marker in _STANDALONE:
            at += 2
            continue
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        if marker == _START_OF_SCAN:
            break
        at += 2 + max(2, int(struct.unpack_from(">H", data, at + 2)[0]))
    if size is None:
        raise DecodeError("the JPEG header gives no size; the file is damaged")
    if data.rfind(b"\xff\xd9") < at:
        raise DecodeError("the JPEG picture is cut off (it has no end marker); copy or take it again")
    return Header("JPEG", *size)


def _webp(data: bytes) -> Header:
    if len(data) < 8 + struct.unpack_from("<I", data, 4)[0] - 1:  # some writers count the padding byte that they leave out
        raise DecodeError("the WebP picture is cut off; copy or take it again")
    kind = data[12:16]
    if kind == b"VP8X":
        flags = data[20]
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        if flags & 0x02:
            raise DecodeError("is an animation; save the one frame that shows the code")
        return Header("WebP", width, height, transparent=bool(flags & 0x10))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, transparent=bool(bits >> 28 & 1))
    width, height = struct.unpack_from("<HH", data, 26)
    return Header("WebP", width & 0x3FFF, height & 0x3FFF)
