"""The webhooks. Unsigned: 403. Signed: always a document that keeps the citizen on the line, whatever broke."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.datastructures import FormData
from twilio.twiml.voice_response import Gather, VoiceResponse

from ivr.twilio.driver import HANGUP, NOTHING, NoCall, TwilioDriver
from ivr.twilio.fallback import Fallback
from ivr.twilio.outcomes import OVER, text
from ivr.twilio.signature import HEADER, Signatures
from ivr.twilio.twiml import Addresses, Wait

_ANSWER_WITHIN_S = 8
"""Twilio gives up after 15 s; a store that has not answered by then is treated as away."""
_THREADS = 16
_LONGEST_BODY = 64 * 1024
_MOST_FIELDS = 200
_WEEK_S = 7 * 24 * 3600
_FORM = {
    "type": "object",
    "required": ["AccountSid", "CallSid"],
    "properties": {
        "AccountSid": {"type": "string"},
        "CallSid": {"type": "string", "pattern": "^CA[0-9a-f]{32}$"},
        "CallStatus": {"type": "string", "enum": ["ringing", "in-progress", *sorted(OVER)]},
        "From": {"type": "string"},
        "To": {"type": "string"},
        "Digits": {"type": "string"},
        "RecordingSid": {"type": "string", "pattern": "^RE[0-9a-f]{32}$"},
        "RecordingDuration": {"type": "string"},
        "RecordingStatus": {"type": "string", "enum": ["in-progress", "completed", "absent", "failed"]},
        "DialCallStatus": {"type": "string"},
        "DialBridged": {"type": "string", "enum": ["true", "false"]},
        "QueueResult": {"type": "string"},
        "QueueTime": {"type": "string"},
        "AnsweredBy": {"type": "string"},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}
}
_TWIML: dict[int | str, dict[str, Any]] = {
    200: {"description": "A TwiML document", "content": {"text/xml": {"schema": {"type": "string"}}}},
    403: {"description": "Not signed by Twilio for this account"},
}


class _Xml(Response):
    media_type = "text/xml"


@dataclass(frozen=True, slots=True)
class TwilioDeps:
    """What the webhooks are built from; `config` builds it."""

    signatures: Signatures
    driver: TwilioDriver
    fallback: Fallback
    addresses: Addresses
    prompts_dir: Path
    playback: Callable[[str], Path | None]
    """The file of a caller's own recording, fetched where it is not here yet; None where it cannot be had."""


async def _signed(request: Request) -> FormData:
    """The form of a request that Twilio signed. Reads the body as it is: a blank or repeated field is signed too."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise HTTPException(403)
    scope = request.scope
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(403) from error
    form = FormData([*fields])
    deps: TwilioDeps = request.app.state.deps
    signature = request.headers.get(HEADER, "")
    if not deps.signatures.accept(scope["raw_path"], scope["query_string"], form, signature):
        structlog.get_logger().warning("unsigned", route=request.scope["route"].path)
        raise HTTPException(403)
    return form


async def _deps(request: Request) -> TwilioDeps:
    deps: TwilioDeps = request.app.state.deps
    return deps


Signed = Annotated[FormData, Depends(_signed)]
Deps = Annotated[TwilioDeps, Depends(_deps)]
Seq = Annotated[int, PathParameter(ge=0, le=100_000)]
router = APIRouter(default_response_class=_Xml)


class _Workers:
    """Threads that ask the store, as the store is sync; and the answer when it does not come in time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "twilio")

    async def run(self, work: Callable[[], str], otherwise: Callable[[], str]) -> Response:
        """What `work` answers; `otherwise` when it fails or takes too long."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return _Xml(await asyncio.wait_for(running, _ANSWER_WITHIN_S))
        except NoCall as error:
            structlog.get_logger().warning("webhook without a call", error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever broke, the citizen stays on the line
            structlog.get_logger().error("webhook failed", error=type(error).__name__)
        return _Xml(otherwise())

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def create_app(deps: TwilioDeps) -> FastAPI:
    """The webhooks as an application of their own, mounted under /twilio."""
    app = FastAPI(title="Twilio webhooks of the hotline", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.deps = deps
    app.state.workers = _Workers()
    app.include_router(router)

    async def keep_the_caller(_request: Request, _error: Exception) -> Response:
        return _Xml(deps.fallback.answer())

    app.add_exception_handler(RequestValidationError, keep_the_caller)
    return app


def _workers(request: Request) -> _Workers:
    workers: _Workers = request.app.state.workers
    return workers


def _nothing() -> str:
    return NOTHING


@router.post("/voice", responses=_TWIML, openapi_extra=_BODY)
async def voice(request: Request, form: Signed, deps: Deps) -> Response:
    """A call comes in."""
    return await _workers(request).run(lambda: deps.driver.voice(form), deps.fallback.answer)


@router.post("/step/{seq}/{wait}", responses=_TWIML, openapi_extra=_BODY)
async def step(request: Request, seq: Seq, wait: Wait, form: Signed, deps: Deps) -> Response:
    """The outcome of an answer."""
    query = FormData(request.query_params)
    return await _workers(request).run(lambda: deps.driver.step(seq, wait, form, query), deps.fallback.answer)


@router.post("/recording", responses=_TWIML, openapi_extra=_BODY)
async def recording(request: Request, form: Signed, deps: Deps) -> Response:
    """A recording can be fetched."""
    return await _workers(request).run(lambda: deps.driver.recording(form), _nothing)


@router.post("/status", responses=_TWIML, openapi_extra=_BODY)
async def status(request: Request, form: Signed, deps: Deps) -> Response:
    """A call is over."""
    return await _workers(request).run(lambda: deps.driver.status(form), _nothing)


@router.post("/made/{purpose}", responses=_TWIML, openapi_extra=_BODY)
async def made(request: Request, purpose: str, form: Signed, deps: Deps) -> Response:
    """A call that we made was taken."""
    return await _workers(request).run(lambda: deps.driver.made(purpose, form), lambda: HANGUP)


@router.post("/fallback", responses=_TWIML, openapi_extra=_BODY)
async def fallback(form: Signed, deps: Deps) -> Response:
    """What follows on a document that was given while the store was away."""
    return _Xml(deps.fallback.go_on(form))


@router.post("/hold", responses=_TWIML, openapi_extra=_BODY)
async def hold(request: Request, form: Signed, deps: Deps) -> Response:
    """What is heard in a queue; past the limit the caller leaves it."""
    limit, waited = request.query_params.get("limit", ""), text(form, "QueueTime")
    response = VoiceResponse()
    clip = deps.addresses.prompt("hold")
    if not clip or (limit.isdecimal() and waited.isdecimal() and int(waited[:9]) >= int(limit[:9])):
        response.leave()
    else:
        response.play(clip)
        response.pause(length=8)
    return _Xml(str(response))


@router.post("/whisper", responses=_TWIML, openapi_extra=_BODY)
async def whisper(form: Signed, deps: Deps) -> Response:
    """Said to whoever answers a number that was dialled: 1 connects the citizen, anything else does not."""
    if text(form, "Digits") == "1":
        return _Xml(NOTHING)
    if "Digits" in form:
        return _Xml(HANGUP)
    response = VoiceResponse()
    gather = Gather(
        input="dtmf",
        action=deps.addresses.of("whisper"),
        method="POST",
        timeout=5,
        num_digits=1,
        finish_on_key="",
        action_on_empty_result=True,
    )
    if clip := deps.addresses.prompt("whisper_accept"):
        gather.play(clip)
        gather.play(clip)
    response.append(gather)
    response.hangup()
    return _Xml(str(response))


@router.get("/prompts/{clip:path}.wav", response_class=FileResponse)
async def prompt(clip: str, deps: Deps) -> Response:
    """A clip; its address changes with it, so that it may be kept."""
    file = _within(deps.prompts_dir, f"{clip}.wav")
    if file is None:
        raise HTTPException(404)
    return FileResponse(file, media_type="audio/wav", headers={"Cache-Control": f"public, max-age={_WEEK_S}"})


@router.get("/playback/{seal}/{path:path}", response_class=FileResponse)
def playback(seal: str, path: str, deps: Deps) -> Response:
    """A caller's own recording; a short silence where it cannot be had yet: the call goes on."""
    if not hmac.compare_digest(seal.encode(), deps.addresses.seal(path).encode()):
        raise HTTPException(403)
    file = deps.playback(path) or deps.prompts_dir / "pause.wav"
    return FileResponse(file, media_type="audio/wav", headers={"Cache-Control": "private, no-store"})


def _within(folder: Path, name: str) -> Path | None:
    """A file of a folder; None for one that is not there or lies outside."""
    root = folder.resolve()
    file = (root / name).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None
