"""Two hundred real calls through a real PBX: every call ends, and the telephone figures agree with the calls."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import func, select

from call_router.board_feed import META, PREFIX
from casebook.indicators_telephone import ABANDONED, ANSWERED, REFUSED, WAITING
from casebook.store.schema import call, call_session, case_
from casebook.store.telephone import LOST, Telephone
from casebook.store.telephone_figures import TelephoneFigures
from tests.e2e.calls import leave_message
from tests.e2e.hotline import TestLine, running
from tests.e2e.test_transfers import available
from tests.pbx.audio import Key, Silence, Timeline, voice_like
from tests.pbx.caller import AgentPhone, Line

PARTS = ("valkey", "agi-0", "agi-1", "router", "pbx")
TO_AN_AGENT: Timeline = [Silence(1.5), Key("0"), Silence(1.0), Key("1")]


@pytest.fixture
def police(tmp_path: Path) -> Iterator[Line]:
    answering = Line(tmp_path, status="200 OK")
    yield answering
    answering.stop()


@pytest.fixture
def line(tmp_path: Path, pbx_prefix: Path, police: Line) -> Iterator[TestLine]:
    trunks = f"psap={police.host}:{police.port}"
    with running(TestLine(tmp_path / "line", pbx_prefix, HOTLINE_TRUNKS=trunks), *PARTS) as started:
        started.wait(lambda: available(started, "psap"), 40, "the trunk is away")
        yield started


def board(line: TestLine) -> dict[str, Any]:
    """What the live board shows; empty while nobody publishes."""
    with Redis.from_url(line.environment["HOTLINE_REDIS_URL"], decode_responses=True) as redis:
        return {str(key): json.loads(value) for key, value in redis.hgetall(f"{PREFIX}lyg1").items() if key != META}


def forget_board(line: TestLine) -> None:
    """What was published before is not there: it outlives a router by some seconds."""
    with Redis.from_url(line.environment["HOTLINE_REDIS_URL"]) as redis:
        redis.delete(f"{PREFIX}lyg1")


def pbx_says_waiting(line: TestLine) -> int:
    """How many callers wait, as the PBX's own command line shows it."""
    first = next(text for text in line.pbx.cli("queue show agents").splitlines() if text.startswith("agents has "))
    return int(first.split()[2])


def board_agrees(line: TestLine) -> bool:
    """Whether board and PBX say the same of the waiting, and there are some."""
    before = pbx_says_waiting(line)
    shown = board(line).get("queue:agents", {}).get("waiting")
    return before > 0 and before == shown == pbx_says_waiting(line)


def shows_conversation(line: TestLine) -> bool:
    """Whether the board shows a caller with agent 1001, on both sides."""
    shown = board(line)
    agent = shown.get("agent:PJSIP/1001", {})
    call = shown.get(f"call:{agent.get('call_id')}", {})
    return (agent.get("state"), call.get("stage"), call.get("agent")) == ("talking", "talking", "PJSIP/1001")


def answered_by(called: Line) -> int:
    """How many different calls a line has had; it answers every one."""
    invites = [part for part in called.messages().split("-----") if "INVITE sip:110@" in part]
    return len({found[1] for part in invites if (found := re.search(r"Call-ID: (\S+)", part))})


def all_over(line: TestLine, started: list[Any], seconds: float) -> None:
    """Every caller has left."""
    line.wait(lambda: all(process.poll() is not None for process, _ in started), seconds, "callers stay on the line")
    line.wait(lambda: not line.channels(), 30, "channels stay")


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_the_figures_of_two_hundred_calls_agree_with_the_calls(line: TestLine, police: Line, tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)

    def place(timeline: Timeline, number: str, calls: int, rate: int, *, hang_up: bool = True) -> Any:
        return line.caller.start(
            timeline, calls=calls, rate=rate, hang_up=hang_up, number=f"{number}[call_number]", limit_s=280
        )

    # Nobody is signed in: voicemails, silence where one should speak, hang-ups in the menu; and the police answer.
    silent: Timeline = [Silence(1.5), Key("2"), Silence(1.0), Key("1"), Silence(1.2), Key("1"), Silence(4.0)]
    to_the_police: Timeline = [Silence(1.5), Key("9"), Silence(1.5), Key("1"), Silence(4)]
    unattended = [
        place(leave_message(voice_like(3, 1)), "136000", 40, 4),
        place(silent, "136100", 10, 1),
        place([Silence(3.0)], "136200", 20, 3),
        place(to_the_police, "136300", 50, 3, hang_up=False),
    ]
    all_over(line, unattended, 180)

    secrets = line.settings.data_dir / "secrets"
    phones = [
        AgentPhone(tmp_path, line.settings.sip_port, name, (secrets / f"agent-{name}").read_text().strip())
        for name in ("1001", "1002")
    ]
    try:
        line.wait(lambda: all(available(line, name) for name in ("1001", "1002")), 60, "no agent is registered")
        attended = [
            # Sound all the while: a telephone that is silent for half a minute counts as gone.
            place([*TO_AN_AGENT, Silence(240)], "136400", 16, 1, hang_up=False),
            place([*TO_AN_AGENT, Silence(1)], "136500", 32, 1),
            place([*TO_AN_AGENT, Silence(9)], "136600", 32, 1),
        ]
        line.wait(lambda: board_agrees(line), 60, "the board does not show who waits")
        all_over(line, attended, 300)
    finally:
        for phone in phones:
            phone.stop()

    still_open = select(func.count()).select_from(call_session).where(call_session.c.ended_at.is_(None))
    line.wait(lambda: line.rows(still_open) == [(0,)], 30, "sessions stay open")
    outcomes = dict(map(tuple, line.rows(select(call.c.call_id, call.c.outcome).where(call.c.ended_at.is_not(None)))))
    assert len(outcomes) == 200
    ends = Counter(outcomes.values())
    assert set(ends) <= {"answered", "transferred", "voicemail", "callback", "abandoned", "missed"}
    # A busy machine may let a key or two come too late; whom the police answered is what they say.
    assert ends["transferred"] == answered_by(police) >= 40
    assert line.rows(select(func.count()).select_from(case_)) == [(ends["voicemail"],)]

    telephone, until = Telephone(line.engine), datetime.now(UTC) + timedelta(seconds=1)
    line.wait(lambda: all(v.outcome != WAITING for v in telephone.visits(began, until)), 30, "visits stay open")
    line.wait(lambda: not any(key.startswith("call:") for key in board(line)), 15, "the board shows calls")
    visits = telephone.visits(began, until)
    by_end = {end: {visit.call_id for visit in visits if visit.outcome == end} for end in {v.outcome for v in visits}}
    assert by_end[ANSWERED] == {call_id for call_id, end in outcomes.items() if end == "answered"}
    assert {outcomes[call_id] for call_id in by_end[ABANDONED]} == {"abandoned"}
    assert {call_id for call_id, end in outcomes.items() if end == "voicemail"} <= by_end["join_empty"]
    assert not {v.call_id for v in visits} & {call_id for call_id, end in outcomes.items() if end == "transferred"}

    total = TelephoneFigures(line.engine).report(began, until, "", until).total
    assert total.answered == ends["answered"] >= 10
    assert total.offered == total.answered + total.short_abandoned + total.abandoned
    assert total.turned_away == sum(visit.outcome in REFUSED for visit in visits)
    assert total.offered + total.turned_away == len(visits) == len({visit.call_id for visit in visits})
    assert total.asa_s is not None
    assert total.aht_s is not None


def test_a_conversation_that_ended_while_nobody_followed_is_still_an_answered_call(
    line: TestLine, tmp_path: Path
) -> None:
    began, telephone = datetime.now(UTC) - timedelta(seconds=1), Telephone(line.engine)
    secret = (line.settings.data_dir / "secrets" / "agent-1001").read_text().strip()
    phone = AgentPhone(tmp_path, line.settings.sip_port, "1001", secret, talk_ms=120_000)
    try:
        line.wait(lambda: available(line, "1001"), 60, "the agent is not registered")
        process, _ = line.caller.start([*TO_AN_AGENT, Silence(60)], hang_up=True, number="13670000001")

        def talks() -> bool:
            return any(v.outcome == ANSWERED for v in telephone.visits(began, datetime.now(UTC)))

        line.wait(talks, 40, "no conversation")
        line.kill("router")
        forget_board(line)
        line.start("router")
        # It saw no event of this call: the board is what the PBX lists.
        line.wait(lambda: shows_conversation(line), 60, "the board does not show the conversation")
        line.kill("router")
        # As when the caller's line breaks: nobody is told. Were the agent's hung up too, the dialplan might see that
        # first, and go on.
        [of_the_caller] = [channel for channel in line.channels() if "1001" not in channel]
        line.pbx.cli(f"channel request hangup {of_the_caller}")
        process.wait(100)
        line.wait(lambda: not line.channels(), 20, "channels stay")
        assert line.outcome_of("13670000001") == ""
        line.start("router")
        line.wait(lambda: line.outcome_of("13670000001") == "answered", 40, "no record of the answer")
    finally:
        phone.stop()


def test_after_the_pbx_died_board_and_figures_are_true_again(line: TestLine, tmp_path: Path) -> None:
    began, telephone = datetime.now(UTC) - timedelta(seconds=1), Telephone(line.engine)
    secret = (line.settings.data_dir / "secrets" / "agent-1001").read_text().strip()
    phone = AgentPhone(tmp_path, line.settings.sip_port, "1001", secret, talk_ms=120_000)
    try:
        line.wait(lambda: available(line, "1001"), 60, "the agent is not registered")
        process, _ = line.caller.start([*TO_AN_AGENT, Silence(60)], calls=8, rate=4, number="136800[call_number]")
        line.wait(lambda: board(line).get("queue:agents", {}).get("waiting") == 7, 60, "the board does not show seven")
        line.wait(lambda: shows_conversation(line), 20, "the board does not show the conversation")
        line.kill("pbx")
        line.wait(lambda: board(line) == {}, 20, "the board shows what nobody can know")
        line.start("pbx")
        process.kill()
        process.wait()
    finally:
        phone.stop()
    line.wait(lambda: "queue:agents" in board(line), 30, "the board does not come back")
    assert board(line)["queue:agents"]["waiting"] == 0
    assert not any(key.startswith("call:") for key in board(line))

    def ends() -> Counter[str]:
        return Counter(row.outcome for row in line.rows(select(call.c.outcome).where(call.c.ended_at.is_not(None))))

    line.wait(lambda: ends().total() == 8, 40, "calls stay open")
    assert ends() == {"answered": 1, "abandoned": 7}
    visits = telephone.visits(began, datetime.now(UTC))
    assert Counter(visit.outcome for visit in visits) == {ANSWERED: 1, LOST: 7}
    assert [visit.talk_s for visit in visits if visit.outcome == ANSWERED] == [None], "nobody can tell how long"
