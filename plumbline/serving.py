"""An HTTP server beside other work in one event loop: bounded, quiet, and no master of the signals."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

#: How long an answer under way may take at the end.
GRACE_S: Final = 1
#: Connections at a time: whoever floods the server must not take the file descriptors of the other work.
MOST_CONNECTIONS: Final = 100


def bind(host: str, port: int) -> socket.socket:
    """A socket on an address, to be listened on. Raises `OSError` where it cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def server(app: Any) -> "Server":
    """A server for an ASGI application; `serve(sockets=[…])` runs it."""
    return Server(
        uvicorn.Config(
            app,
            http=_Connection,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=16 * 1024,
        )
    )


class _Connection(H11Protocol):
    """An HTTP connection, one of a bounded number."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] - uvicorn's own signature
        """Take it, unless there are too many; one that says nothing is closed."""
        if len(self.connections) >= MOST_CONNECTIONS:
            transport.abort()
            return
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


class Server(uvicorn.Server):
    """A server within another program: signals are the command's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield
