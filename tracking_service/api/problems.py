"""Errors as problem details (RFC 9457), and a bound on what a request may carry."""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plumbline.series import SeriesUnavailableError
from tracking_service.errors import ActRefusedError, OrderRefusedError, PlanError, UnknownThingError

MEDIA_TYPE: Final = "application/problem+json"


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem details answer; without a `type` the title says what the status means (RFC 9457, 4.2.1)."""
    content = {"title": title, "status": status, "detail": detail}
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the API as problem details."""

    def unknown(_request: Request, error: Exception) -> JSONResponse:
        return problem(404, "Not found", str(error))

    def refused(_request: Request, error: Exception) -> JSONResponse:
        return problem(422, "The order was refused", str(error))

    def not_taken(_request: Request, error: Exception) -> JSONResponse:
        return problem(422, "The act was refused", str(error))

    def undrawable(_request: Request, error: Exception) -> JSONResponse:
        return problem(500, "The plan cannot be drawn", str(error))

    def unavailable(_request: Request, error: Exception) -> JSONResponse:
        what = "The series store" if isinstance(error, SeriesUnavailableError | TimeoutError) else "The database"
        return problem(503, f"{what} is unavailable", "Try again in a few seconds.", {"retry-after": "5"})

    def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        told = [f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}" for mistake in error.errors()[:5]]
        return problem(422, "The request is not valid", "; ".join(told))

    def http(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, error.detail, error.detail, dict(error.headers) if error.headers else None)

    handlers: dict[type[Exception], Any] = {
        UnknownThingError: unknown,
        OrderRefusedError: refused,
        ActRefusedError: not_taken,
        PlanError: undrawable,
        SeriesUnavailableError: unavailable,
        TimeoutError: unavailable,
        SQLAlchemyError: unavailable,
        ConnectionError: unavailable,
        RequestValidationError: invalid,
        HTTPException: http,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


class BodyLimit:
    """Refuse bodies over `limit` bytes as they come in, whatever their header says; `files`: what paths may end with, and theirs."""

    def __init__(self, app: ASGIApp, *, limit: int, files: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit = limit
        self._files = files or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        got = 0
        started = False
        limit = self._files.get(scope["path"].rpartition("/")[2], self._limit)

        async def bounded() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if got > limit:
                raise _TooLargeError
            return message

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, bounded, noting)
        except _TooLargeError:
            if started:
                raise
            detail = f"A body may have {limit} bytes."
            body = json.dumps({"title": "Content too large", "status": 413, "detail": detail}).encode()
            headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": body})


class _TooLargeError(Exception):
    """More bytes came than a request may carry."""
