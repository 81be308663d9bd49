"""One connection over which bodies are posted: HTTP/1.1 (RFC 9112) as h11 knows it, bytes and waiting as asyncio does them.

Every wait is bounded, and so is what an answer may hold.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

import h11

from plumbline.patience import Patience

#: At a time to the socket: what it does not take is copied, and time-outs count from piece to piece.
_PIECE: Final = 256 * 1024
_LARGEST_HEAD: Final = 64 * 1024
_LARGEST_ANSWER: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the server did what it was asked to."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The content, for people."""
        return self.content.decode(errors="replace")


class PostError(OSError):
    """The connection ended before the answer did, or what came is no answer."""


class Wire(asyncio.Protocol):
    """One connection: one request, its answer, and then perhaps another."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._answer: asyncio.Future[Answer] | None = None
        self._response: h11.Response | None = None
        self._content = bytearray()
        self._choked = False
        self._stir = asyncio.Event()
        self._gone = asyncio.Event()
        self._end: str | None = None
        """Why nothing more can be sent or heard."""
        self.heard = False
        """Whether anything came in answer to the last request."""
        self.used_at = 0.0

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._answer is None and self._end is None

    async def post(self, head: h11.Request, body: bytes) -> Answer:
        """Send a request and wait for its answer. Unless it is `usable` afterwards, the connection is over."""
        loop = asyncio.get_running_loop()
        # No name here for what may hold an exception: it would hold this frame and with it the body, in a ring.
        self._answer = loop.create_future()
        self.heard, self._response = False, None
        try:
            whole = await self._send(head, body)
            try:
                async with Patience(self._timeout_s):
                    told = await self._answer
            except TimeoutError:
                raise TimeoutError("no answer") from None
        finally:
            self._settled()
        self.used_at = loop.time()
        if whole and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self._ended("the connection is over")
        return told

    def _settled(self) -> None:
        """Nobody waits for the answer any more."""
        if self._answer is not None and self._answer.done() and not self._answer.cancelled():
            self._answer.exception()
        self._answer = None

    async def _send(self, head: h11.Request, body: bytes) -> bool:
        """Send; false where the server answered before it had all of it, and so will not read the rest."""
        self._transport.write(self._http.send(head))
        self._http.send_with_data_passthrough(h11.Data(data=body))  # as it is: the head says how long it is
        self._http.send(h11.EndOfMessage())
        pieces = memoryview(body)
        for at in range(0, len(body), _PIECE):
            self._transport.write(pieces[at : at + _PIECE])
            while self._choked and not self._answered:
                self._stir.clear()
                try:
                    async with Patience(self._timeout_s):
                        await self._stir.wait()
                except TimeoutError:
                    raise TimeoutError("it takes nothing") from None
            if self._answered:
                return at + _PIECE >= len(body) and not self._choked
        return True

    @property
    def _answered(self) -> bool:
        return self._response is not None or self._answer is None or self._answer.done()

    async def close(self) -> None:
        """Say goodbye."""
        self._transport.close()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._gone.wait()
        except TimeoutError:
            self._transport.abort()

    def abort(self) -> None:
        """Close the socket as it is."""
        self._ended("closed")
        self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._choked = True

    def resume_writing(self) -> None:
        """It does again."""
        self._choked = False
        self._stir.set()

    def data_received(self, data: bytes) -> None:
        """Take in a part of the answer."""
        self.heard = True
        if self._answer is None:
            self._ended("the server speaks without being asked")
            self._transport.abort()
            return
        self._hear(data)

    def eof_received(self) -> None:
        """The server says no more: the answer ends here, unless it should have said more."""
        if self.heard:
            self._hear(b"")
        self._ended("the server closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        self._ended(f"connection lost: {exc}" if exc else "the server closed the connection")
        self._gone.set()

    def _hear(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            return
        try:
            self._http.receive_data(data)
            while not self._answer.done():
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    break
                self._take(event, self._answer)
        except h11.RemoteProtocolError as error:
            self._ended(f"what came is no answer of HTTP: {error}")
        self._stir.set()

    def _take(self, event: object, answer: asyncio.Future[Answer]) -> None:
        if isinstance(event, h11.Response):
            self._response = event
            self._content.clear()
        elif isinstance(event, h11.Data):
            self._content += event.data
            if len(self._content) > _LARGEST_ANSWER:
                self._ended(f"an answer of more than {_LARGEST_ANSWER} bytes")
        elif isinstance(event, h11.EndOfMessage) and self._response is not None:
            said = self._response
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in said.headers}
            answer.set_result(Answer(said.status_code, said.reason.decode("latin-1"), headers, bytes(self._content)))
            self._content.clear()

    def _ended(self, why: str) -> None:
        """The first reason stands."""
        if self._end is None:
            self._end = why
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(PostError(self._end))
        self._stir.set()
