"""The manifest: what a site expects and already has, so that a gateway can answer a scan without any server.

Tracking publishes it whole and retained (`plumbline.topics.manifest`), as zlib-compressed JSON, and again whenever something
in it changed. `version` grows with every change within an `epoch`, which is made with tracking's database. A gateway keeps the
newest on its disk, adds the scans that it took since, and links each new one by the same rules as tracking
(`plumbline.linking`).
"""

import hashlib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from plumbline.codec import decode_as
from plumbline.compression import expanded
from plumbline.errors import CodecError
from plumbline.event import Name, Nanoseconds, ShortText

#: What a message may have (deploy/mosquitto allows a little more), and what is read of it.
MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
MAX_BYTES: Final = 48 * 1024 * 1024
#: The version of this form.
FORM: Final = 1

Code = Annotated[str, Meta(min_length=1, max_length=256)]
Piece = Annotated[str, Meta(min_length=1, max_length=300)]
#: Exact, as text: `8`, `2.5`; at most six decimals.
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,16}(\.[0-9]{1,6})?(?!\n)$")]


class ExpectedCode(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another code of a line: a pack, a supplier's number, what a clerk taught."""

    code: Code
    """A GTIN in 14 digits, or a text."""
    quantity: Amount = "1"
    """So much of the line is one thing under this code."""


class ExpectedLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A material line of an order, and what has arrived of it."""

    line: Name
    title_en: ShortText
    title_zh: ShortText
    unit: ShortText
    quantity: Amount
    """How much is ordered."""
    arrived: Amount = "0"
    """How much tracking has counted."""
    gtin: Annotated[str, Meta(pattern=r"^[0-9]{14}(?!\n)$")] | None = None
    """GTIN in 14 digits."""
    batch: ShortText | None = None
    """Batch or lot, where only this one will do."""
    label: Code | None = None
    """A text that stands for this line."""
    codes: Annotated[tuple[ExpectedCode, ...], Meta(max_length=1_000)] = ()
    """Other codes that stand for it, or for a pack of it."""
    certificate_required: bool = False
    """Its material needs a certificate."""
    certificates: Annotated[tuple[ShortText, ...], Meta(max_length=1_000)] = ()
    """Batches whose certificate is there; an empty text: one for the whole line."""
    pieces: Annotated[tuple[Piece, ...], Meta(max_length=1_000_000)] = ()
    """What has arrived and can be told from its like: `sscc:…`, `item:<GTIN>/<serial>`, `label:<line>/<piece>`."""


class ExpectedOrder(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order of this site."""

    number: Name
    title_en: ShortText
    title_zh: ShortText
    lines: Annotated[tuple[ExpectedLine, ...], Meta(max_length=50_000)]


class ExpectedUnit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So much of a line on a logistic unit, as its delivery note says."""

    sscc: Annotated[str, Meta(pattern=r"^[0-9]{18}(?!\n)$")]
    order: Name
    line: Name
    quantity: Amount
    delivery_note: ShortText = ""


class Elsewhere(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The codes of another site, so that what belongs there is told from what nobody knows."""

    site: Name
    orders: Annotated[dict[Name, tuple[Name, ...]], Meta(max_length=100_000)] = {}
    """Its orders' numbers and their lines'."""
    gtins: Annotated[tuple[ShortText, ...], Meta(max_length=1_000_000)] = ()
    labels: Annotated[tuple[Code, ...], Meta(max_length=1_000_000)] = ()
    ssccs: Annotated[tuple[ShortText, ...], Meta(max_length=1_000_000)] = ()


class KnownCode(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A badge or a machine's tag."""

    code: Code
    kind: Literal["person", "equipment"]
    id: Name
    title_en: ShortText
    title_zh: ShortText


class Content(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the manifest says, apart from its own name and time."""

    orders: Annotated[tuple[ExpectedOrder, ...], Meta(max_length=100_000)] = ()
    units: Annotated[tuple[ExpectedUnit, ...], Meta(max_length=1_000_000)] = ()
    counted: Annotated[tuple[ShortText, ...], Meta(max_length=100_000)] = ()
    """The newest scans that are in `arrived` although nothing tells their pieces apart: the last 12 digits of their ids."""
    elsewhere: Annotated[tuple[Elsewhere, ...], Meta(max_length=1_000)] = ()
    known: Annotated[tuple[KnownCode, ...], Meta(max_length=100_000)] = ()


class Manifest(Content, frozen=True, kw_only=True, omit_defaults=True):
    """What a site expects, as published."""

    site: Name
    epoch: Name
    """Made with tracking's database: another epoch is another office, whose versions begin anew."""
    version: Annotated[int, Meta(ge=1, le=2**53)]
    """Grows with every change within an epoch."""
    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
    """SHA-256 of the content (`digest_of`), by which the publisher knows whether anything changed."""
    at: Nanoseconds
    """When it was made, by the server's clock."""
    v: Annotated[int, Meta(ge=1, description="Version of this form; absent means 1.")] = FORM


_decoder: Final = msgspec.json.Decoder(Manifest)
_encoder: Final = msgspec.json.Encoder()


def digest_of(content: Content) -> str:
    """SHA-256 of the content as JSON, in hexadecimal; of a `Manifest` too."""
    values = {name: getattr(content, name) for name in Content.__struct_fields__}
    return hashlib.sha256(_encoder.encode(values)).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """Write a manifest as JSON."""
    return _encoder.encode(manifest)


def decode(data: bytes, *, site: str) -> Manifest:
    """Read the manifest of `site`, compressed or not.

    Raises `CodecError`: `too_large`, `not_json`, `newer_version` or `invalid` (with the JSON path, or where it is of
    another site).
    """
    manifest = decode_as(_decoder, expanded(data, MAX_BYTES), MAX_BYTES, newest=FORM)
    if manifest.site != site:
        raise CodecError("invalid", f"it is of site {manifest.site}, this gateway stands on {site} - at `$.site`")
    return manifest
