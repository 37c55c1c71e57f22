"""What the front desk does for a citizen with a case that it may not read: only when that very citizen asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, exists, select

from casebook.errors import CaseError
from casebook.privacy import Privacy
from casebook.store.casework_schema import citizen
from casebook.store.engine import reading
from casebook.store.public import Locked, PublicQuery
from casebook.store.router_tables import callback_task, desk_call
from casebook.store.schema import call, case_


def check_asked(
    engine: Engine, privacy: Privacy, clock: Callable[[], datetime], case_no: str, who: str, call_id: str, code: str
) -> None:
    """`who` has the call in which the case's citizen asks for it, or was told the query code.

    Raises CaseError guard.
    """
    if call_id and _called(engine, case_no, call_id, who):
        return
    if code:
        found = PublicQuery(engine, privacy, clock).progress(case_no, code, f"desk:{who}")
        if isinstance(found, Locked):
            raise CaseError("guard", "查询码错误次数太多，请稍后再试。")
        if found is not None:
            return
    raise CaseError("guard", "请填写诉求人这次来电的编号，或核对诉求人的查询码。")


def _called(engine: Engine, case_no: str, call_id: str, who: str) -> bool:
    """Whether `who` talked with the case's citizen in this call."""
    answered = exists().where(desk_call.c.call_id == call_id, desk_call.c.user_name == who)
    calls_back = exists().where(callback_task.c.last_call_id == call_id, callback_task.c.claimed_by == who)
    same = (
        select(call.c.call_id)
        .join(citizen, citizen.c.phone_hmac == call.c.ani_hmac)
        .join(case_, case_.c.citizen_id == citizen.c.id)
        .where(call.c.call_id == call_id, case_.c.case_no == case_no, answered | calls_back)
    )
    with reading(engine) as connection:
        return connection.execute(same).first() is not None
