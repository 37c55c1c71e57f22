"""What is counted of orders, call-backs and cases, and the indicators that are divided out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import sqrt
from typing import TypeVar

_C = TypeVar("_C", "OrderCounts", "AnswerCounts", "CaseCounts")
SMALL = 10
"""Fewer answers than this are marked 样本少."""
_Z = 1.959963984540054
"""Of the 95 % interval."""


@dataclass(slots=True)
class OrderCounts:
    """Orders of one unit, region or matter in a period. Lead orders but for `co_`."""

    handled: int = 0
    """承办数: dispatched in the period, without the excluded."""
    carried: int = 0
    """上期结转: dispatched before the period and not fed back when it began, without the excluded."""
    dispatched: int = 0
    """Dispatched in the period, the excluded too."""
    sign_due: int = 0
    """应签收: the time for signing ended in the period."""
    signed_in_time: int = 0
    due: int = 0
    """应反馈 = 应办结: the time for the feedback ended in the period, without the excluded."""
    fed_back: int = 0
    fed_back_in_time: int = 0
    closed: int = 0
    """Of the due: the case has been closed."""
    done_in_time: int = 0
    """Of the due: the accepted feedback came in time, and no earlier one was late."""
    done_in_first_time: int = 0
    """Of these: within the time that the order had before any extension."""
    extended: int = 0
    defects: int = 0
    """Feedbacks of the due that the back office refused (退回重办)."""
    returns: int = 0
    """退单 of the dispatched."""
    returns_rejected: int = 0
    """不当退单."""
    contacted: int = 0
    """Of the handled: the unit spoke to the citizen."""
    urgings: int = 0
    """催办 of the handled."""
    overdue: int = 0
    """超期未办: open now, not fed back, past the due time; whenever it was dispatched."""
    long_overdue: int = 0
    """久拖: of these, by more than ten working days."""
    silent: int = 0
    """多次催办不反馈: open, urged twice or more, nothing from the unit within a working day of the last."""
    supervised: int = 0
    """督办: open orders of cases under supervision."""
    co_handled: int = 0
    co_due: int = 0
    co_fed_back: int = 0
    co_in_time: int = 0


@dataclass(slots=True)
class AnswerCounts:
    """What citizens said when they were called back: each case once, by its last call-back of the period."""

    called: int = 0
    refused: int = 0
    unreachable: int = 0
    grade_5: int = 0
    """非常满意."""
    grade_4: int = 0
    grade_3: int = 0
    """基本满意."""
    grade_2: int = 0
    grade_1: int = 0
    solved: int = 0
    partly: int = 0
    reopened: int = 0
    """重办: closed cases that were opened again in the period."""
    closings: int = 0
    """Closings in the period."""

    @property
    def answered(self) -> int:
        """|S|: gave a grade."""
        return self.grade_5 + self.grade_4 + self.grade_3 + self.grade_2 + self.grade_1

    @property
    def pleased(self) -> int:
        """非常满意, 满意 or 基本满意."""
        return self.grade_5 + self.grade_4 + self.grade_3


@dataclass(slots=True)
class CaseCounts:
    """Cases registered in a period."""

    registered: int = 0
    public: int = 0
    """Of citizens: without what the city's own people report (patrol)."""
    answered: int = 0
    """现场答复: of these, answered on the line."""
    urgent: int = 0


def total(parts: Iterable[_C], kind: type[_C]) -> _C:
    """The sum, field by field."""
    added = kind()
    for part in parts:
        for one in fields(kind):
            setattr(added, one.name, getattr(added, one.name) + getattr(part, one.name))
    return added


def rate(part: int, whole: int) -> float | None:
    """None where there is nothing to divide by: no data is neither 0 % nor 100 %."""
    return part / whole if whole else None


def percent(value: float | None) -> str:
    """ "88.34%" with two decimals, halves up; "—" for no data. 100.00% only where nothing is missing."""
    if value is None:
        return "—"
    return f"{_hundredths(value) / 100:.2f}%"


def _hundredths(value: float) -> int:
    shown = int(value * 10_000 + 0.5 + 1e-9)
    return 9_999 if shown == 10_000 and value < 1 else shown


def wilson(part: int, whole: int) -> tuple[float, float] | None:
    """The 95 % interval of a share (Wilson); None for no data."""
    if not whole:
        return None
    share, spread = part / whole, _Z * _Z / whole
    middle = share + spread / 2
    width = _Z * sqrt(share * (1 - share) / whole + spread / (4 * whole))
    return max(0.0, (middle - width) / (1 + spread)), min(1.0, (middle + width) / (1 + spread))
