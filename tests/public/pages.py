"""The application with the knowledge base, the suggestions and the public pages over a real SQLite store."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from casebook import roles
from casebook.api.app import create_app
from casebook.api.deps import ApiDeps
from casebook.api.knowledge_deps import KnowledgeDeps, PublicDeps
from casebook.api.open311 import DEMANDS, open_matters
from casebook.errors import CaseError
from casebook.handling.commands import Register
from casebook.privacy import Privacy
from casebook.roles import Actor
from casebook.store import open_engine, upgrade
from casebook.store.alerts import Alerts
from casebook.store.casework import Casework, Registered
from casebook.store.files import Files
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_gaps import KnowledgeGaps
from casebook.store.knowledge_index import KnowledgeSearch
from casebook.store.linkage import Linkage
from casebook.store.notices import Inbox
from casebook.store.people import People
from casebook.store.public import PublicCases, PublicQuery
from casebook.store.queries import Cases
from casebook.store.suggestions import Suggestions
from casebook.store.telephone_figures import TelephoneFigures
from casebook.store.users import Users
from casebook.store.voicemails import Voicemails
from casebook.suggest.adviser import Adviser, Model
from config.suggestions import CatalogueUnits
from tests.suggest.conftest import BOOK, CATALOGUE, PLACES

PASSWORD = "correct horse battery"
KEY = "a-key-of-at-least-24-characters"
STAFF = {"li": "dispatcher", "wang": "supervisor", "zhang": "agent", "zhao": "liaison", "sun": "bureau"}
AGENT = Actor("zhang", roles.AGENT)


class Pages:
    """A store in a folder and the application over it, with a clock that a test sets."""

    def __init__(self, folder: Path, model: Model) -> None:
        self.now = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
        self.engine = open_engine(f"sqlite:///{folder / 'hotline.db'}")
        upgrade(self.engine)
        self.privacy = Privacy("a secret of forty characters, for tests..")
        self.book = BOOK
        self.casework = Casework(self.engine, self.privacy, self.book, self.clock)
        self.users = Users(self.engine)
        self._folder = folder
        self._model = model
        self._keys = count()

    def clock(self) -> datetime:
        """The application's clock."""
        return self.now

    @cached_property
    def app(self) -> FastAPI:
        """The application, built once: its limits count what all clients do."""
        catalogue, places = CATALOGUE, PLACES
        suggestions = Suggestions(self.engine, self.clock)
        adviser = Adviser(catalogue, self._model, places, CatalogueUnits(self.book), suggestions, self.clock)
        return create_app(
            ApiDeps(
                casework=self.casework,
                cases=Cases(self.engine, self.privacy, self.book, self.clock),
                files=Files(self._folder / "attachments"),
                voicemails=Voicemails(self.engine, self.privacy, self.casework),
                alerts=Alerts(self.engine),
                inbox=Inbox(self.engine),
                users=self.users,
                recordings_dir=self._folder,
                console_dir=None,
                readiness=dict,
                clock=self.clock,
                cookie_secure=False,
                telephone=TelephoneFigures(self.engine),
                linkage=Linkage(self.engine, self.privacy, {}),
                platforms={},
                linkage_secrets={},
                knowledge=KnowledgeDeps(
                    entries=Knowledge(self.engine, self.clock),
                    search=KnowledgeSearch(self.engine, self.clock),
                    gaps=KnowledgeGaps(self.engine, self.clock),
                    adviser=adviser,
                    suggestions=suggestions,
                ),
                public=PublicDeps(
                    query=PublicQuery(self.engine, self.privacy, self.clock, self.book.deadlines),
                    cases=PublicCases(self.engine, DEMANDS, [one.name for one in open_matters(catalogue)]),
                    casework=self.casework,
                    catalogue=catalogue,
                    keys={"app": KEY},
                ),
            )
        )

    def client(self, name: str = "", *, address: str = "198.51.100.7") -> TestClient:
        """A client, signed in as one of STAFF where a name is given."""
        client = TestClient(self.app, headers={"X-Hotline-Client": "test"}, client=(address, 50000))
        if name:
            with suppress(CaseError):  # the second client of the same person
                self.users.add(name, PASSWORD, STAFF[name], name)
                if STAFF[name] == "liaison":
                    People(self.engine, self.book).appoint("renshe", "liaison", name, self.now)
            answer = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
        return client

    def case(
        self,
        body: str = "路灯坏了一排，晚上走路看不见",
        *,
        demand: str = "complaint",
        secret: bool = False,
        **more: str,
    ) -> Registered:
        """A registered case: number and query code."""
        command = Register(
            demand=demand,
            title=body[:10],
            body=body,
            place=more.get("place", "海州区苍梧路8号"),
            matter=more.get("matter", "道路设施"),
            region=more.get("region", "海州区"),
            phone="13812345678",
            name="王小明",
            secret=secret,
        )
        key = f"case-{next(self._keys)}"
        return self.casework.register(command, channel="phone", actor=AGENT, idempotency_key=key)

    def key(self) -> dict[str, str]:
        """A header with a request's key of its own."""
        return {"Idempotency-Key": f"request-{next(self._keys)}"}
