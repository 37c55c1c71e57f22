"""What machines ask: alive, ready, figures."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from casebook.api.deps import Deps
from casebook.api.schemas import ReadyBody

router = APIRouter(tags=["operation"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers. Says nothing of the parts it needs: that is /readyz."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"model": ReadyBody}})
def ready(deps: Deps, response: Response) -> ReadyBody:
    """Each part that the hotline needs by name; 503 while one has a problem."""
    checks = dict(deps.readiness())
    well = all(problem is None for problem in checks.values())
    response.status_code = 200 if well else 503
    return ReadyBody(status="ok" if well else "unready", checks={name: text or "ok" for name, text in checks.items()})


@router.get("/metrics", include_in_schema=False)
def metrics(deps: Deps) -> Response:
    """Figures for Prometheus."""
    return Response(generate_latest(deps.registry), media_type=CONTENT_TYPE_LATEST)
