"""What each process of the hotline runs."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from types import FrameType

import dramatiq
import redis
import structlog
import uvicorn
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from agi_scripts.server import AgiServer
from call_router.ami import Fields
from call_router.calls_file import CallsFile
from call_router.conversations import Conversations
from call_router.desk import Desk
from call_router.desk_line import DeskLine
from call_router.leg_events import LegEvents
from call_router.memberships import Memberships
from call_router.reaper import Reaper
from casebook.api.app import create_app
from casebook.api.board_hub import BoardHub
from casebook.api.deps import ApiDeps
from casebook.api.desk_parts import DeskParts
from casebook.api.knowledge_deps import KnowledgeDeps, PublicDeps
from casebook.api.open311 import DEMANDS, open_matters
from casebook.console.build import CONSOLE_DIR
from casebook.store.alerts import Alerts
from casebook.store.desk import DeskLog
from casebook.store.engine import reading
from casebook.store.intake import CallIntake
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_gaps import KnowledgeGaps
from casebook.store.knowledge_index import KnowledgeSearch
from casebook.store.legs import Legs
from casebook.store.linkage import Linkage
from casebook.store.nightly import plan_night
from casebook.store.notices import Inbox
from casebook.store.public import PublicCases, PublicQuery
from casebook.store.suggestions import Suggestions
from casebook.store.telephone_figures import TelephoneFigures
from config import twilio
from config.board import board_feed, telephone_record
from config.handlers import handlers
from config.jobs import Jobs, Relay, build_actors, build_broker
from config.linkage import Telling, platforms
from config.model import check_model
from config.notices import routes
from config.pbx import agent_queues, manager
from config.settings import Settings, SettingsError
from config.suggestions import adviser
from config.wiring import Hotline, utc_now
from ivr.twilio.routes import beside
from ivr.twilio.routes import create_app as create_webhooks
from transcription.model import ModelMissing

_DRAIN_S = 15
_STREAMS_S = 5


def serve_web(hotline: Hotline) -> None:
    """The console and the REST API, until SIGTERM."""
    settings = hotline.settings
    deps = api_deps(hotline)
    app: ASGIApp = create_app(deps)
    if twilio.configured(settings):
        app = beside(create_webhooks(twilio.webhooks(hotline, deps.registry)), app)
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.http_proxies),
            forwarded_allow_ips=settings.http_proxies,
            # A console that does not let go of its stream does not hold up a stop.
            timeout_graceful_shutdown=_STREAMS_S,
        )
    )
    server.board = deps.board
    if deps.desk is not None:
        deps.desk.line.start()
    server.run()
    if deps.desk is not None:
        deps.desk.line.stop()


class _Server(uvicorn.Server):
    """Ends the boards' streams before it waits for requests under way."""

    board: BoardHub | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.board is not None:
            self.board.end_streams()
        super().handle_exit(sig, frame)


def api_deps(hotline: Hotline) -> ApiDeps:
    """What the API is built from."""
    settings = hotline.settings
    built = CONSOLE_DIR / "dist"
    advice = adviser(hotline)
    return ApiDeps(
        casework=hotline.casework,
        cases=hotline.cases,
        files=hotline.files,
        voicemails=hotline.voicemails,
        alerts=Alerts(hotline.engine),
        inbox=Inbox(hotline.engine),
        users=hotline.users,
        knowledge=KnowledgeDeps(
            entries=Knowledge(hotline.engine),
            search=KnowledgeSearch(hotline.engine),
            gaps=KnowledgeGaps(hotline.engine),
            adviser=advice,
            suggestions=Suggestions(hotline.engine),
        ),
        public=PublicDeps(
            query=PublicQuery(hotline.engine, hotline.privacy),
            cases=PublicCases(hotline.engine, DEMANDS, [matter.name for matter in open_matters(advice.catalogue)]),
            casework=hotline.casework,
            catalogue=advice.catalogue,
            keys=settings.open311_programs,
        ),
        recordings_dir=settings.recordings_dir,
        console_dir=built if (built / "index.html").is_file() else None,
        readiness=lambda: readiness(hotline),
        clock=utc_now,
        cookie_secure=settings.public_url.startswith("https:"),
        desk=desk_parts(hotline),
        telephone=TelephoneFigures(hotline.engine),
        linkage=Linkage(hotline.engine, hotline.privacy, routes(settings)),
        platforms=platforms(settings),
        linkage_secrets=settings.linkage_keys,
        board=BoardHub(settings.redis_url) if settings.redis_url else None,
    )


def desk_parts(hotline: Hotline) -> DeskParts:
    """What agents do with calls, over a line of its own to the PBX."""
    settings, engine = hotline.settings, hotline.engine
    legs, log = Legs(engine), DeskLog(engine)
    agents = agent_queues(settings.city_dir, hotline.directory)
    line = DeskLine(
        lambda: manager(settings),
        lambda ami: Desk(ami, hotline.router, legs, log, utc_now),
        lambda ami: Memberships(ami, hotline.presence, agents),
    )
    extensions = frozenset(agent.extension for agent in agents)
    return DeskParts(line, hotline.router, hotline.presence, hotline.callbacks, legs, log, extensions)


def readiness(hotline: Hotline) -> dict[str, str | None]:
    """Each part that the hotline needs, with what is wrong with it or None."""
    return {
        "store": _store_problem(hotline),
        "broker": _broker_problem(hotline.settings),
        "model": _model_problem(hotline),
    }


def _store_problem(hotline: Hotline) -> str | None:
    try:
        with reading(hotline.engine) as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return type(error).__name__
    return None


def _broker_problem(settings: Settings) -> str | None:
    if not settings.redis_url:
        return "HOTLINE_REDIS_URL is not set"
    try:
        with redis.Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError as error:
        return type(error).__name__
    return None


def _model_problem(hotline: Hotline) -> str | None:
    try:
        check_model(hotline.settings)
    except ModelMissing as error:
        return str(error)
    return None


def serve_agi(hotline: Hotline, port: int, stop: threading.Event) -> None:
    """Answer calls until told to stop; then let those under way finish. Raises SettingsError for a taken port."""
    settings = hotline.settings
    peers = frozenset(peer.strip() for peer in settings.agi_allowed.split(","))
    driver = hotline.agi_driver
    try:
        server = AgiServer(
            settings.agi_host, port, driver.handle, allowed_peers=peers, max_calls=settings.agi_max_calls
        )
    except OSError as error:
        raise SettingsError(f"HOTLINE_AGI_PORT: port {port} cannot be used ({error.strerror})") from error

    def watch() -> None:
        stop.wait()
        server.stop()

    threading.Thread(target=watch, name="stop", daemon=True).start()
    structlog.get_logger().info("answering", port=server.port)
    server.serve()
    given_back = server.drain(_DRAIN_S)
    structlog.get_logger().info("drained", given_back=given_back)


def serve_worker(hotline: Hotline, stop: threading.Event) -> None:
    """Do jobs until told to stop. Raises SettingsError without a broker."""
    settings = hotline.settings
    if not settings.redis_url:
        raise SettingsError("HOTLINE_REDIS_URL is not set (`hotline run` starts a broker of its own)")
    # Calls come first: recognition takes what they leave of the processor.
    os.nice(settings.worker_nice)
    broker = build_broker(settings.redis_url)
    jobs = Jobs(hotline.outbox, {**handlers(hotline), **twilio.handlers(hotline)}, utc_now)
    reaper = twilio.reaper(hotline) if twilio.configured(settings) else None
    relay = Relay(jobs, build_actors(broker, jobs))
    telling = Telling(hotline.engine, settings)
    with hotline.engine.begin() as connection:
        plan_night(connection, utc_now())
    worker = dramatiq.Worker(broker, worker_threads=settings.worker_threads)
    worker.start()
    relay.start()
    telling.start()
    if reaper:
        reaper.start()
    if problem := _model_problem(hotline):
        structlog.get_logger().warning("voicemails wait for a model", reason=problem)
    stop.wait()
    telling.stop()
    if reaper:
        reaper.stop()
    relay.stop()
    worker.stop()
    broker.close()


def serve_router(hotline: Hotline, stop: threading.Event) -> None:
    """Follow the PBX until told to stop."""
    asyncio.run(_route(hotline, stop))


async def _route(hotline: Hotline, stop: threading.Event) -> None:
    settings = hotline.settings

    def on_event(event: Fields) -> None:
        reaper.on_event(event)
        leg_events.on_event(event)
        if feed:
            feed.on_event(event)

    ami = manager(settings, on_event)
    settings.calls_dir.mkdir(parents=True, exist_ok=True)
    legs = Legs(hotline.engine)
    leg_events = LegEvents(legs, hotline.callbacks, utc_now)
    reaper = Reaper(
        ami,
        hotline.service,
        CallIntake(hotline.store),
        hotline.recordings,
        CallsFile(settings.calls_dir),
        legs,
        Conversations(settings.recordings_dir, DeskLog(hotline.engine), utc_now),
        system_name=settings.system_name,
        clock=utc_now,
    )
    memberships = Memberships(ami, hotline.presence, agent_queues(settings.city_dir, hotline.directory))
    feed, record = board_feed(hotline, ami), telephone_record(hotline, ami)

    async def reap() -> None:
        # What became of calls that ended while nobody followed stands in the queues' log.
        await record.was_read.wait()
        await reaper.run()

    jobs = [ami.run(), record.run(), reap(), memberships.run(), *([feed.run()] if feed else [])]
    tasks = [asyncio.create_task(job) for job in jobs]
    await asyncio.to_thread(stop.wait)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
