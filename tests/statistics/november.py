"""Six demands of one Monday, worked through by hand: whose figures are known before anything counts them.

All are 求助 (five working days): dispatched on Monday 23 November 2026, due on Monday 30 November at 24:00, to be
signed until Tuesday at 24:00.
"""

from __future__ import annotations

from datetime import UTC, datetime

from casebook.handling import commands as do
from casebook.roles import Actor
from tests.casebook.conftest import Desk
from tests.casebook.play import CALLER_BACK, DISPATCHER, SECOND, deputy, liaison

CHECKED = do.ReviewOk(answers_demand=True, facts_given=True, law_cited=True, tone=True, no_template=True)
CUT_OFF = datetime(2026, 12, 10, 1, 0, tzinfo=UTC)


def feed_back(desk: Desk, case_no: str, unit: str = "zhujian") -> None:
    """The liaison writes, the deputy signs; units that help, by the catalogue too, have said theirs before."""
    for one in desk.case(case_no).co_orders():
        if one.signed_at is None:
            desk.do(case_no, liaison(one.unit), do.CoSign(unit=one.unit))
        if one.fed_back_at is None:
            desk.do(case_no, liaison(one.unit), do.CoFeedback(internal="已配合"))
    said = do.Feedback(true_claim=True, contacted=False, solved="yes", internal="已更换主板", answer="电梯已修好。")
    desk.do(case_no, liaison(unit), said)
    desk.do(case_no, deputy(unit), do.SignFeedback())


def answer(desk: Desk, case_no: str, grade: int, solved: str) -> None:
    """The citizen says how it was."""
    said = do.Callback(result="reached", contacted=True, solved=solved, satisfied=grade, satisfied_hotline=5)  # type: ignore[arg-type]
    desk.do(case_no, CALLER_BACK, said)


TO_ZHUJIAN = do.Dispatch(unit="zhujian", basis="会商决定")


def dispatched(desk: Desk, n: int, command: do.Dispatch = TO_ZHUJIAN) -> str:
    """A demand that a unit has got."""
    case_no = desk.open(n, demand="help")
    desk.do(case_no, Actor("话务甲", "agent"), do.ToTriage())
    desk.do(case_no, DISPATCHER, command)
    return case_no


def play_november(desk: Desk) -> dict[str, str]:
    """Their numbers, A to F; the clock stands at CUT_OFF afterwards."""
    cases = {name: dispatched(desk, n) for n, name in enumerate("ABCDE", 1)}
    cases["F"] = dispatched(desk, 6, do.Dispatch(unit="zhujian", basis="会商决定", co_units=("chengguan",)))
    for name in "ACEF":
        desk.do(cases[name], liaison("zhujian"), do.Sign())
    desk.do(cases["A"], liaison("zhujian"), do.Contact(contacted_at=desk.now, how="phone", result="已说明"))
    returned = do.ReturnOrder(code="not_ours", law="三定方案第三条", proposed_unit="chengguan")
    desk.do(cases["D"], liaison("zhujian"), returned)
    desk.do(cases["D"], SECOND, do.AcceptReturn(note="同意"))
    desk.do(cases["D"], DISPATCHER, do.Dispatch(unit="chengguan", basis="退单建议"))
    desk.do(cases["D"], liaison("chengguan"), do.Sign())
    desk.later(days=1)  # Tuesday
    feed_back(desk, cases["E"])
    desk.do(cases["F"], liaison("chengguan"), do.CoSign())
    desk.do(cases["F"], liaison("chengguan"), do.CoFeedback(internal="已配合"))
    feed_back(desk, cases["F"])
    desk.do(cases["F"], DISPATCHER, CHECKED)
    desk.later(days=1)  # Wednesday
    feed_back(desk, cases["A"])
    desk.do(cases["A"], DISPATCHER, CHECKED)
    answer(desk, cases["A"], 5, "yes")
    desk.do(cases["A"], CALLER_BACK, do.Close())
    desk.do(cases["E"], DISPATCHER, do.ReviewBack(defect="perfunctory", note="没有说明怎么修的"))
    desk.do(cases["F"], CALLER_BACK, do.Callback(result="unreachable"))
    desk.later(days=1)  # Thursday
    extension = do.RequestExtension(days=3, reason="等配件", law="热线办法", citizen_informed=True)
    desk.do(cases["C"], liaison("zhujian"), extension)
    desk.do(cases["C"], deputy("zhujian"), do.SignExtension())
    desk.do(cases["C"], SECOND, do.ApproveExtension())  # due on 3 December at 24:00
    desk.later(days=1)  # Friday
    feed_back(desk, cases["E"])
    desk.do(cases["E"], DISPATCHER, CHECKED)
    answer(desk, cases["E"], 1, "no")  # not solved: to be done again
    desk.do(cases["E"], DISPATCHER, TO_ZHUJIAN)  # due on 4 December at 24:00
    desk.do(cases["E"], liaison("zhujian"), do.Sign())
    desk.later(days=5)  # Wednesday 2 December
    feed_back(desk, cases["B"])  # the hotline signed for it, and it is late
    desk.do(cases["B"], DISPATCHER, CHECKED)
    answer(desk, cases["B"], 2, "partly")
    desk.do(cases["B"], CALLER_BACK, do.Close())
    feed_back(desk, cases["C"])
    desk.later(seconds=(CUT_OFF - desk.now).total_seconds())
    return cases
