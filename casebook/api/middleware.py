"""What surrounds every request, as plain ASGI: last-resort errors, security headers, foreign pages, size limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casebook.api.problems import problem_response

CSRF_HEADER = "X-Hotline-Client"
"""A page of another origin cannot send this header without a CORS preflight, which this server never grants."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), payment=(), usb=()",
}
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class LastResort:
    """Answers 500 as problem+json for an error that no handler took, and logs it once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger("casebook.api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception:
            route = getattr(scope.get("route"), "path", "")  # the template: a path may hold a case number, never more
            self._log.exception("request_failed", method=scope["method"], route=route)
            if started:
                raise
            await problem_response("server_error")(scope, receive, send)


class SecurityHeaders:
    """Strict headers on every response; API responses are never cached."""

    def __init__(self, app: ASGIApp, *, https: bool, phone_origin: str = "") -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if phone_origin:
            # The telephone in the browser speaks SIP with the PBX: the one address beside our own.
            allowed = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", f"connect-src 'self' {phone_origin}")
            self._headers["Content-Security-Policy"] = allowed
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        private = scope["path"].startswith("/api/")

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if private:
                    headers["Cache-Control"] = "private, no-store"
            await send(message)

        await self._app(scope, receive, add_headers)


class SameOriginOnly:
    """Refuses a changing request under one of `prefixes` that did not come from our own page or from a program.

    Beside the SameSite=Strict cookie: needs CSRF_HEADER, and believes the browser's Sec-Fetch-Site where it sends one.
    """

    def __init__(self, app: ASGIApp, *, prefixes: Iterable[str]) -> None:
        self._app = app
        self._prefixes = tuple(prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._allowed(scope):
            await problem_response("csrf")(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        if scope["method"] in _SAFE_METHODS or not scope["path"].startswith(self._prefixes):
            return True
        headers = Headers(scope=scope)
        return bool(headers.get(CSRF_HEADER)) and headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")


class BodyLimit:
    """Stops reading a request body at `limit_bytes` with 413, or at more for a path that ends as one in `longer`."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int, longer: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._longer = dict(longer or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken = 0
        path = scope["path"]
        limit = next((more for end, more in self._longer.items() if path.endswith(end)), self._limit_bytes)

        async def count() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, count, send)
