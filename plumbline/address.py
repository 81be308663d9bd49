"""Where a broker is."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from plumbline.errors import SettingsError
from plumbline.secrets import hidden

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is, read from a URL: `mqtt://user:password@host:1883`, `mqtts://…`, `ws://host/path`, `wss://…`."""

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = None
    path: str = "/mqtt"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take a broker URL apart. Raises `SettingsError` with what to write instead."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError as error:
            raise SettingsError(f"broker '{hidden(url)}': {error}; write for example mqtt://127.0.0.1:1883") from None
        if scheme not in _PORTS or not host:
            raise SettingsError(
                f"broker '{hidden(url)}': is not mqtt://, mqtts://, ws:// or wss:// with a host; write mqtt://127.0.0.1:1883"
            )
        return cls(
            scheme,
            host,
            port or _PORTS[scheme],
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
            parts.path or "/mqtt",
        )

    def __str__(self) -> str:
        """The URL without the password, for messages and logs."""
        user = f"{self.username}@" if self.username else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}"
