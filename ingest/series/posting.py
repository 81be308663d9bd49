"""Bodies posted to a server over kept-alive connections.

Lines are what ingest sends most of, and httpx takes several times the CPU for it (docs/adr/0017).
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Final

import h11
import httpx

from ingest.series.http_wire import Answer, PostError, Wire
from plumbline.patience import Patience

#: A connection that was not used for so long is not trusted any more: something between may have forgotten it.
_IDLE_S: Final = 60.0
#: A name with several addresses: the next one is tried when the first has not answered so soon (RFC 8305).
_NEXT_ADDRESS_S: Final = 0.25

Headers = Sequence[tuple[str, str]]


class Poster:
    """Posts to one server, each request on a connection of its own or on one that is free again.

    Args:
        url: scheme, host and port.
        tls: for `https`.
        headers: of every request.
        timeout_s: how long a connection, each piece of a body, and the answer may take.
    """

    def __init__(self, url: httpx.URL, *, tls: ssl.SSLContext | None, headers: Headers, timeout_s: float) -> None:
        self._url = url
        self._tls = tls
        self._headers = [("Host", url.netloc.decode("ascii")), *headers]
        self._timeout_s = timeout_s
        self._free: list[Wire] = []

    async def post(self, target: str, headers: Headers, body: bytes) -> Answer:
        """Send, and return the answer. Raises `TimeoutError`, or `OSError` where there is no connection or no answer."""
        head = h11.Request(method="POST", target=target, headers=[*self._headers, *headers, ("Content-Length", str(len(body)))])
        while (wire := self._kept()) is not None:
            try:
                return await self._on(wire, head, body)
            except OSError as error:
                if wire.heard or isinstance(error, TimeoutError):
                    raise
                # The server had closed it, and we did not know yet: what is sent may be said twice.
        return await self._on(await self._dial(), head, body)

    def _kept(self) -> "Wire | None":
        now = asyncio.get_running_loop().time()
        while self._free:
            wire = self._free.pop()
            if wire.usable and now - wire.used_at < _IDLE_S:
                return wire
            wire.abort()
        return None

    async def _dial(self) -> "Wire":
        default = 443 if self._tls is not None else 80
        try:
            async with Patience(self._timeout_s):
                _, wire = await asyncio.get_running_loop().create_connection(
                    lambda: Wire(self._timeout_s),
                    self._url.raw_host.decode("ascii"),
                    self._url.port or default,
                    ssl=self._tls,
                    happy_eyeballs_delay=_NEXT_ADDRESS_S,
                )
        except TimeoutError:
            raise TimeoutError("no connection") from None
        except ValueError as error:  # a name that cannot be one
            raise PostError(str(error)) from None
        return wire

    async def _on(self, wire: "Wire", head: h11.Request, body: bytes) -> Answer:
        try:
            answer = await wire.post(head, body)
        except BaseException:
            wire.abort()
            raise
        if wire.usable:
            self._free.append(wire)
        else:
            wire.abort()
        return answer

    async def aclose(self) -> None:
        """Let the connections go."""
        wires, self._free = self._free, []
        for wire in wires:
            await wire.close()
