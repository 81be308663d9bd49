"""Which web pages of other origins may read the map of a site (CORS, the Fetch standard, section 3.2)."""

import re
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANY: Final = ("*",)
_MAP: Final = re.compile(r"/api/sites/[^/]+/(plan|zones\.geojson|zones/live\.geojson|tiles\.json|tiles/.+)\Z")


class MapsOfOthers:
    """Lets pages of some origins (`*`: of any) read what a map needs, and nothing else: Grafana has an origin of its own.

    The header stands in every answer, asked for or not: a browser that keeps an answer may need it again as another's.

    Args:
        app: the API.
        origins: like `https://grafana.example:3000`.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str] = ANY) -> None:
        self._app = app
        self._any = "*" in origins
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _MAP.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(Headers(scope=scope).get("origin", ""))

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(allowed)
                if not self._any:
                    headers.add_vary_header("Origin")
            await send(message)

        if scope["method"] == "OPTIONS":
            preflight = {"access-control-allow-methods": "GET", "access-control-allow-headers": "*"}
            await Response(status_code=204, headers=preflight | {"access-control-max-age": "600"})(scope, receive, telling)
            return
        await self._app(scope, receive, telling)

    def _allowed(self, origin: str) -> dict[str, str]:
        if self._any:
            return {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
        if origin in self._origins:
            return {"access-control-allow-origin": origin, "cross-origin-resource-policy": "cross-origin"}
        return {}
