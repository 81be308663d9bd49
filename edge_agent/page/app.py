"""The page's addresses: the page itself, its stream of news, and codes that are typed."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from edge_agent.page.news import MOST_SCREENS, News, Screen
from edge_agent.verdict import Verdict
from plumbline.text import Text

STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
#: Nothing from elsewhere, nothing inline: a scanned text stays a text.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_LARGEST_BODY: Final = 8192

Typed = Callable[["TypedCode"], Awaitable[Verdict | None]]


class TypedCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A code that a person typed."""

    code: Annotated[str, Meta(min_length=1, max_length=512)]
    person: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


class RefusedError(Exception):
    """A request is not taken; `status` is HTTP's, the text is for the person, in both languages."""

    def __init__(self, status: int, detail: Text) -> None:
        super().__init__(detail.en)
        self.status = status
        self.detail = detail


def create_app(news: News, typed: Typed | None) -> Starlette:
    """The page. `typed` takes a code over; `None`: none are taken."""
    contents = {name: (STATIC / name).read_bytes() for name in _TYPES}

    def file(name: str) -> Callable[[Request], Awaitable[Response]]:
        async def give(_: Request) -> Response:
            return Response(contents[name], headers=_HEADERS, media_type=_TYPES[name])

        return give

    async def state(request: Request) -> Response:
        return _json(200, news.everything(_device(request)))

    async def stream(request: Request) -> Response:
        if len(news.screens) >= MOST_SCREENS:
            return _json(503, {"detail": f"{MOST_SCREENS} screens are open already; close one"})
        return StreamingResponse(
            _told(news, Screen(_device(request))),
            headers=_HEADERS | {"X-Accel-Buffering": "no"},
            media_type="text/event-stream",
        )

    async def scan(request: Request) -> Response:
        try:
            verdict = await _type(request, typed)
        except RefusedError as error:
            return _json(error.status, {"status": error.status, "detail": error.detail.en, "zh": error.detail.zh})
        return _json(200, {"kind": verdict.kind if verdict else None})

    routes = [Route("/" if name == "index.html" else f"/{name}", file(name)) for name in _TYPES]
    routes += [
        Route("/api/state", state),
        Route("/api/stream", stream),
        Route("/api/scan", scan, methods=["POST"]),
    ]
    return Starlette(routes=routes)


async def _type(request: Request, typed: Typed | None) -> Verdict | None:
    if typed is None:
        raise RefusedError(
            403, Text("codes cannot be typed on this gateway (typing in [page])", "此网关不允许手工输入（[page] 的 typing）")
        )
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise RefusedError(415, Text("the content must be application/json", "内容必须为 application/json"))
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise RefusedError(403, Text("only the gateway's own page may send codes", "只能从网关自己的页面提交"))
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise RefusedError(413, Text(f"at most {_LARGEST_BODY} bytes are read", f"内容过长，最多 {_LARGEST_BODY} 字节"))
    try:
        code = msgspec.json.decode(body, type=TypedCode)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise RefusedError(422, Text(str(error), f"内容无法读取：{error}")) from None
    if not code.code.isprintable() or not code.code.strip():
        raise RefusedError(422, Text("a code has printable characters only", "条码只能包含可见字符"))
    return await typed(code)


async def _told(news: News, screen: Screen) -> AsyncGenerator[bytes]:
    """The stream of one screen: everything, then what is new."""
    news.screens.add(screen)
    try:
        message = None
        while not screen.closed:
            name, data = message or ("hello", msgspec.json.encode(news.everything(screen.device)))
            yield b"event: %b\ndata: %b\n\n" % (name.encode(), data)
            message = await screen.next()
    finally:
        news.screens.discard(screen)


def _device(request: Request) -> str | None:
    return request.query_params.get("device") or None


def _json(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, _HEADERS, media_type="application/json")
