"""The indicators as data: name, numerator, denominator, which way is better. Version 1.

`part` and `whole` are sums of fields of the counts in casebook.indicators.counts; a `whole` that is empty makes a
number of it instead of a rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from casebook.indicators.counts import AnswerCounts, CaseCounts, OrderCounts, rate

DEFINITION_VERSION = 1


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure."""

    code: str
    name: str
    part: tuple[str, ...]
    whole: tuple[str, ...] = ()
    better: Literal["high", "low", ""] = ""
    says: str = ""
    """The definition in one sentence, for whoever is judged by it."""


INDICATORS: tuple[Indicator, ...] = (
    Indicator("handled", "承办数", ("handled",), says="本期派出的主办工单，不含退单通过、撤回、改派的"),
    Indicator("carried", "上期结转", ("carried",), says="期初以前派出、期初还没有反馈的主办工单"),
    Indicator("in_hand", "在办总量", ("handled", "carried"), says="承办数加上期结转"),
    Indicator("due", "应办结数", ("due",), says="办理时限在本期内到期的主办工单（含批准的延期）"),
    Indicator("sign_rate", "及时签收率", ("signed_in_time",), ("sign_due",), "high", "时限内由单位自己签收／应签收"),
    Indicator("feedback_rate", "反馈率", ("fed_back",), ("due",), "high", "截至统计时刻已反馈／应反馈"),
    Indicator("timely_rate", "及时反馈率", ("fed_back_in_time",), ("due",), "high", "时限内反馈／应反馈"),
    Indicator("closing_rate", "办结率", ("closed",), ("due",), "high", "截至统计时刻案件已办结／应办结"),
    Indicator(
        "on_time_rate", "按时办结率", ("done_in_time",), ("due",), "high", "审核通过的反馈在时限内、且从未超期／应办结"
    ),
    Indicator(
        "first_time_rate",
        "按原时限办结率",
        ("done_in_first_time",),
        ("due",),
        "high",
        "不计延期，在原时限内办结／应办结",
    ),
    Indicator("satisfaction", "群众满意率", ("pleased",), ("answered",), "high", "非常满意＋满意＋基本满意／给出评价"),
    Indicator("much_pleased", "满意以上", ("grade_5", "grade_4"), ("answered",), "high", "非常满意＋满意／给出评价"),
    Indicator("solved_rate", "解决率", ("solved",), ("answered",), "high", "诉求人说已解决／给出评价"),
    Indicator("callback_rate", "回访率", ("answered", "refused"), ("called",), "high", "接通的／回访过的案件"),
    Indicator("contact_rate", "联系率", ("contacted",), ("handled",), "high", "有联系群众记录／承办数"),
    Indicator("extension_rate", "延期率", ("extended",), ("due",), "low", "批准过延期／应办结"),
    Indicator("return_rate", "退单率", ("returns",), ("dispatched",), "low", "提出退单／本期派出（含后来剔除的）"),
    Indicator("wrong_return_rate", "不当退单率", ("returns_rejected",), ("returns",), "low", "审核未通过的退单／退单"),
    Indicator("rework_rate", "重办率", ("reopened",), ("closings",), "low", "本期重办／本期办结"),
    Indicator("defects", "退回重办次数", ("defects",), better="low", says="应办结工单的反馈被后台退回的次数"),
    Indicator("urgings", "催办次数", ("urgings",), better="low"),
    Indicator(
        "silent", "多次催办不反馈", ("silent",), better="low", says="催办两次以上，最近一次后一个工作日内没有动作"
    ),
    Indicator("overdue", "超期未办", ("overdue",), better="low", says="现在仍未反馈且已过时限"),
    Indicator("long_overdue", "久拖", ("long_overdue",), better="low", says="超期十个工作日以上"),
    Indicator("supervised", "督办中", ("supervised",), better="low"),
    Indicator("co_handled", "协办数", ("co_handled",), says="本期派出的协办工单"),
    Indicator("co_timely_rate", "协办及时反馈率", ("co_in_time",), ("co_due",), "high"),
)
"""Of a unit, in the order of the table. The year's judging goes by 承办数, 反馈率, 办结率 and 群众满意率."""

ON_THE_SPOT = Indicator(
    "on_the_spot", "现场答复率", ("answered",), ("public",), "high", "现场答复办结／公众诉求（不含监督员上报）"
)

JUDGED = ("handled", "feedback_rate", "closing_rate", "satisfaction")
"""考核四项."""


def value(indicator: Indicator, *counts: OrderCounts | AnswerCounts | CaseCounts) -> float | None:
    """The figure: a number, a rate from 0 to 1, or None for a rate without data."""
    part = _sum(indicator.part, counts)
    return rate(part, _sum(indicator.whole, counts)) if indicator.whole else part


def basis(indicator: Indicator, *counts: OrderCounts | AnswerCounts | CaseCounts) -> tuple[int, int | None]:
    """Numerator and denominator."""
    return _sum(indicator.part, counts), _sum(indicator.whole, counts) if indicator.whole else None


def _sum(names: tuple[str, ...], counts: tuple[OrderCounts | AnswerCounts | CaseCounts, ...]) -> int:
    return sum(getattr(next(one for one in counts if hasattr(one, name)), name) for name in names)
