"""A database of the second schema, with calls and cases in it, is brought to the current one: nothing is lost, and its
open cases have what cases have today.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, Table, column, insert, select, table, text

from casebook.handling.clocks import Span
from casebook.handling.record import CASE_FIELDS, plain, whole_ms
from casebook.numbering import case_number
from casebook.privacy import Privacy, mask_number
from casebook.roles import DISPATCHER, Actor
from casebook.store import open_engine
from casebook.store.calendar import load_calendar
from casebook.store.cases import QUERY_CODE
from casebook.store.migrate import alembic_config
from casebook.store.schema import call, case_, case_counter, event, recording
from casebook.store.verify import rebuild, verify_chains
from config.settings import Settings
from config.wiring import Hotline
from tests.store.conftest import SECRET

CALLED = datetime(2026, 11, 23, 14, 0, 0, 123456, tzinfo=UTC)
"""22:00 on a Monday in the city."""
ENDED = CALLED + timedelta(minutes=3)
REGISTERED_AT = CALLED + timedelta(hours=11)
NUMBER = "+8613812345678"
DRAFT, REGISTERED, EARLY, WITHHELD = (case_number("20261123", n) for n in (1, 2, 3, 4))
ALL = (DRAFT, REGISTERED, EARLY, WITHHELD)
WORDS = {"title": "路灯不亮", "body": "解放路十二号门前的路灯不亮", "demand": "help"}


class SecondVersion:
    """What the version of the second schema wrote, by its own rules and not by today's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._privacy = Privacy(SECRET)
        self._last: dict[int, tuple[int, str]] = {}

    def voicemail(self, n: int, *, number: str = NUMBER) -> int:
        """A call with a kept recording and its draft; the id of the case."""
        call_id, path, case_no = f"old-{n}", f"20261123/old-{n}.wav", case_number("20261123", n)
        self._put(
            call,
            call_id=call_id,
            carrier="asterisk",
            ani_enc=self._privacy.encrypt(number, f"call.ani:{call_id}") if number else None,
            ani_hmac=self._privacy.index(number, "ani") if number else None,
            ani_masked=mask_number(number),
            dnis="12345",
            started_at=CALLED,
            outcome="voicemail",
        )
        self._put(
            recording, id=n, call_id=call_id, path=path, seq=1, duration_ms=9000, speech_ms=8000, sha256="0" * 64,
            kept=True, created_at=CALLED,
        )  # fmt: skip
        self._put(
            case_, id=n, case_no=case_no, channel="voicemail", call_id=call_id, recording_id=n, state="DRAFT",
            demand="", title="", body="", received_at=CALLED, version=1,
            query_code_enc=self._privacy.encrypt("123456", f"{QUERY_CODE}:{case_no}"),
            query_code_hmac=self._privacy.index("123456", f"{QUERY_CODE}:{case_no}"),
        )  # fmt: skip
        opened = {"call_id": call_id, "recording": path, "demand": ""}
        self._append(n, "open_by_voicemail", "system", CALLED, "", "DRAFT", opened)
        return n

    def hang_up(self, n: int, state: str = "DRAFT") -> None:
        """The call is over: the case's clock starts."""
        self._connection.execute(case_.update().where(case_.c.id == n).values(clock_started_at=ENDED))
        self._append(n, "start_clock", "system", ENDED, state, state, {"call_id": f"old-{n}"})

    def register(self, n: int) -> None:
        """A reviewer registers the demand."""
        values = {**WORDS, "registered_at": REGISTERED_AT, "registered_by": "wang", "state": "REGISTERED", "version": 2}
        self._connection.execute(case_.update().where(case_.c.id == n).values(values))
        self._append(n, "register", "wang", REGISTERED_AT, "DRAFT", "REGISTERED", WORDS, f"wang:key-{n}")

    def _put(self, known: Table, **values: Any) -> None:
        """A row with the columns of then: today's table would write its own defaults too."""
        old = table(known.name, *(column(name, known.c[name].type) for name in values))
        self._connection.execute(insert(old).values(values))

    def _append(
        self, n: int, kind: str, actor: str, at: datetime, before: str, after: str, payload: dict[str, Any],
        key: str | None = None,
    ) -> None:  # fmt: skip
        seq, previous = self._last.get(n, (0, "0" * 64))
        values: dict[str, Any] = {
            "seq": seq + 1,
            "type": kind,
            "actor": actor,
            "at": at.isoformat(timespec="milliseconds"),
            "from_state": before,
            "to_state": after,
            "payload": _json(payload),
        }
        body = _json({"case_no": case_number("20261123", n), **values})
        digest = hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()
        self._last[n] = (seq + 1, digest)
        self._put(event, case_id=n, prev_hash=previous, idempotency_key=key, hash=digest, **values)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def write_second_schema(engine: Engine) -> None:
    """A draft, and three cases that were registered: one before its call was over, one of a withheld number."""
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    with engine.begin() as connection:
        old = SecondVersion(connection)
        old.hang_up(old.voicemail(1))
        old.hang_up(old.voicemail(2))
        old.register(2)
        old.register(old.voicemail(3))
        old.hang_up(old.voicemail(4, number=""))
        old.register(4)
        connection.execute(insert(case_counter).values(day="20261123", n=4))
        if engine.dialect.name == "postgresql":
            for name in ("case_", "recording"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 4)"))


@pytest.fixture
def upgraded(url: str, tmp_path: Path) -> Any:
    engine = open_engine(url)
    write_second_schema(engine)
    engine.dispose()
    hotline = Hotline(Settings(data_dir=tmp_path, database_url=url, secret_key=SECRET))
    hotline.upgrade()
    yield hotline
    hotline.close()


def case_of(hotline: Hotline, case_no: str) -> Any:
    with hotline.engine.connect() as connection:
        return connection.execute(select(case_).where(case_.c.case_no == case_no)).one()


def facts_of(hotline: Hotline, case_no: str) -> list[Any]:
    """A case's fields, as exact as its history keeps them."""
    row = case_of(hotline, case_no)
    return [plain(getattr(row, name)) for name in CASE_FIELDS]


def events_of(hotline: Hotline, case_no: str) -> list[str]:
    wanted = select(event.c.type).join(case_, case_.c.id == event.c.case_id).where(case_.c.case_no == case_no)
    with hotline.engine.connect() as connection:
        return list(connection.scalars(wanted.order_by(event.c.seq)))


def test_every_history_is_whole_and_makes_the_rows(upgraded: Hotline) -> None:
    assert verify_chains(upgraded.engine) == []
    before = [facts_of(upgraded, one) for one in ALL]
    with upgraded.engine.begin() as connection:
        for one in ALL:
            rebuild(connection, one)
    assert [facts_of(upgraded, one) for one in ALL] == before
    assert events_of(upgraded, REGISTERED) == ["open_by_voicemail", "start_clock", "register", "recount"]


def test_a_case_that_was_registered_has_its_limits_by_the_call_and_the_registration(upgraded: Hotline) -> None:
    rule = upgraded.book.limit_for("help", "", REGISTERED_AT, urgent=False)
    with upgraded.engine.connect() as connection:
        days = load_calendar(connection)
    case, early = case_of(upgraded, REGISTERED), case_of(upgraded, EARLY)
    assert case.clock_started_at == ENDED
    assert case.due_at == case.first_due_at == rule.handling.end(ENDED, days)
    assert case.triage_due_at == whole_ms(Span.parse(rule.triage).end(REGISTERED_AT, days))
    # Registered while its call went on: the clock runs from there.
    assert early.clock_started_at == early.registered_at == REGISTERED_AT
    assert early.due_at == rule.handling.end(REGISTERED_AT, days)


def test_its_caller_is_its_citizen_and_can_be_called(upgraded: Hotline) -> None:
    dispatcher = Actor("li", DISPATCHER)
    for case_no in (REGISTERED, EARLY):
        assert upgraded.cases.reveal(case_no, dispatcher, "回拨核实")[0] == NUMBER
    assert case_of(upgraded, WITHHELD).citizen_id is None
    assert case_of(upgraded, WITHHELD).due_at is not None


def test_a_draft_stays_as_it_was_and_is_registered_by_todays_rules(upgraded: Hotline) -> None:
    assert events_of(upgraded, DRAFT) == ["open_by_voicemail", "start_clock"]
    upgraded.voicemails.register(DRAFT, version=1, actor=Actor("wang", "reviewer"), idempotency_key="new", **WORDS)
    draft, other = case_of(upgraded, DRAFT), case_of(upgraded, REGISTERED)
    assert (draft.due_at, draft.citizen_id) == (other.due_at, other.citizen_id)


def test_upgrading_again_changes_nothing(upgraded: Hotline) -> None:
    before = [(case_of(upgraded, one), events_of(upgraded, one)) for one in ALL]
    upgraded.upgrade()
    assert [
        (case_of(upgraded, one), events_of(upgraded, one)) for one in (DRAFT, REGISTERED, EARLY, WITHHELD)
    ] == before
