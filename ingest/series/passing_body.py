"""The body of a request, held only until it is sent.

httpx's request, answer and stream hold each other in a ring, which only the garbage collector undoes, and ingest lets that
run seldom: ready-made bodies of half a megabyte each grew to 120 MB a million points.
"""

from collections.abc import AsyncIterator

import httpx


class PassingBody(httpx.AsyncByteStream):
    """Says its bytes once."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes; they are let go."""
        data, self._data = self._data, b""
        yield data
