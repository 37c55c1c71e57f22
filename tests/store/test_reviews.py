"""Several reviewers at one night: each voicemail is held by one of them, and none is left over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from casebook import roles
from casebook.errors import CaseError
from casebook.handling.commands import Register
from casebook.privacy import Privacy
from casebook.roles import Actor
from casebook.rulebook import load_rulebook
from casebook.store import open_engine, upgrade
from casebook.store.alerts import FoundAlarm, raise_alerts
from casebook.store.calls import SqlCallStore
from casebook.store.casework import Casework
from casebook.store.notices import Address
from casebook.store.review_tables import review_claim, transcript_correction
from casebook.store.reviews import CLAIM_HOLDS
from casebook.store.router_tables import callback_task
from casebook.store.transcripts import save_transcript
from casebook.store.voicemails import Voicemails
from config.settings import CITY
from ivr.events import CaseOpened
from ivr.ports import KeptRecording, NewCall, OpenVoicemailCase, SessionRow
from tests.store.conftest import NOW, SECRET

MINUTE = timedelta(minutes=1)
WANG, LI = Actor("wangmin", roles.REVIEWER), Actor("lihua", roles.REVIEWER)
DISPATCHER = Actor("zhao", roles.DISPATCHER)
FIELDS: dict[str, Any] = {"title": "工地夜间施工", "body": "解放路工地夜间施工噪音扰民。", "demand": "complaint"}


@dataclass
class House:
    """Voicemails over one database, and a clock that a test sets."""

    engine: Engine
    now: datetime = NOW
    made: int = 0

    def __post_init__(self) -> None:
        privacy = Privacy(SECRET)
        self.calls = SqlCallStore(self.engine, privacy)
        casework = Casework(self.engine, privacy, load_rulebook(CITY), lambda: self.now)
        self.voicemails = Voicemails(self.engine, privacy, casework, lambda: self.now)
        self.reviews = self.voicemails.reviews

    def voicemail(self, *, confidence: float | None = 0.9, error: str | None = None, ani: str = "13851235678") -> str:
        """A voicemail; without a confidence and an error it waits for its transcript."""
        self.made += 1
        call_id, path = f"pbx-{self.made}.1", f"{self.made}.wav"
        with self.calls.transaction() as work:
            session = SessionRow(call_id, "rev", 1, 0, {}, ())
            work.create_call(NewCall(call_id, "asterisk", ani, "12345", self.now), session)
            work.save_recording(call_id, KeptRecording(path, 3000, 3000, "0" * 64, True, 2), self.now)
            opened = work.open_by_voicemail(call_id, OpenVoicemailCase(path, "complaint"), self.now)
        assert isinstance(opened, CaseOpened)
        if confidence is not None or error is not None:
            with self.engine.begin() as connection:
                save_transcript(
                    connection,
                    self.recording(opened.case_no),
                    engine="vosk",
                    model="test",
                    text="" if error else "路灯坏了",
                    heard="" if error else "路灯怀了",
                    words=[],
                    suggestions=[],
                    quality={},
                    confidence=confidence,
                    error=error,
                    now=self.now,
                )
        return opened.case_no

    def recording(self, case_no: str) -> int:
        return int(self.voicemails.get(case_no).recording_id or 0)

    def alarm(self, case_no: str, severity: str) -> None:
        found = FoundAlarm("fire", "火情", severity, "着火", "找火", "text", 1.0, 0)
        with self.engine.begin() as connection:
            routes = {"alert": (Address("in_app", "duty"),)}
            raise_alerts(connection, self.recording(case_no), [found], routes, self.now)

    def register(self, case_no: str, actor: Actor) -> None:
        item = self.voicemails.get(case_no)
        self.voicemails.register(
            case_no, version=item.version, actor=actor, idempotency_key=f"{actor.name}-{case_no}", **FIELDS
        )

    def worst(self, limit: int = 50) -> list[list[str]]:
        """The pages of the order of the review."""
        pages, cursor = [], None
        while True:
            page = self.voicemails.page(since=None, until=None, state=None, cursor=cursor, limit=limit, order="worst")
            pages.append([item.case_no for item in page.items])
            cursor = page.next_cursor
            if cursor is None:
                return pages


@pytest.fixture
def house(url: str) -> Iterator[House]:
    engine = open_engine(url)
    upgrade(engine)
    yield House(engine)
    engine.dispose()


def held_by(house: House, case_no: str) -> str:
    claim = house.voicemails.get(case_no).claim
    return claim.reviewer if claim else ""


def test_the_worst_comes_first_and_pages_follow_each_other(house: House) -> None:
    pending = house.voicemail(confidence=None)
    older, newer = house.voicemail(), house.voicemail()
    unsure, rejected = house.voicemail(confidence=0.4), house.voicemail(confidence=None, error="broken")
    risk, emergency = house.voicemail(), house.voicemail()
    house.alarm(risk, "risk")
    house.alarm(emergency, "emergency")
    done, done_later = house.voicemail(), house.voicemail()
    house.register(done, WANG)
    house.register(done_later, WANG)
    expected = [emergency, risk, unsure, rejected, older, newer, pending, done_later, done]
    assert house.worst() == [expected]
    assert house.worst(limit=2) == [expected[at : at + 2] for at in range(0, len(expected), 2)]


def test_a_caller_who_is_called_back_comes_after_what_can_be_decided(house: House) -> None:
    first, second = house.voicemail(ani="13851230001"), house.voicemail(ani="13851230002")
    house.reviews.ask_call_back(first, "地址没听清")
    house.reviews.ask_call_back(first, "地址没听清")
    assert house.worst() == [[second, first]]
    assert house.voicemails.get(first).call_back
    assert not house.voicemails.get(second).call_back
    with house.engine.connect() as connection:
        tasks = connection.execute(select(callback_task.c.reason, callback_task.c.calls, callback_task.c.note)).all()
    assert [tuple(task) for task in tasks] == [("requested", 1, f"核实留言 {first}：地址没听清")]


def test_one_call_back_says_what_to_ask_about_each_voicemail_of_a_caller(house: House) -> None:
    first, second = house.voicemail(ani="13851230001"), house.voicemail(ani="13851230001")
    for case_no, note in ((first, "地址没听清"), (second, ""), (first, "地址没听清")):
        house.reviews.ask_call_back(case_no, note)
    with house.engine.connect() as connection:
        notes = connection.scalars(select(callback_task.c.note)).all()
    assert notes == [f"核实留言 {first}：地址没听清；核实留言 {second}"]


def test_a_withheld_number_cannot_be_called_back(house: House) -> None:
    case_no = house.voicemail(ani="")
    with pytest.raises(CaseError, match="没有显示号码"):
        house.reviews.ask_call_back(case_no, "")


def test_two_reviewers_get_different_voicemails_and_each_gets_their_own_again(house: House) -> None:
    first, second = house.voicemail(), house.voicemail()
    assert house.voicemails.next("wangmin") == first
    assert house.voicemails.next("wangmin") == first, "the answer was lost: the same one again"
    assert house.voicemails.next("lihua") == second
    assert house.voicemails.next("zhang") is None


def test_many_at_once_get_each_voicemail_once(house: House) -> None:
    made = {house.voicemail() for _ in range(12)}
    names = [f"reviewer{n}" for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(house.voicemails.next, names))
    counted = Counter(case_no for case_no in got if case_no)
    assert set(counted) == made
    assert set(counted.values()) == {1}
    assert got.count(None) == 4


def test_a_claim_comes_free_when_its_time_is_over_and_lasts_while_it_is_renewed(house: House) -> None:
    case_no = house.voicemail()
    assert house.voicemails.next("wangmin") == case_no
    house.now += CLAIM_HOLDS - MINUTE
    claim = house.reviews.take(case_no, "wangmin")
    assert claim is not None
    assert claim.until == house.now + CLAIM_HOLDS
    house.now += CLAIM_HOLDS - MINUTE
    assert house.voicemails.next("lihua") is None
    house.now += MINUTE
    assert held_by(house, case_no) == ""
    assert house.voicemails.next("lihua") == case_no
    assert held_by(house, case_no) == "lihua"


def test_a_voicemail_that_is_left_or_decided_is_let_go(house: House) -> None:
    first, second = house.voicemail(), house.voicemail()
    house.voicemails.next("wangmin")
    house.reviews.release(first, "lihua")
    assert held_by(house, first) == "wangmin", "only its holder lets go"
    house.reviews.release(first, "wangmin")
    assert house.voicemails.next("lihua") == first
    house.register(first, LI)
    assert house.voicemails.next("lihua") == second
    with house.engine.connect() as connection:
        assert len(connection.execute(select(review_claim)).all()) == 1


def test_whoever_leaves_one_for_later_gets_another(house: House) -> None:
    first, second = house.voicemail(), house.voicemail()
    assert house.voicemails.next("wangmin") == first
    assert house.voicemails.next("wangmin", [first]) == second
    assert house.voicemails.next("wangmin", [first, second]) is None
    assert house.voicemails.next("lihua") == first


def test_opening_one_by_hand_holds_it_and_lets_go_of_the_other(house: House) -> None:
    first, second = house.voicemail(), house.voicemail()
    house.voicemails.next("wangmin")
    house.reviews.take(second, "wangmin")
    assert (held_by(house, first), held_by(house, second)) == ("", "wangmin")
    claim = house.reviews.take(second, "lihua")
    assert claim is not None
    assert claim.reviewer == "wangmin"


def test_what_is_decided_already_is_held_by_nobody(house: House) -> None:
    case_no = house.voicemail()
    house.register(case_no, WANG)
    assert house.reviews.take(case_no, "lihua") is None


def test_nobody_decides_about_what_somebody_else_reviews(house: House) -> None:
    case_no, master = house.voicemail(), house.voicemail()
    house.register(master, WANG)
    house.reviews.take(case_no, "wangmin")
    version = house.voicemails.get(case_no).version
    decisions: list[Callable[[], None]] = [
        lambda: house.register(case_no, LI),
        lambda: house.voicemails.discard(case_no, version=version, actor=LI, reason="误拨", idempotency_key="k"),
        lambda: house.voicemails.register_again(
            case_no, version=version, actor=LI, command=Register(**FIELDS), master_no=master, idempotency_key="k"
        ),
    ]
    for decide in decisions:
        with pytest.raises(CaseError) as refused:
            decide()
        assert refused.value.code == "held"
    assert house.voicemails.get(case_no).state == "DRAFT"
    house.now += CLAIM_HOLDS
    house.register(case_no, LI)


def test_a_demand_that_is_known_already_is_merged_or_sent_to_triage_with_that_advice(house: House) -> None:
    master, one, two = house.voicemail(), house.voicemail(), house.voicemail()
    house.register(master, WANG)
    for case_no, actor in ((one, WANG), (two, DISPATCHER), (two, DISPATCHER)):
        house.voicemails.register_again(
            case_no, version=1, actor=actor, command=Register(**FIELDS), master_no=master, idempotency_key="again"
        )
    assert house.voicemails.get(one).state == "TRIAGE"
    assert house.voicemails.get(one).events[-1].payload["note"] == f"与 {master} 为同一诉求，建议并单"
    assert house.voicemails.get(two).state == "MERGED"
    assert [event.type for event in house.voicemails.get(two).events][-2:] == ["register", "merge"]


def test_a_merge_that_is_refused_registers_nothing(house: House) -> None:
    case_no, draft = house.voicemail(), house.voicemail()
    for master in ("LYG20261123999999", case_no, draft):
        with pytest.raises(CaseError):
            house.voicemails.register_again(
                case_no,
                version=1,
                actor=DISPATCHER,
                command=Register(**FIELDS),
                master_no=master,
                idempotency_key=master,
            )
        assert house.voicemails.get(case_no).state == "DRAFT"


def test_a_corrected_text_is_kept_beside_what_the_machine_wrote(house: House) -> None:
    case_no, other = house.voicemail(), house.voicemail()
    assert house.voicemails.get(case_no).correction is None
    house.reviews.correct(case_no, "路灯换了", "wangmin", "k1")
    house.reviews.correct(case_no, "路灯换了", "wangmin", "k1")
    house.reviews.correct(case_no, "路灯坏了两盏", "wangmin", "k2")
    detail = house.voicemails.get(case_no)
    assert detail.correction is not None
    assert (detail.correction.text, detail.correction.by) == ("路灯坏了两盏", "wangmin")
    assert detail.transcript_text == "路灯坏了"
    with house.engine.connect() as connection:
        t = transcript_correction.c
        kept = connection.execute(select(t.heard, t.repaired, t.corrected, t.model).order_by(t.id)).all()
    assert [tuple(one) for one in kept] == [
        ("路灯怀了", "路灯坏了", "路灯换了", "test"),
        ("路灯怀了", "路灯坏了", "路灯坏了两盏", "test"),
    ]
    with pytest.raises(CaseError) as refused:
        house.reviews.correct(other, "路灯换了", "wangmin", "k1")
    assert refused.value.code == "key_reused"
    with pytest.raises(CaseError):
        house.reviews.correct(case_no, "  ", "wangmin", "k3")
