"""The web application: REST under /api/v1, the console at /, health and figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from casebook.api import (
    access_routes,
    admin_routes,
    alert_routes,
    board_routes,
    case_routes,
    console_routes,
    desk_call_routes,
    desk_routes,
    health_routes,
    knowledge_routes,
    linkage_routes,
    open311_routes,
    problems,
    public_routes,
    session_routes,
    statistics_routes,
    suggestion_routes,
    voicemail_routes,
)
from casebook.api.deps import ApiDeps, SignInLimits
from casebook.api.metrics import HttpMetrics, MeasureRequests
from casebook.api.middleware import BodyLimit, LastResort, SameOriginOnly, SecurityHeaders
from casebook.handling.oversight import MAX_FILE_BYTES

BODY_LIMIT_BYTES = 256 * 1024
_FORM_BYTES = 64 * 1024
UPLOADS = {
    "/attachments": MAX_FILE_BYTES + _FORM_BYTES,
    "/imports": case_routes.IMPORT_BYTES + _FORM_BYTES,
}
"""Ends of the paths that take a file."""
_ROUTES = (
    session_routes,
    voicemail_routes,
    alert_routes,
    case_routes,
    board_routes,
    statistics_routes,
    access_routes,
    linkage_routes,
    health_routes,
    # The console answers whatever nobody else does.
    console_routes,
)


def create_app(deps: ApiDeps) -> FastAPI:
    """Build the application. Its handlers are sync functions run on the thread pool, as the store is sync."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if deps.board is not None:
            await deps.board.close()

    app = FastAPI(
        lifespan=lifespan,
        title="12345 hotline",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both pages load scripts from foreign hosts, which the content security policy forbids
        redoc_url=None,
    )
    app.state.deps = deps
    app.state.sign_in_limits = SignInLimits.by_clock(deps.clock)
    problems.install(app)
    for routes in _ROUTES:
        app.include_router(routes.router)
    if deps.desk is not None:
        app.include_router(desk_call_routes.router)
        app.include_router(desk_routes.router)
    if deps.knowledge is not None:
        app.include_router(knowledge_routes.router)
        app.include_router(suggestion_routes.router)
    if deps.admin is not None:
        app.include_router(admin_routes.router)
    if deps.public is not None:
        public_routes.install(app, deps.clock)
        open311_routes.install(app, deps.clock)
    console_routes.mount_assets(app, deps.console_dir)
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES, longer=UPLOADS)
    app.add_middleware(SameOriginOnly, prefixes=("/api/",))
    app.add_middleware(LastResort)
    app.add_middleware(MeasureRequests, metrics=HttpMetrics(deps.registry))
    app.add_middleware(SecurityHeaders, https=deps.cookie_secure, phone_origin=deps.phone_origin)
    return app
