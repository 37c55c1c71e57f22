"""What agents do with a call, on a real PBX: who hears whom is measured on RTP, each telephone sends its own tone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import SOCK_DGRAM

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from call_router.desk import Desk
from casebook.api.app import create_app
from casebook.errors import CaseError
from casebook.store.desk import DeskLog
from casebook.store.legs import LegRow, Legs
from casebook.store.schema import call
from config.pbx import manager
from config.serving.web import api_deps
from config.wiring import utc_now
from tests.conftest import free_port
from tests.e2e.hotline import TestLine, running
from tests.pbx.phone import Phone
from tests.pbx.tones import FRAME_S, first, last, share, sides

PARTS = ("agi-0", "router", "pbx")
CITIZEN, AGENT, OTHER, BOSS = 500, 700, 1000, 1300
"""What each telephone sings, in Hz."""
PATIENCE_S = 25


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, pbx_prefix: Path) -> Iterator[TestLine]:
    ports = [free_port(SOCK_DGRAM), free_port(SOCK_DGRAM)]
    trunks = f"psap=127.0.0.2:{ports[0]},carrier=127.0.0.3:{ports[1]}"
    with running(TestLine(tmp_path_factory.mktemp("desk"), pbx_prefix, HOTLINE_TRUNKS=trunks), *PARTS) as started:
        # The shift leader's telephone comes and goes: it takes no calls of the queue.
        started.parts.presence.set("1002", "zhao", "out", "", utc_now())
        yield started


class Room:
    """A citizen who talks to agent 1001, a line that can be called, and the desk."""

    def __init__(self, line: TestLine, desk: Desk, citizen: Phone, agent: Phone, other: Phone, boss: Phone) -> None:
        self.line, self.desk = line, desk
        self.citizen, self.agent, self.other, self.boss = citizen, agent, other, boss
        self.call_id = ""

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition, with a bound."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            shown = self.line.pbx.cli("core show channels concise")
            raise AssertionError(f"{what}\n{shown}\n{self.line.logs()[-3000:]}") from error

    async def hears(self, phone: Phone, tones: set[int], what: str = "") -> None:
        """Wait until a telephone hears exactly these tones."""
        heard: set[int] = set()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while phone.talking is None or (heard := await phone.hears()) != tones:
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            shown = self.line.pbx.cli("core show channels concise")
            raise AssertionError(f"{what} {phone.name} hears {heard}, not {tones}\n{shown}") from error

    async def without(self, phone: Phone, tone: int) -> None:
        """Wait until a telephone does not hear a tone any more (music may sound instead)."""
        async with asyncio.timeout(PATIENCE_S):
            while tone in await phone.hears():
                await asyncio.sleep(0.1)

    async def talking(self) -> None:
        """The citizen calls, presses 0 and speaks with the agent."""
        await self.citizen.call("12345")
        await asyncio.sleep(1)
        self.citizen.press("0")
        await self.hears(self.agent, {CITIZEN}, "after the queue")
        await self.hears(self.citizen, {AGENT}, "after the queue")
        newest = select(call.c.call_id).order_by(call.c.started_at.desc()).limit(1)
        self.call_id = str(self.line.rows(newest)[0].call_id)

    async def over(self, outcome: str) -> list[LegRow]:
        """The call is over with this outcome, no channel is left; its attempts."""
        await self.until(lambda: self.line.channels() == [], "channels stay")

        def ended() -> str:
            rows = self.line.rows(select(call.c.outcome, call.c.ended_at).where(call.c.call_id == self.call_id))
            return str(rows[0].outcome) if rows[0].ended_at else ""

        await self.until(lambda: ended() != "", "the record has no end")
        assert ended() == outcome
        legs = Legs(self.line.engine)
        await self.until(lambda: all(leg.ended_at for leg in legs.of_call(self.call_id)), "an attempt is open")
        return legs.of_call(self.call_id)


@asynccontextmanager
async def room(line: TestLine, answers: Callable[[str], int] = lambda _: 200) -> AsyncIterator[Room]:
    """Everybody is there."""
    sip, trunk = line.settings.sip_port, line.settings.trunks.split(",")
    host, port = trunk[0].split("=")[1].split(":")
    citizen = await Phone("13800138000", CITIZEN, sip).start()
    agent = await Phone("1001", AGENT, sip).start()
    boss = await Phone("1002", BOSS, sip).start()
    other = await Phone("line", OTHER, sip, answers).start(host, int(port))
    ami = manager(line.settings)
    running_ami = asyncio.create_task(ami.run())
    desk = Desk(ami, line.parts.router, Legs(line.engine), DeskLog(line.engine), utc_now)
    try:
        secret = (line.settings.data_dir / "secrets" / "agent-1001").read_text().strip()
        await agent.register("1001", secret)
        here = Room(line, desk, citizen, agent, other, boss)
        async with asyncio.timeout(PATIENCE_S):
            await ami.connected.wait()
        await here.until(lambda: reachable(line, "psap") and reachable(line, "1001"), "the line or the agent is away")
        yield here
    finally:
        for phone in (citizen, agent, other, boss):
            phone.stop()
        running_ami.cancel()
        with suppress(asyncio.CancelledError):
            await running_ami


def reachable(line: TestLine, name: str) -> bool:
    contacts = line.pbx.cli("pjsip show contacts").splitlines()
    return any(f"{name}/sip:" in contact and "Avail" in contact for contact in contacts)


def scene(
    line: TestLine, play: Callable[[Room], Awaitable[None]], answers: Callable[[str], int] = lambda _: 200
) -> None:
    """Run a scene with everybody there."""

    async def main() -> None:
        async with room(line, answers) as here:
            await here.talking()
            await play(here)

    asyncio.run(main())


def test_a_blind_transfer_gives_the_citizen_to_the_line_and_frees_the_agent(line: TestLine) -> None:
    async def play(here: Room) -> None:
        await here.desk.blind("1001", "110", "li")
        await here.hears(here.citizen, {OTHER})
        await here.hears(here.other, {CITIZEN})
        await here.until(lambda: here.agent.talking is None, "the agent is still there")
        invite = here.other.leg.invite
        assert "Priority: emergency" in invite
        assert "P-Asserted-Identity" in invite
        assert "13800138000" in invite.partition("P-Asserted-Identity")[2].partition("\r\n")[0]
        here.other.hang_up(here.other.leg)
        queue, police = await here.over("transferred")
        assert (queue.kind, queue.agent, queue.outcome) == ("queue", "1001", "transferred")
        assert (police.kind, police.target, police.outcome, police.begun_by) == ("line", "110", "answered", "li")
        assert police.answered_at
        assert police.started_at <= police.answered_at

    scene(line, play)


@pytest.mark.parametrize(("status", "outcome"), [(486, "busy"), (503, "congestion"), (404, "unavailable")])
def test_a_blind_transfer_that_fails_brings_the_citizen_back_to_the_same_agent(
    line: TestLine, status: int, outcome: str
) -> None:
    async def play(here: Room) -> None:
        await here.desk.blind("1001", "110", "li")
        await here.until(lambda: len(here.agent.legs) == 2, "the agent is not rung again")
        await here.hears(here.citizen, {AGENT})
        await here.hears(here.agent, {CITIZEN})
        here.citizen.hang_up(here.citizen.leg)
        legs = await here.over("answered")
        assert [(leg.kind, leg.outcome) for leg in legs] == [("queue", "answered"), ("line", outcome)]

    scene(line, play, lambda _: status)


def test_an_attended_transfer_speaks_first_and_hands_over_then(line: TestLine) -> None:
    async def play(here: Room) -> None:
        await here.desk.consult("1001", "110", "li")
        await here.hears(here.agent, {OTHER})
        await here.hears(here.other, {AGENT})
        with pytest.raises(CaseError) as refused:
            await here.desk.leave("1001", "li")
        assert refused.value.code == "bad_state"
        await here.desk.complete("1001", "li")
        await here.hears(here.citizen, {OTHER})
        await here.hears(here.other, {CITIZEN})
        await here.until(lambda: here.agent.talking is None, "the agent is still there")
        here.other.hang_up(here.other.leg)
        legs = await here.over("transferred")
        assert [(leg.kind, leg.outcome) for leg in legs] == [("queue", "transferred"), ("consult", "answered")]

    scene(line, play)


def test_a_consultation_can_be_given_up(line: TestLine) -> None:
    async def play(here: Room) -> None:
        await here.desk.consult("1001", "110", "li")
        await here.hears(here.agent, {OTHER})
        await here.desk.come_back("1001", "li")
        await here.hears(here.citizen, {AGENT})
        await here.hears(here.agent, {CITIZEN})
        await here.until(lambda: here.other.talking is None, "the line is still there")
        here.agent.hang_up(here.agent.leg)
        legs = await here.over("answered")
        assert [(leg.kind, leg.outcome) for leg in legs] == [("queue", "answered"), ("consult", "answered")]

    scene(line, play)


def test_who_is_asked_and_is_busy_leaves_the_agent_with_the_citizen(line: TestLine) -> None:
    async def play(here: Room) -> None:
        await here.desk.consult("1001", "110", "li")
        await here.hears(here.citizen, {AGENT})
        await here.hears(here.agent, {CITIZEN})
        here.citizen.hang_up(here.citizen.leg)
        legs = await here.over("answered")
        assert [(leg.kind, leg.outcome) for leg in legs] == [("queue", "answered"), ("consult", "busy")]

    scene(line, play, lambda _: 486)


@pytest.mark.parametrize("asked_first", [True, False])
def test_three_speak_with_each_other_and_the_agent_may_leave(line: TestLine, asked_first: bool) -> None:
    async def play(here: Room) -> None:
        if asked_first:
            await here.desk.consult("1001", "110", "li")
            await here.hears(here.agent, {OTHER})
            await here.desk.three("1001", "", "li")
        else:
            await here.desk.three("1001", "110", "li")
        await here.hears(here.citizen, {AGENT, OTHER})
        await here.hears(here.agent, {CITIZEN, OTHER})
        await here.hears(here.other, {CITIZEN, AGENT})
        assert "Priority: emergency" in here.other.leg.invite
        await here.desk.leave("1001", "li")
        await here.hears(here.citizen, {OTHER})
        await here.hears(here.other, {CITIZEN})
        # The citizen's hang-up leaves nobody behind in the room.
        here.citizen.hang_up(here.citizen.leg)
        legs = await here.over("transferred")
        kind = "consult" if asked_first else "conference"
        assert [(leg.kind, leg.outcome) for leg in legs] == [("queue", "transferred"), (kind, "answered")]

    scene(line, play)


def test_the_recording_holds_the_whole_conversation_in_two_channels(line: TestLine) -> None:
    async def play(here: Room) -> None:
        await asyncio.sleep(1)
        await here.desk.pause_recording("1001", "li", paused=True)
        await asyncio.sleep(1.5)
        await here.desk.pause_recording("1001", "li", paused=False)
        await asyncio.sleep(1)
        await here.desk.consult("1001", "110", "li")
        await here.hears(here.agent, {OTHER})
        await here.desk.complete("1001", "li")
        await here.hears(here.citizen, {OTHER})
        await asyncio.sleep(1)
        here.citizen.hang_up(here.citizen.leg)
        await here.over("transferred")
        log = DeskLog(line.engine)
        await here.until(lambda: log.conversations(here.call_id) != [], "no recording was taken in")
        (kept,) = log.conversations(here.call_id)
        left, right = sides(line.settings.recordings_dir / kept.path)
        # The citizen is on the left from the first word to the last; on the right first the agent, then the line.
        assert share(left, CITIZEN) > 0.5
        assert first(right, AGENT) < first(right, OTHER)
        assert last(left, CITIZEN) > first(right, OTHER)
        quiet = [n for n in range(len(left)) if not left[n] and not right[n]]
        assert len(quiet) * FRAME_S > 1.0
        actions = [action.action for action in log.of_call(here.call_id)]
        assert actions == ["pause_recording", "pause_recording", "consult", "complete"]

    scene(line, play)


def test_hold_mute_and_listening_in(line: TestLine) -> None:
    async def play(here: Room) -> None:
        await here.desk.mute("1001", "li", muted=True)
        await here.hears(here.citizen, set())
        await here.desk.mute("1001", "li", muted=False)
        await here.hears(here.citizen, {AGENT})
        await here.desk.hold("1001", "li")
        await here.without(here.citizen, AGENT)
        await here.desk.come_back("1001", "li")
        await here.hears(here.citizen, {AGENT})
        secret = (line.settings.data_dir / "secrets" / "agent-1002").read_text().strip()
        await here.boss.register("1002", secret)
        await here.until(lambda: reachable(line, "1002"), "the shift leader's telephone is away")
        await here.desk.supervise("1002", "1001", "listen", "zhao")
        await here.hears(here.boss, {CITIZEN, AGENT})
        await here.hears(here.citizen, {AGENT})
        await here.hears(here.agent, {CITIZEN})
        here.boss.hang_up(here.boss.leg)
        await here.until(lambda: not any("1002" in name for name in line.channels()), "the listener stays")
        await here.desk.supervise("1002", "1001", "whisper", "zhao")
        await here.hears(here.agent, {CITIZEN, BOSS})
        await here.hears(here.citizen, {AGENT})
        here.boss.hang_up(here.boss.leg)
        await here.desk.supervise("1002", "1001", "barge", "zhao")
        await here.hears(here.citizen, {AGENT, BOSS})
        here.boss.hang_up(here.boss.leg)
        with pytest.raises(CaseError) as refused:
            await here.desk.end("1001", "li", " ")
        assert refused.value.code == "missing_reason"
        await here.desk.end("1001", "li", "辱骂")
        await here.over("answered")
        ended = DeskLog(line.engine).of_call(here.call_id)[-1]
        assert (ended.action, json.dumps(ended.detail, ensure_ascii=False)) == ("end", '{"reason": "辱骂"}')

    scene(line, play)


@pytest.mark.parametrize(("status", "left"), [(200, []), (486, ["open"])])
def test_a_caller_who_gave_up_is_called_back_until_somebody_answers(
    line: TestLine, status: int, left: list[str]
) -> None:
    async def main() -> None:
        async with room(line, lambda _: status) as here:
            tasks, outgoing = line.parts.callbacks, line.parts.directory.outgoing
            assert outgoing
            await here.citizen.call("12345")
            await asyncio.sleep(1)
            here.citizen.hang_up(here.citizen.leg)
            await here.until(lambda: tasks.open_tasks() != [], "nobody is to be called back")
            (task,) = tasks.open_tasks()
            number = outgoing.dialled(tasks.claim(task.id, "li", utc_now()))
            assert number == "13800138000"
            await here.desk.call_back("1001", task.id, number, "psap", outgoing.number, "li")
            await here.until(lambda: bool(here.other.legs), "the citizen's telephone does not ring")
            assert "INVITE sip:13800138000@" in here.other.leg.invite
            assert "sip:12345@" in here.other.leg.headers["from"]
            if status == 200:
                await here.hears(here.agent, {OTHER})
                await here.hears(here.other, {AGENT})
                here.agent.hang_up(here.agent.leg)
            await here.until(lambda: [one.state for one in tasks.open_tasks()] == left, "the task was not told")
            await here.until(lambda: line.channels() == [], "channels stay")
            for one in tasks.open_tasks():
                tasks.claim(one.id, "li", utc_now())
                tasks.close(one.id, "li", reached=False, note="忙", now=utc_now())

    asyncio.run(main())


def test_the_desk_works_over_http(line: TestLine) -> None:
    deps = api_deps(line.parts)
    assert deps.desk is not None
    line.parts.users.add("li", "a long password", "agent", "李")

    async def play(here: Room) -> None:
        def post(path: str, body: dict[str, str] | None = None) -> int:
            return client.post(f"/api/v1/desk/{path}", json=body, headers={"Idempotency-Key": "k"}).status_code

        assert await asyncio.to_thread(post, "login", {"extension": "1001"}) == 200
        assert await asyncio.to_thread(post, "call/consult", {"line": "110"}) == 200
        await here.hears(here.agent, {OTHER})
        assert await asyncio.to_thread(post, "call/complete") == 200
        await here.hears(here.citizen, {OTHER})
        assert await asyncio.to_thread(post, "call/hold") == 409
        here.other.hang_up(here.other.leg)
        await here.over("transferred")
        record = client.get(f"/api/v1/desk/calls/{here.call_id}").json()
        assert [(leg["kind"], leg["outcome"]) for leg in record["legs"]] == [
            ("queue", "transferred"),
            ("consult", "answered"),
        ]
        assert [action["action"] for action in record["actions"]] == ["consult", "complete"]

    deps.desk.line.start()
    try:
        with TestClient(create_app(deps), headers={"X-Hotline-Client": "test"}) as client:
            signed_in = client.post("/api/v1/session", json={"name": "li", "password": "a long password"})
            assert signed_in.status_code == 200
            scene(line, play)
    finally:
        deps.desk.line.stop()


def test_without_a_call_there_is_nothing_to_do(line: TestLine) -> None:
    async def main() -> None:
        async with room(line) as here:
            with pytest.raises(CaseError) as refused:
                await here.desk.hold("1001", "li")
            assert refused.value.code == "no_call"

    asyncio.run(main())
