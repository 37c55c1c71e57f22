"""The web process: console, REST API, webhooks."""

from __future__ import annotations

from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from call_router.desk import Desk
from call_router.desk_line import DeskLine
from call_router.memberships import Memberships
from casebook.api.admin_deps import AdminDeps
from casebook.api.app import create_app
from casebook.api.board_hub import BoardHub
from casebook.api.deps import ApiDeps
from casebook.api.desk_parts import DeskParts
from casebook.api.knowledge_deps import KnowledgeDeps, PublicDeps
from casebook.api.oidc import Oidc, OidcSettings
from casebook.api.open311 import DEMANDS, open_matters
from casebook.console.build import CONSOLE_DIR
from casebook.store.accounts import Accounts
from casebook.store.alerts import Alerts
from casebook.store.calendar_years import CalendarYears
from casebook.store.desk import DeskLog
from casebook.store.desk_calls import DeskCalls
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_gaps import KnowledgeGaps
from casebook.store.knowledge_index import KnowledgeSearch
from casebook.store.legs import Legs
from casebook.store.linkage import Linkage
from casebook.store.notices import Inbox
from casebook.store.public import PublicCases, PublicQuery
from casebook.store.settings_versions import CityFiles
from casebook.store.suggestions import Suggestions
from casebook.store.telephone_figures import TelephoneFigures
from config import twilio
from config.check import READERS, city_findings
from config.linkage import platforms
from config.notices import routes
from config.pbx import agent_queues, manager
from config.serving.readiness import readiness
from config.settings import Settings
from config.softphone import browser_phone, socket_origin, socket_url
from config.suggestions import adviser
from config.wiring import Hotline, utc_now
from ivr.twilio.routes import beside
from ivr.twilio.routes import create_app as create_webhooks

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
            query=PublicQuery(hotline.engine, hotline.privacy, limits=hotline.casework.book.deadlines),
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
        admin=admin_deps(hotline),
        phone_origin=socket_origin(socket_url(settings)),
        oidc=oidc(settings),
        board=BoardHub(settings.redis_url) if settings.redis_url else None,
    )


def oidc(settings: Settings) -> Oidc | None:
    """The unified identity, where it is set up."""
    if not settings.oidc_issuer:
        return None
    return Oidc(
        OidcSettings(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            claim=settings.oidc_claim,
            redirect_uri=f"{settings.public_url}/api/v1/session/oidc/back",
        )
    )


def admin_deps(hotline: Hotline) -> AdminDeps:
    """What administrators do."""
    return AdminDeps(
        accounts=Accounts(hotline.engine, hotline.users, hotline.book),
        city=CityFiles(hotline.engine, hotline.settings.city_dir, city_findings),
        calendar=CalendarYears(hotline.engine, hotline.casework),
        readers=READERS,
        started_at=utc_now(),
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
    calls = DeskCalls(engine, hotline.privacy, hotline.cases, utc_now)
    return DeskParts(
        line,
        hotline.router,
        hotline.presence,
        hotline.callbacks,
        legs,
        log,
        extensions,
        calls,
        lambda extension: browser_phone(settings, extension),
    )
