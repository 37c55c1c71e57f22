"""The application with somebody of every role signed in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from casebook import roles
from casebook.store import upgrade
from casebook.store.people import People
from tests.api.conftest import OWN_PAGE
from tests.api.night import PASSWORD, Night
from tests.casebook.play import book

UNITS = {"liaison": "haizhou", "deputy": "haizhou", "other_liaison": "zhujian", "operator": "shichang"}
CASE = {
    "channel": "phone",
    "demand": "complaint",
    "title": "物业不修电梯",
    "body": "小区电梯坏了三天，物业一直不来修。",
    "place": "海州区幸福小区",
    "matter": "物业管理",
    "region": "海州区",
    "name": "王女士",
    "phone": "13851235678",
}


class House:
    """Everybody, each with a browser."""

    def __init__(self, night: Night, browsers: ExitStack) -> None:
        self.night = night
        self.app = night.app()
        self._keys = count(1)
        self.people = People(night.engine, book())
        self.browsers: dict[str, TestClient] = {}
        names = {**{role: role for role in roles.STAFF}, "other_liaison": roles.LIAISON, "second": roles.DISPATCHER}
        for name, role in names.items():
            night.users.add(name, PASSWORD, role, name)
            if name in UNITS and role != roles.OPERATOR:
                self.people.appoint(UNITS[name], "deputy" if role == roles.DEPUTY else "liaison", name, night.clock())
            client = browsers.enter_context(TestClient(self.app, headers=OWN_PAGE))
            user = night.users.authenticate(name, PASSWORD, night.clock())
            assert user
            client.cookies.set("hotline", night.users.open_session(user.id, night.clock()))
            self.browsers[name] = client

    def post(self, who: str, path: str, body: dict[str, Any] | None = None, **other: Any) -> Response:
        """A request of somebody's, with a key of its own."""
        headers = {"Idempotency-Key": f"k{next(self._keys)}"}
        return self.browsers[who].post(f"/api/v1{path}", json=body, headers=headers, **other)

    def get(self, who: str, path: str) -> Response:
        """What somebody reads."""
        return self.browsers[who].get(f"/api/v1{path}")

    def register(self, who: str = "agent", **other: Any) -> str:
        """A case, registered by somebody."""
        answer = self.post(who, "/cases", {**CASE, **other})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["case_no"])

    def do(self, who: str, case_no: str, event: str, **fields: Any) -> Response:
        """Fire an event, with the version as it is now."""
        version = self.get("bureau", f"/cases/{case_no}").json()["case"]["version"]
        return self.post(who, f"/cases/{case_no}/{event}", {"version": version, **fields})

    def dispatched(self, **other: Any) -> str:
        """A case in the hands of the district, which the housing bureau helps."""
        case_no = self.register(**other)
        for who, event in (("agent", "to_triage"), ("dispatcher", "dispatch")):
            answer = self.do(who, case_no, event)
            assert answer.status_code == 200, answer.text
        return case_no


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A house over a new store."""
    night = Night(folder, fresh=False)
    upgrade(night.engine)
    with ExitStack() as browsers:
        yield House(night, browsers)
    night.engine.dispose()
