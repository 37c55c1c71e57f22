"""The Twilio driver, built from the settings; and the jobs that follow on what Twilio reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
from prometheus_client import CollectorRegistry, Histogram
from sqlalchemy.util import greenlet_spawn
from starlette.datastructures import FormData

from call_router.plan import DEFAULT_QUEUE
from casebook.store.carrier import END, FETCH, CarrierReports
from casebook.store.cases import add_effect
from casebook.store.intake import CallIntake
from casebook.store.outbound import CALL_BACK, EFFECT, SURVEY, OutboundCalls
from config.jobs import Handler, Unready, Writes
from config.settings import Settings, SettingsError
from config.wiring import Hotline, load_flow, utc_now
from ivr import events
from ivr.ports import NewCall
from ivr.service import CallService
from ivr.twilio.cloud import Account, Cloud, CloudError, Media
from ivr.twilio.driver import TwilioDriver
from ivr.twilio.fallback import Fallback
from ivr.twilio.outcomes import CALL_SID
from ivr.twilio.reaper import CloudReaper
from ivr.twilio.routes import TwilioDeps, on_threads
from ivr.twilio.signature import HEADER, Signatures
from ivr.twilio.twiml import Addresses, Targets, TwimlWriter
from ivr.verbs import Leg
from transcription.audio import probe

OUTBOUND_FLOWS = {CALL_BACK: "callback.yaml", SURVEY: "survey.yaml"}
_PLAYBACK_WITHIN_S = 4
_CHECK_WITHIN_S = 5
_RING_S = 30
_DELETE = "delete_recording"


def configured(settings: Settings) -> bool:
    """Whether the line is at Twilio too."""
    return bool(settings.twilio_account_sid and settings.twilio_auth_token and settings.public_url)


def account(settings: Settings) -> Account:
    """The account. Raises SettingsError with the name of what is missing."""
    for name in ("twilio_account_sid", "twilio_auth_token", "public_url"):
        if not getattr(settings, name):
            raise SettingsError(f"HOTLINE_{name.upper()} is not set")
    tokens = tuple(token.strip() for token in settings.twilio_auth_token.split(",") if token.strip())
    return Account(settings.twilio_account_sid, tokens, settings.twilio_api)


def signatures(settings: Settings) -> Signatures:
    """Checks requests of this account. Raises SettingsError."""
    known = account(settings)
    return Signatures(known.tokens, known.sid, settings.public_url)


def fallback(hotline: Hotline) -> Fallback:
    """Documents that need no state."""
    # From the file alone: it must do when the store, which knows who is on duty, is away.
    queue = hotline.directory.queues.get(DEFAULT_QUEUE)
    if queue is None:
        raise SettingsError("lines.yaml has no queue 'agents', where callers go when all else fails")
    agents = Leg("queue", DEFAULT_QUEUE, DEFAULT_QUEUE, "", queue.timeout_s)
    return Fallback(_addresses(hotline), _targets(hotline.settings), agents)


def webhooks(hotline: Hotline, registry: CollectorRegistry) -> TwilioDeps:
    """What the webhooks are built from; `registry` shows how long they take. Raises SettingsError."""
    seconds = Histogram(
        "hotline_webhook_seconds", "Time to answer a webhook of Twilio's", ("webhook", "status"), registry=registry
    )
    media = _media(hotline)

    def playback(path: str) -> Any:
        try:
            return media.bring(path, _PLAYBACK_WITHIN_S)
        except CloudError:
            return None

    # A thread for each webhook costs more than the webhook: PostgreSQL is waited for on the event loop instead. SQLite
    # answers at once, or has one writer that all wait for: there threads do better.
    on_loop = hotline.engine.dialect.name == "postgresql"
    line = Hotline(hotline.settings, on_loop=True) if on_loop else hotline
    driver = TwilioDriver(
        line.service,
        {purpose: _outbound_service(line, file) for purpose, file in OUTBOUND_FLOWS.items()},
        TwimlWriter(_addresses(hotline), _targets(hotline.settings)),
        CarrierReports(line.store),
        utc_now,
    )
    return TwilioDeps(
        signatures(hotline.settings),
        driver,
        fallback(hotline),
        _addresses(hotline),
        hotline.settings.prompts_dir,
        playback,
        lambda name, status, took_s: seconds.labels(name, status).observe(took_s),
        greenlet_spawn if on_loop else on_threads(),
    )


def reaper(hotline: Hotline) -> CloudReaper:
    """Compares with the cloud what the webhooks told."""
    return CloudReaper(
        Cloud(account(hotline.settings)),
        hotline.service,
        CarrierReports(hotline.store, own_queues=not hotline.settings.twilio_pbx),
        CallIntake(hotline.store),
        hotline.settings.twilio_number,
        utc_now,
    )


def handlers(hotline: Hotline) -> Mapping[str, Handler]:
    """The jobs of a line that is at Twilio too; none where it is not."""
    if not configured(hotline.settings):
        return {}
    return {
        FETCH: FetchRecording(hotline),
        END: EndCall(hotline.service),
        EFFECT: MakeCall(hotline),
        _DELETE: DeleteRecording(Cloud(account(hotline.settings))),
    }


def check(settings: Settings) -> list[str]:
    """A request that we sign ourselves, to ourselves, through the public address; what is wrong with it."""
    if not configured(settings):
        return []
    signed = signatures(settings)
    if problem := signed.round_trip():
        return [problem]
    path = "/twilio/hold?limit=1"
    form = FormData([("AccountSid", settings.twilio_account_sid), ("CallSid", "CA" + "0" * 32), ("QueueTime", "0")])
    url = settings.public_url + path
    try:
        answers = [
            httpx2.post(url, data=dict(form.items()), headers=headers, timeout=_CHECK_WITHIN_S).status_code
            for headers in ({HEADER: signed.sign(path, form)}, {})
        ]
    except httpx2.HTTPError as error:
        return [f"HOTLINE_PUBLIC_URL: {settings.public_url} cannot be reached ({type(error).__name__})"]
    if answers != [200, 403]:
        return [
            f"HOTLINE_PUBLIC_URL: a signed request was answered with {answers[0]} and an unsigned one with"
            f" {answers[1]}, where 200 and 403 are right: the path must reach the web process as it was sent"
        ]
    return []


class FetchRecording:
    """Brings a recording, measures it, and writes what it turned out to be."""

    def __init__(self, hotline: Hotline) -> None:
        known = account(hotline.settings)
        self._media = _media(hotline)
        self._cloud = Cloud(known)
        self._reports = CarrierReports(hotline.store)
        self._delete = hotline.settings.twilio_delete_recordings

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """Raises CloudError while it is not there, Unready while a step of its call may still claim it."""
        call_id, path = str(payload["call_id"]), str(payload["path"])
        facts = probe(self._media.bring(path))
        if facts is None:
            raise CloudError("the file of the recording is no sound any more")
        claim = self._reports.claim_of(call_id, path)
        if claim == "open":
            raise Unready("the call goes on")
        new = self._unknown_call(call_id) if claim == "unknown" else NewCall(call_id, "twilio", "", "", utc_now())

        def write(connection: Any) -> None:
            now = utc_now()
            self._reports.keep(connection, new, path, facts, now)
            if self._delete:
                sid = str(payload["recording_sid"])
                add_effect(connection, _DELETE, f"delete:{sid}", {"recording_sid": sid}, now)

        return write

    def _unknown_call(self, call_id: str) -> NewCall:
        """A call that was answered while the store was away."""
        call = self._cloud.call(call_id)
        return NewCall(call_id, "twilio", call.caller, call.dialled, call.started_at or utc_now())


class EndCall:
    """Ends a call that Twilio said is over, where no step has ended it."""

    def __init__(self, service: CallService) -> None:
        self._service = service

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """The call's end is written by its own step."""
        call_id = str(payload["call_id"])
        answer = self._service.pending(call_id) if CALL_SID.fullmatch(call_id) else None
        if answer is not None:
            self._service.step(call_id, answer.seq, events.CallerGone())
        return _nothing


class MakeCall:
    """Makes a call that was asked for; once, also when a worker dies between making it and saying so."""

    def __init__(self, hotline: Hotline) -> None:
        self._cloud = Cloud(account(hotline.settings))
        self._calls = OutboundCalls(hotline.store)
        self._public_url = hotline.settings.public_url
        self._number = hotline.settings.twilio_number

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """Raises CloudError; Unready without a number to call from."""
        if not self._number:
            raise Unready("HOTLINE_TWILIO_NUMBER is not set")
        row_id = int(payload["id"])
        attempt = self._calls.begin(row_id, utc_now())
        if attempt is None:
            return _nothing
        sid = None
        if attempt.since is not None:
            made = self._cloud.calls_made(to=attempt.number, sender=self._number, since=attempt.since)
            sid = self._calls.unknown(made)
        sid = sid or self._cloud.make_call(
            to=attempt.number,
            sender=self._number,
            url=f"{self._public_url}/twilio/made/{attempt.purpose}",
            status_url=f"{self._public_url}/twilio/status",
            ring_s=_RING_S,
        )
        return lambda connection: self._calls.made(connection, row_id, sid)


class DeleteRecording:
    """Deletes at Twilio what is here."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """Raises CloudError."""
        self._cloud.delete_recording(str(payload["recording_sid"]))
        return _nothing


def _nothing(connection: Any) -> None:
    """A job that leaves nothing to write."""


def _media(hotline: Hotline) -> Media:
    folder = hotline.settings.recordings_dir
    return Media(account(hotline.settings), folder, lambda file: probe(file) is not None)


def _addresses(hotline: Hotline) -> Addresses:
    settings = hotline.settings
    return Addresses(
        settings.public_url, settings.prompts_dir, lambda path: hotline.privacy.index(path, "twilio.playback")[:32]
    )


def _targets(settings: Settings) -> Targets:
    return Targets(settings.twilio_pbx, settings.twilio_number)


def _outbound_service(hotline: Hotline, file: str) -> CallService:
    return CallService(hotline.store, hotline.router, load_flow(hotline.settings.city_dir, file), utc_now)
