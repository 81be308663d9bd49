"""Where a webhook may go: a URL that came through the API must not make this machine talk to machines behind its firewall.

A host is looked up once, every address is checked, and the connection goes to a checked address: a name that changes its
meaning in between (DNS rebinding) gains nothing. Redirects are not followed. Private networks must be allowed by the operator.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from plumbline.errors import SettingsError
from plumbline.patience import Patience
from tracking_service.errors import TrackingError

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: IPv6 that carries IPv4 in its last four bytes: NAT64 (RFC 6052) and its local prefix (RFC 8215).
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_LOOK_UP_S: Final = 5.0
_MAX_URL: Final = 2048


class WebhookRefusedError(TrackingError):
    """A webhook may not go there, or is not one; the text says why and what to do."""


class Target(NamedTuple):
    """A URL that may be called."""

    host: str
    port: int
    secure: bool
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """The `Host` header (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def networks(told: str) -> Sequence[Network]:
    """Networks written with commas: `10.0.0.0/8, 192.168.7.20`. Raises `SettingsError` for what is none."""
    found: list[Network] = []
    for one in (part.strip() for part in told.split(",")):
        try:
            found += [ipaddress.ip_network(one)] if one else []
        except ValueError as error:
            raise SettingsError(
                f"webhook networks: '{one}' is no network ({error}); write 10.0.0.0/8 or 192.168.7.20"
            ) from None
    return found


def parse(url: str) -> Target:
    """Take a URL apart. Raises `WebhookRefusedError`."""
    if len(url) > _MAX_URL or not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        raise WebhookRefusedError(f"url: has to be ASCII without spaces, at most {_MAX_URL} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WebhookRefusedError("url: is not a URL; write https://host/path") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise WebhookRefusedError("url: is not a web address; write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise WebhookRefusedError("url: must not carry a user or password; the signature says who calls")
    if parts.fragment:
        raise WebhookRefusedError("url: has a '#' part, which is never sent; leave it out")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.hostname, port or (443 if secure else 80), secure, path)


async def addresses(target: Target, allowed: Sequence[Network]) -> Sequence[str]:
    """The addresses of a target that may be called. Raises `WebhookRefusedError` where one may not, `OSError` where there is none.

    Unencrypted HTTP is allowed to networks of the operator's list alone.
    """
    loop = asyncio.get_running_loop()
    try:
        async with Patience(_LOOK_UP_S):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except TimeoutError:
        raise OSError(f"the name {target.host} could not be looked up within {_LOOK_UP_S:.0f} s") from None
    except UnicodeError:
        raise WebhookRefusedError(f"url: '{target.host}' is not a host name") from None
    told: list[str] = []
    for *_, (address, *_) in found:
        ip = ipaddress.ip_address(str(address).partition("%")[0])
        own = any(ip in network for network in allowed)
        if not own and not is_public(ip):
            raise WebhookRefusedError(
                f"url: {target.host} is {ip}, which is not on the public internet; "
                "the operator can allow it with PLUMBLINE_WEBHOOK_NETWORKS"
            )
        if not own and not target.secure:
            raise WebhookRefusedError(
                "url: has to be https://, unless the operator allows the network with PLUMBLINE_WEBHOOK_NETWORKS"
            )
        told.append(str(ip))
    if not told:
        raise OSError(f"the name {target.host} has no address")
    return list(dict.fromkeys(told))


def is_public(ip: Ip) -> bool:
    """Whether an address is one of the public internet, also inside the wrappings of IPv6."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo is not None else None)
        if inner is None and any(ip in network for network in _NAT64):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(inner)
        if int(ip) >> 32 == 0:  # IPv4-compatible, long retired (RFC 4291, 2.5.5.1)
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
