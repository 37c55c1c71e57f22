"""Figures of the HTTP server for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HttpMetrics:
    """Counts requests by route template (never by path: a path holds case numbers) and times them, into a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "hotline_http_requests_total", "HTTP requests answered", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "hotline_http_request_seconds", "Time to answer an HTTP request", ("route",), registry=registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class MeasureRequests:
    """ASGI middleware that feeds HttpMetrics."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            route = getattr(scope.get("route"), "path", None) or "other"
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._metrics.observe(method, route, status, time.perf_counter() - began)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
