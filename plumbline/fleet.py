"""What server and gateways say to each other about configuration, and what a gateway tells of itself to whoever looks.

    desired    retained, server → gateway    the configuration that the gateway shall have, with a version that only grows
    reported   retained, gateway → server    the configuration it has, and what became of the last one it was given
    status     retained, gateway → all       how it is: the newest health, for a technician without the server's database

Who may publish `desired` may change everything on a gateway but its place in the world: that is for the broker's access rules
(`deploy/mosquitto/acl`: user `fleet`). Passwords never leave a gateway: what it reports is `plumbline.secrets.hidden`.
"""

import hashlib
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from plumbline.errors import CodecError
from plumbline.event import Name, Nanoseconds, ShortText

#: The longest configuration, in characters.
MAX_TEXT: Final = 256 * 1024
#: The longest message, in bytes of JSON.
MAX_BYTES: Final = 1024 * 1024

ConfigVersion = Annotated[int, Meta(ge=0, le=2**53)]
Mistake = Annotated[str, Meta(max_length=1024)]
Outcome = Literal["applied", "refused", "on_probation", "rolled_back"]


class DesiredConfig(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The configuration that a gateway shall have (retained). Either `text` or `restore` is given."""

    site: Name
    gateway: Name
    version: Annotated[int, Meta(ge=1, le=2**53)]
    """Greater than every version that this gateway was given before."""
    by: ShortText
    """Who wants it."""
    at: Nanoseconds
    """When that was said."""
    text: Annotated[str, Meta(max_length=MAX_TEXT)] | None = None
    """The gateway file (TOML). A password written as `…` is the one that the gateway has in the same place of the same URL."""
    hash: Annotated[str, Meta(max_length=64)] | None = None
    """SHA-256 of `text` (UTF-8), hexadecimal: what was cut on the way is refused."""
    restore: ConfigVersion | None = None
    """Go back to this earlier version, which the gateway has kept."""
    v: Annotated[int, Meta(ge=1)] = 1


class PastConfig(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one version on this gateway."""

    version: ConfigVersion
    outcome: Outcome
    at: Nanoseconds
    """When it was decided, by the gateway's clock."""
    by: ShortText = ""
    reason: Annotated[str, Meta(max_length=2048)] = ""
    """Why it was refused or rolled back."""
    kept: bool = False
    """Whether the gateway can go back to it."""


class ReportedConfig(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The configuration that a gateway has, and what became of the last one that it was given (retained)."""

    site: Name
    gateway: Name
    version: ConfigVersion
    """In force. 0: the file that it was installed with."""
    seen: ConfigVersion
    """The newest version that it was given, whatever became of it."""
    state: Outcome
    """Of version `seen`. `on_probation`: in force, and undone unless the agent proves healthy."""
    at: Nanoseconds
    """When `state` was decided, by the gateway's clock."""
    reason: Annotated[str, Meta(max_length=2048)] = ""
    """Why it was refused or rolled back."""
    mistakes: Annotated[tuple[Mistake, ...], Meta(max_length=100)] = ()
    """Everything that is wrong with a refused one."""
    by: ShortText = ""
    """Who wanted the version in force."""
    text: Annotated[str, Meta(max_length=MAX_TEXT)] | None = None
    """The file in force, each password in it as `…`; absent where passwords could not be hidden for certain."""
    agent: ShortText = ""
    """Version of the agent."""
    readers: Annotated[dict[Name, ShortText], Meta(max_length=256)] = {}
    """How each reader was when this was said."""
    history: Annotated[tuple[PastConfig, ...], Meta(max_length=100)] = ()
    """What it was given before, oldest first."""
    v: Annotated[int, Meta(ge=1)] = 1


class GatewayStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a gateway is (retained): what its newest health event says, for who listens at the broker."""

    site: Name
    gateway: Name
    at: Nanoseconds
    values: Annotated[dict[Name, float], Meta(max_length=64)]
    readers: Annotated[dict[Name, ShortText], Meta(max_length=256)] = {}
    texts: Annotated[dict[Name, ShortText], Meta(max_length=32)] = {}
    v: Annotated[int, Meta(ge=1)] = 1


T = TypeVar("T", DesiredConfig, ReportedConfig, GatewayStatus)


def encode(message: DesiredConfig | ReportedConfig | GatewayStatus) -> bytes:
    """Write a message as JSON."""
    return msgspec.json.encode(message)


def decode(payload: bytes, kind: type[T]) -> T:
    """Read a message. Raises `CodecError`: `too_large`, `not_json` or `invalid`."""
    if len(payload) > MAX_BYTES:
        raise CodecError("too_large", f"{len(payload)} bytes, at most {MAX_BYTES} are read")
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.ValidationError as error:
        raise CodecError("invalid", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError("not_json", str(error)) from None


def digest(text: str) -> str:
    """SHA-256 of a configuration's text, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
