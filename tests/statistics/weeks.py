"""Some weeks of a city's hotline by the real commands: enough of everything for the pages that show figures."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from casebook.handling import commands as do
from casebook.handling.record import CaseRecord
from casebook.roles import Actor
from tests.casebook.conftest import Desk
from tests.casebook.play import CALLER_BACK, DISPATCHER, SECOND, SUPERVISOR, liaison
from tests.statistics.november import CHECKED, answer, feed_back

MATTERS = (
    "物业管理",
    "噪声",
    "欠薪",
    "占道经营",
    "供水排水",
    "招生入学",
    "消费纠纷",
    "道路维护",
    "医疗服务",
    "公交出租网约",
)
REGIONS = ("海州区", "连云区", "赣榆区", "东海县", "灌云县", "灌南县", "市开发区")
AGENT = Actor("话务甲", "agent")


def play_weeks(desk: Desk, until: datetime, *, days: int = 35, a_day: int = 4, seed: int = 1) -> None:
    """Days of demands up to `until`, where the clock stands afterwards. Some units are slow, some are late."""
    dice = random.Random(seed)
    desk.now = until - timedelta(days=days)
    n = 100
    for day in range(days):
        for _ in range(dice.randint(1, 2 * a_day - 1)):
            n += 1
            _course(desk, n, dice, until)
        desk.later(days=1)
        if day == days - 3:
            for person in range(6):
                desk.open(900 + person, demand="complaint", matter="供气", region="海州区", place="海州区瀛洲路")
    desk.now = until


def _course(desk: Desk, n: int, dice: random.Random, until: datetime) -> None:
    began = desk.now
    demand = dice.choice(("consult", "help", "help", "complaint", "suggestion"))
    case_no = desk.open(n, demand=demand, matter=dice.choice(MATTERS), region=dice.choice(REGIONS))
    if demand == "consult" and dice.random() < 0.8:
        desk.do(case_no, AGENT, do.AnswerNow(answer="请带身份证到窗口办理。", confirmed=True))
        return
    desk.do(case_no, AGENT, do.ToTriage())
    case = desk.do(case_no, DISPATCHER, do.Dispatch())
    unit = _lead(case)
    if dice.random() < 0.06:
        wrong = do.ReturnOrder(code="not_ours", law="三定方案第三条", proposed_unit="shenpi")
        desk.do(case_no, liaison(unit), wrong)
        if dice.random() < 0.5:
            desk.do(case_no, SECOND, do.RejectReturn(note="属于你单位职责"))
        else:
            desk.do(case_no, SECOND, do.AcceptReturn(note="同意"))
            unit = _lead(desk.do(case_no, DISPATCHER, do.Dispatch(unit="shenpi", basis="退单建议")))
    if dice.random() < 0.9:
        desk.do(case_no, liaison(unit), do.Sign())
    elif dice.random() < 0.5:
        return  # the hotline signs for it, and it is left lying
    else:
        desk.do(case_no, liaison(unit), do.Sign())
    if dice.random() < 0.08:
        desk.do(case_no, SUPERVISOR, do.Supervise(leader="张局长", report_by=desk.now + timedelta(days=9)))
        return
    if dice.random() < 0.7:
        desk.do(case_no, liaison(unit), do.Contact(contacted_at=began, how="phone", result="已说明进展"))
    # A unit that takes its time: what comes afterwards happens at a later moment than what others do today.
    done = began + timedelta(hours=dice.choice((5, 20, 30, 70, 200)))
    if done > until:
        return
    desk.now = done
    for helper in [one.unit for one in desk.case(case_no).co_orders()]:
        desk.do(case_no, liaison(helper), do.CoSign())
        desk.do(case_no, liaison(helper), do.CoFeedback(internal="已配合"))
    feed_back(desk, case_no, unit)
    desk.do(case_no, SECOND, CHECKED)
    grade = dice.choice((5, 5, 5, 4, 4, 3, 2))
    answer(desk, case_no, grade, "yes" if grade > 2 else "partly")
    desk.do(case_no, CALLER_BACK, do.Close())
    if dice.random() < 0.05:
        desk.do(case_no, SUPERVISOR, do.Reopen(reason="又坏了"))
    desk.now = began


def _lead(case: CaseRecord) -> str:
    order = case.lead()
    assert order is not None
    return order.unit
