"""The live board as a stream, and the telephone's figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime
from starlette.concurrency import run_in_threadpool

from casebook.api.board_hub import BoardHub
from casebook.api.deps import ApiDeps, Deps, SignedIn, cookie_name
from casebook.api.problems import Problem, ProblemBody

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in ((401, "not signed in"), (422, "refused"), (404, "no board here"))
}
router = APIRouter(prefix="/api/v1", tags=["board"], responses=_PROBLEMS)
SESSION_CHECK_S = 60.0
"""Somebody who was signed out does not go on looking for longer."""


@router.get("/board", response_class=StreamingResponse)
async def board(_: SignedIn, request: Request, deps: Deps) -> StreamingResponse:
    """Server-sent events: `board` with everything that is live, then `changes`; after any doubt `board` again.

    `board`: {connected, pbxs: {name: {heard, entries}}}; `changes`: {pbxs: {name: {key: entry or null}}}. Keys are
    `call:<id>`, `agent:<interface>`, `queue:<name>`. Without `heard`, or without a PBX's name, nobody knows.
    """
    if deps.board is None:
        raise Problem("board_away")
    token = request.cookies.get(cookie_name(deps), "")
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_while_signed_in(deps, deps.board, token), media_type="text/event-stream", headers=headers)


async def _while_signed_in(deps: ApiDeps, hub: BoardHub, token: str) -> AsyncIterator[bytes]:
    checked_at = deps.clock()
    stream = hub.stream()
    try:
        async for message in stream:
            if (deps.clock() - checked_at).total_seconds() > SESSION_CHECK_S:
                checked_at = deps.clock()
                if await run_in_threadpool(deps.users.user_of_session, token, checked_at) is None:
                    return
            yield message
    finally:
        await stream.aclose()


@router.get("/telephone")
def telephone(
    _: SignedIn,
    deps: Deps,
    *,
    since: Annotated[AwareDatetime, Query(description="Visits that began at or after this moment.")],
    until: Annotated[AwareDatetime, Query(description="Visits that began before this moment, at most 31 days later.")],
    queue: Annotated[str, Query(max_length=64, description="One queue; all of them when left out.")] = "",
) -> dict[str, Any]:
    """Indicators of the telephone service: of the period and of each half hour that begins in it, as known now."""
    report = deps.telephone.report(since, until, queue, deps.clock())
    intervals = [{"began_at": began_at, **asdict(figures)} for began_at, figures in report.intervals]
    return {**asdict(report), "intervals": intervals}
