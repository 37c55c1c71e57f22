"""The web application: REST under /api/v1, the console at /, health and figures."""

from __future__ import annotations

from fastapi import FastAPI

from casebook.api import (
    alert_routes,
    console_routes,
    desk_routes,
    health_routes,
    problems,
    session_routes,
    voicemail_routes,
)
from casebook.api.deps import ApiDeps, SignInLimits
from casebook.api.metrics import HttpMetrics, MeasureRequests
from casebook.api.middleware import BodyLimit, LastResort, SameOriginOnly, SecurityHeaders

BODY_LIMIT_BYTES = 256 * 1024


def create_app(deps: ApiDeps) -> FastAPI:
    """Build the application. Its handlers are sync functions run on the thread pool, as the store is sync."""
    app = FastAPI(
        title="12345 hotline",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both pages load scripts from foreign hosts, which the content security policy forbids
        redoc_url=None,
    )
    app.state.deps = deps
    app.state.sign_in_limits = SignInLimits.by_clock(deps.clock)
    problems.install(app)
    for routes in (session_routes, voicemail_routes, alert_routes, desk_routes, health_routes, console_routes):
        app.include_router(routes.router)
    console_routes.mount_assets(app, deps.console_dir)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES)
    app.add_middleware(SameOriginOnly, prefixes=("/api/",))
    app.add_middleware(LastResort)
    app.add_middleware(MeasureRequests, metrics=HttpMetrics(deps.registry))
    app.add_middleware(SecurityHeaders, https=deps.cookie_secure)
    return app
