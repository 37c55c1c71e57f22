"""The webhooks. Unsigned: 403. Signed: always a document that keeps the citizen on the line, whatever broke."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse
from starlette.datastructures import FormData
from starlette.types import ASGIApp, Receive, Scope, Send
from twilio.twiml.voice_response import Gather, VoiceResponse

from ivr.twilio.driver import HANGUP, NOTHING, NoCall, TwilioDriver
from ivr.twilio.fallback import Fallback
from ivr.twilio.outcomes import CALL_SID, OVER, text
from ivr.twilio.signature import HEADER, Signatures
from ivr.twilio.twiml import Addresses, Wait, play

_ANSWER_WITHIN_S = 8
"""Twilio gives up after 15 s; a store that has not answered by then is treated as away."""
_THREADS = 3
_LONGEST_BODY = 64 * 1024
_MOST_FIELDS = 200
_LAST_SEQ = 100_000
_BETWEEN_HOLDS_S = 8
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
_BODY = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}
_TWIML: dict[int | str, dict[str, Any]] = {
    200: {"description": "A TwiML document", "content": {"text/xml": {"schema": {"type": "string"}}}},
    403: {"description": "Not signed by Twilio for this account"},
}


class _Xml(Response):
    media_type = "text/xml"


Run = Callable[[Callable[[], str]], Awaitable[str]]
"""Runs what asks the store beside the event loop's other work."""


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
    observe: Callable[[str, int, float], None]
    """Counts a webhook: its name, the status that it was answered with, seconds."""
    run: Run


Webhook = Callable[[Request, FormData, TwilioDeps], Awaitable[Response]]
PREFIX = "/twilio/"
router = APIRouter(prefix="/twilio", default_response_class=_Xml)


def create_app(deps: TwilioDeps) -> FastAPI:
    """The webhooks as an application of their own: what surrounds the console's requests is for browsers."""
    app = FastAPI(title="Twilio webhooks of the hotline", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.twilio = deps
    app.state.twilio_workers = _Workers(deps.run)
    app.include_router(router)
    return app


def beside(webhooks: ASGIApp, console: ASGIApp) -> ASGIApp:
    """One application: the webhooks under their prefix, the console everywhere else."""

    async def by_path(scope: Scope, receive: Receive, send: Send) -> None:
        mine = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (webhooks if mine else console)(scope, receive, send)

    return by_path


def _webhook(path: str, **parameters: Mapping[str, Any]) -> Callable[[Webhook], Webhook]:
    """A route for signed requests. Its parameters are checked by itself: whatever Twilio asks gets a document."""

    def add(webhook: Webhook) -> Webhook:
        name = webhook.__name__

        async def endpoint(request: Request) -> Response:
            deps: TwilioDeps = request.app.state.twilio
            began = time.perf_counter()
            status = 403
            try:
                answer = await webhook(request, await _signed(request, deps), deps)
                status = answer.status_code
            finally:
                deps.observe(name, status, time.perf_counter() - began)
            return answer

        described = [
            {"name": parameter, "in": "path", "required": True, "schema": schema}
            for parameter, schema in parameters.items()
        ]
        router.post(
            path,
            name=name,
            summary=webhook.__doc__,
            responses=_TWIML,
            openapi_extra={"requestBody": _BODY, "parameters": described},
        )(endpoint)
        return webhook

    return add


async def _signed(request: Request, deps: TwilioDeps) -> FormData:
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
    signature = request.headers.get(HEADER, "")
    if not deps.signatures.accept(scope["raw_path"], scope["query_string"], form, signature):
        structlog.get_logger().warning("unsigned", route=getattr(scope.get("route"), "path", ""))
        raise HTTPException(403)
    return form


def on_threads() -> Run:
    """Runs what asks the store on threads."""
    threads = ThreadPoolExecutor(_THREADS, "twilio")
    return lambda work: asyncio.get_running_loop().run_in_executor(threads, work)


class _Workers:
    """Runs what asks the store; and the answer when it does not come in time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._given_up: set[asyncio.Future[str]] = set()

    def _let_go(self, running: asyncio.Future[str]) -> None:
        self._given_up.discard(running)
        if not running.cancelled():
            running.exception()

    async def run(self, form: FormData, work: Callable[[], str], otherwise: Callable[[], str]) -> Response:
        """What `work` answers; `otherwise` when it fails or takes too long."""
        running = asyncio.ensure_future(self._run(work))
        try:
            # Not `asyncio.timeout`: what is given up may take its time to end, and Twilio does not wait for that.
            done, _ = await asyncio.wait({running}, timeout=_ANSWER_WITHIN_S)
            if not done:
                self._given_up.add(running)
                running.add_done_callback(self._let_go)
                running.cancel()
                raise TimeoutError
            return _Xml(running.result())
        except NoCall as error:
            structlog.get_logger().warning("webhook without a call", error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever broke, the citizen stays on the line
            call_id = text(form, "CallSid")
            known = {"call_id": call_id} if CALL_SID.fullmatch(call_id) else {}
            structlog.get_logger().error("webhook failed", error=type(error).__name__, **known)
        return _Xml(otherwise())


def _workers(request: Request) -> _Workers:
    workers: _Workers = request.app.state.twilio_workers
    return workers


def _nothing() -> str:
    return NOTHING


@_webhook("/voice")
async def voice(request: Request, form: FormData, deps: TwilioDeps) -> Response:
    """A call comes in."""
    return await _workers(request).run(form, lambda: deps.driver.voice(form), deps.fallback.answer)


@_webhook(
    "/step/{seq}/{wait}",
    seq={"type": "integer", "minimum": 0, "maximum": _LAST_SEQ},
    wait={"type": "string", "enum": list(get_args(Wait))},
)
async def step(request: Request, form: FormData, deps: TwilioDeps) -> Response:
    """The outcome of an answer."""
    seq, wait = request.path_params["seq"], request.path_params["wait"]
    if not (seq.isdecimal() and int(seq[:9]) <= _LAST_SEQ and wait in get_args(Wait)):
        return _Xml(deps.fallback.answer())
    query = FormData(request.query_params)
    return await _workers(request).run(
        form, lambda: deps.driver.step(int(seq), wait, form, query), deps.fallback.answer
    )


@_webhook("/recording")
async def recording(request: Request, form: FormData, deps: TwilioDeps) -> Response:
    """A recording can be fetched."""
    return await _workers(request).run(form, lambda: deps.driver.recording(form), _nothing)


@_webhook("/status")
async def status(request: Request, form: FormData, deps: TwilioDeps) -> Response:
    """A call is over."""
    return await _workers(request).run(form, lambda: deps.driver.status(form), _nothing)


@_webhook("/made/{purpose}", purpose={"type": "string", "enum": ["call_back", "survey"]})
async def made(request: Request, form: FormData, deps: TwilioDeps) -> Response:
    """A call that we made was taken."""
    purpose = request.path_params["purpose"]
    return await _workers(request).run(form, lambda: deps.driver.made(purpose, form), lambda: HANGUP)


@_webhook("/fallback")
async def fallback(request: Request, form: FormData, deps: TwilioDeps) -> Response:  # noqa: ARG001 - as every webhook
    """What follows on a document that was given while the store was away."""
    return _Xml(deps.fallback.go_on(form))


@_webhook("/hold")
async def hold(request: Request, form: FormData, deps: TwilioDeps) -> Response:
    """What is heard in a queue; past the limit the caller leaves it."""
    limit, waited = request.query_params.get("limit", ""), text(form, "QueueTime")
    response = VoiceResponse()
    clip = deps.addresses.prompt("hold")
    if not clip or (limit.isdecimal() and waited.isdecimal() and int(waited[:9]) >= int(limit[:9])):
        response.leave()
    else:
        response.play(clip)
        response.pause(length=_BETWEEN_HOLDS_S)
    return _Xml(str(response))


@_webhook("/whisper")
async def whisper(request: Request, form: FormData, deps: TwilioDeps) -> Response:  # noqa: ARG001 - as every webhook
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
    clip = deps.addresses.prompt("whisper_accept")
    play(gather, [clip, clip])
    response.append(gather)
    response.hangup()
    return _Xml(str(response))


@router.get("/prompts/{clip:path}.wav", response_class=FileResponse)
async def prompt(clip: str, request: Request) -> Response:
    """A clip; its address changes with it, so that it may be kept."""
    deps: TwilioDeps = request.app.state.twilio
    file = _within(deps.prompts_dir, f"{clip}.wav")
    if file is None:
        raise HTTPException(404)
    return FileResponse(file, media_type="audio/wav", headers={"Cache-Control": f"public, max-age={_WEEK_S}"})


@router.get("/playback/{seal}/{path:path}", response_class=FileResponse)
def playback(seal: str, path: str, request: Request) -> Response:
    """A caller's own recording; a short silence where it cannot be had yet: the call goes on."""
    deps: TwilioDeps = request.app.state.twilio
    if not hmac.compare_digest(seal.encode(), deps.addresses.seal(path).encode()):
        raise HTTPException(403)
    file = deps.playback(path) or deps.prompts_dir / "pause.wav"
    return FileResponse(file, media_type="audio/wav", headers={"Cache-Control": "private, no-store"})


def _within(folder: Path, name: str) -> Path | None:
    """A file of a folder; None for one that is not there or lies outside."""
    root = folder.resolve()
    file = (root / name).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None
