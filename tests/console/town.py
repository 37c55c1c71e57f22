"""A working day behind the console: somebody of every role, a night's voicemails, and cases in every stage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from call_router.ami import Ami
from call_router.board_feed import BoardFeed
from call_router.desk import Desk as CallDesk
from call_router.desk_line import DeskLine
from call_router.memberships import Memberships
from casebook import roles
from casebook.api.app import create_app
from casebook.api.desk_parts import DeskParts
from casebook.console.build import CONSOLE_DIR
from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.roles import Actor
from casebook.store.accounts import Profile
from casebook.store.calendar import seed_calendar
from casebook.store.callbacks import Callbacks
from casebook.store.calls import insert_call
from casebook.store.casework import Registered
from casebook.store.desk import DeskLog
from casebook.store.desk_calls import DeskCalls
from casebook.store.legs import Legs
from casebook.store.presence import Presence
from ivr.ports import NewCall
from tests.api.night import PASSWORD, Night, minutes_ago
from tests.board.live import Router, arrival, member, of, valkey
from tests.casebook.conftest import Desk as Casework
from tests.conftest import free_port
from tests.console.conftest import Desk
from tests.pbx.rig import wait_for
from tests.router.city import city_router
from tests.statistics.weeks import play_weeks

UNITS = {roles.LIAISON: "haizhou", roles.DEPUTY: "haizhou", roles.OPERATOR: "shichang"}
NAMES = {
    roles.ADMIN: "赵管理",
    roles.REVIEWER: "钱审核",
    roles.AGENT: "孙话务",
    roles.SHIFT_LEADER: "李班长",
    roles.OPERATOR: "周接线",
    roles.DISPATCHER: "吴派单",
    roles.SUPERVISOR: "郑督办",
    roles.CALLBACK_AGENT: "王回访",
    roles.LIAISON: "冯承办",
    roles.DEPUTY: "陈分管",
    roles.LEADER: "褚市长",
    roles.BUREAU: "卫监察",
}
DEMANDS = (
    ("小区电梯坏了三天没人修", "幸福小区三号楼电梯坏了三天，物业一直不来修，家里有老人上下楼很不方便。", "物业管理"),
    ("苍梧路路灯不亮", "苍梧路八号到二十号的路灯坏了一排，晚上走路看不见，希望尽快修。", "道路设施"),
    ("夜间施工扰民", "凤凰花园旁边工地夜里十二点还在打桩，连续一周睡不好。", "噪声"),
    ("自来水发黄", "从昨天下午起自来水发黄有沉淀，整栋楼都这样，不敢喝。", "供水排水"),
    ("健身房关门不退卡", "办了两年的健身卡，店关门了联系不上老板，要求退款。", "消费投诉"),
    ("公交站台座椅损坏", "中医院公交站台的座椅断了一条腿，老人坐上去很危险。", "公交出租网约"),
)
_MORNING_AGENT = Actor("agent", roles.AGENT)
_DISPATCHER = Actor("dispatcher", roles.DISPATCHER)
_CALLER_BACK = Actor("callback", roles.CALLBACK_AGENT)
_STAGES = ("REGISTERED", "TRIAGE", "DISPATCHED", "HANDLING", "FED_BACK", "CALLBACK", "CLOSED", "ANSWERED")


def people(night: Night) -> None:
    """Somebody of every role, by the role's name."""
    book = night.casework.book
    for role in roles.STAFF:
        night.users.add(role, PASSWORD, role, NAMES[role])
    accounts = night.deps().admin
    assert accounts
    for role, unit in UNITS.items():
        profile = Profile(display_name=NAMES[role], role=role, unit=book.current_unit(unit, night.clock()).code)
        accounts.accounts.change(role, profile, 1, "admin", night.clock())


def voicemails(night: Night, n: int = 4) -> list[str]:
    """Messages of the night, transcribed, one of them alarming."""
    said = (
        [("海州区", 0.95), ("苍梧路", 0.55), ("路灯", 0.9), ("坏了", 0.92), ("请", 0.9), ("尽快", 0.9), ("修", 0.95)],
        [("楼道", 0.9), ("里面", 0.9), ("着火", 0.6), ("了", 0.9), ("快", 0.9), ("来人", 0.85)],
        [("小区", 0.9), ("停水", 0.95), ("两天", 0.9), ("了", 0.9)],
        [("想", 0.9), ("问", 0.9), ("公积金", 0.9), ("怎么", 0.9), ("提取", 0.9)],
    )
    made = []
    for one in range(n):
        demand = ("complaint", "help", "complaint", "consult")[one % 4]
        case_no = night.voicemail(started_at=minutes_ago(30 + 40 * one), demand=demand, seconds=4)
        night.transcribe(case_no, said[one % 4])
        if one == 1:
            night.alarm(case_no)
        made.append(case_no)
    return made


def case(night: Night, stage: str, n: int = 0) -> Registered:
    """A demand by telephone, handled up to a stage."""
    title, body, matter = DEMANDS[n % len(DEMANDS)]
    known = matter if matter in night.casework.book.matters() else ""
    command = do.Register(
        demand="consult" if stage == "ANSWERED" else "complaint",
        title=title,
        body=body,
        place="海州区苍梧路8号",
        matter=known,
        region="海州区",
        name="王女士",
        phone=f"138{51230000 + n:08d}",
    )
    keys = (f"town-{stage}-{n}-{key}" for key in count())
    made = night.casework.register(command, channel="phone", actor=_MORNING_AGENT, idempotency_key=next(keys))

    def fire(actor: Actor, event: do.Command) -> None:
        night.casework.execute(made.case_no, event, version=None, actor=actor, idempotency_key=next(keys))

    if stage == "ANSWERED":
        fire(_MORNING_AGENT, do.AnswerNow(answer="请带身份证到窗口办理。", confirmed=True))
        return made
    liaison, deputy = Actor("liaison", roles.LIAISON, "haizhou"), Actor("deputy", roles.DEPUTY, "haizhou")
    now = night.clock()
    course: dict[str, list[tuple[Actor, do.Command]]] = {
        "TRIAGE": [(_MORNING_AGENT, do.ToTriage())],
        "DISPATCHED": [(_DISPATCHER, do.Dispatch(unit="haizhou", basis="属地", minutes="会商纪要第三号"))],
        "HANDLING": [(liaison, do.Sign())],
        "FED_BACK": [
            (liaison, do.Contact(contacted_at=now, how="phone", result="已说明进展")),
            (
                liaison,
                do.Feedback(
                    true_claim=True,
                    contacted=True,
                    solved="yes",
                    internal="已派人修好",
                    answer="经现场核实，已于今日修好。",
                ),
            ),
            (deputy, do.SignFeedback()),
        ],
        "CALLBACK": [
            (
                _DISPATCHER,
                do.ReviewOk(answers_demand=True, facts_given=True, law_cited=True, tone=True, no_template=True),
            )
        ],
        "CLOSED": [
            (
                _CALLER_BACK,
                do.Callback(result="reached", contacted=True, solved="yes", satisfied=5, satisfied_hotline=5),
            ),
            (_CALLER_BACK, do.Close()),
        ],
    }
    for step in _STAGES[1:-1]:
        if _STAGES.index(step) > _STAGES.index(stage):
            break
        for actor, event in course[step]:
            try:
                fire(actor, event)
            except CaseError as error:
                raise AssertionError(f"{step}: {event.EVENT}: {error}") from error
    return made


@contextmanager
def at_work(folder: Path) -> Iterator[Desk]:
    """The console of a whole house at work: cases of some weeks, a live board, a desk whose PBX is away."""
    with valkey() as server:
        night = Night(folder, console_dir=CONSOLE_DIR / "dist", redis_url=server.url)
        play_weeks(Casework(night.engine), datetime.now(UTC) - timedelta(hours=2), days=20, a_day=4)
        working_day(night)
        feed = partial(BoardFeed, redis=Redis.from_url(server.url), system="lyg1", clock=night.clock)
        router = Router(feed)
        router.connect()
        line = desk_line(night)
        line.start()
        app = create_app(replace(night.deps(), desk=desk_parts(night, line)))
        with serve(app) as url:
            wait_for(lambda: _has_keys(server.url), 20, "the board is not published")
            for n, status in enumerate((1, 1, 2, 5), 1):
                router.happen(member(f"PJSIP/100{n}", status))
            router.happen(arrival("lyg1-1.1"), of("lyg1-1.1", "QueueCallerJoin"))
            yield Desk(url, night)
        line.stop()
        router.stop()
        night.engine.dispose()


def _has_keys(url: str) -> bool:
    with SyncRedis.from_url(url) as client:
        return bool(client.keys("*"))


def desk_line(night: Night) -> DeskLine:
    """A line to a PBX that is away."""
    legs, log = Legs(night.engine), DeskLog(night.engine)
    return DeskLine(
        lambda: Ami("127.0.0.1", 1, "u", "s"),
        lambda ami: CallDesk(ami, city_router(), legs, log, night.clock),
        lambda ami: Memberships(ami, Presence(night.engine), ()),
    )


def desk_parts(night: Night, line: DeskLine) -> DeskParts:
    """The desk of the agent at 1001, who took a call some minutes ago and has not said what became of it."""
    privacy, engine = night.calls.privacy, night.engine
    calls, began = DeskCalls(engine, privacy, night.cases, night.clock), minutes_ago(4)
    presence = Presence(engine)
    presence.set("1001", "agent", "ready", "", night.clock())
    with engine.begin() as connection:
        insert_call(connection, privacy, NewCall("lyg1-9.9", "asterisk", "13851230000", "12345", began), "")
    calls.took("lyg1-9.9", "agent", "1001", began + timedelta(seconds=20))
    callbacks, extensions = Callbacks(engine, privacy), frozenset({"1001", "1002"})
    return DeskParts(line, city_router(), presence, callbacks, Legs(engine), DeskLog(engine), extensions, calls)


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """An application on a socket; its address."""
    config = uvicorn.Config(app, port=free_port(), log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started, 20, "the application does not start")
        yield f"http://127.0.0.1:{config.port}"
    finally:
        if hub := app.state.deps.board:
            hub.end_streams()
        server.should_exit = True
        thread.join(20)


def working_day(night: Night) -> None:
    """People, messages and cases."""
    with night.engine.begin() as connection:
        seed_calendar(connection)
    people(night)
    voicemails(night)
    for n in range(16):
        case(night, _STAGES[n % len(_STAGES)], n)
    deps = night.deps()
    assert deps.admin
    deps.admin.accounts.add("newcomer", Profile(display_name="新同事", role=roles.AGENT), "admin", night.clock())
    deps.admin.accounts.disable("newcomer", "admin", night.clock() + timedelta(seconds=1))


__all__ = ["case", "people", "voicemails", "working_day"]
