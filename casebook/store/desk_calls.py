"""The calls that an agent answered: each ends with a case, or with a word why there is none (小结)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Engine, exists, select, update

from casebook.errors import CaseError
from casebook.privacy import Privacy
from casebook.roles import Actor
from casebook.store.engine import insert_for, reading
from casebook.store.notices import IN_APP, Address, Notice, send
from casebook.store.queries import CaseLine, Cases
from casebook.store.router_tables import agent_presence, call_leg, callback_task, desk_call
from casebook.store.schema import call

Disposition = Literal["consult", "repeat", "nuisance", "wrong_number", "silent", "dropped", "other"]
"""咨询已答复, 重复来电, 骚扰, 打错, 无声, 中断, 其他."""
_OVERLOOKED = timedelta(hours=12)
"""Calls that the record gives to this telephone, but no browser told of: so long ago at most."""
_TALKED = ("answered", "transferred")
_HELP = "desk_help"


@dataclass(frozen=True, slots=True)
class DeskCall:
    """A call on an agent's desk."""

    call_id: str
    masked_number: str
    started_at: datetime | None
    answered_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallerCard:
    """Who calls: what the agent sees when the telephone rings. No number in full."""

    call_id: str
    masked_number: str
    started_at: datetime | None
    known: bool
    """Whether there is a number to call back, and to register a case with."""
    cases: list[CaseLine]
    """The last ones, the open ones first."""


class DeskCalls:
    """What agents do with the calls that they answered."""

    def __init__(self, engine: Engine, privacy: Privacy, cases: Cases, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._privacy = privacy
        self._cases = cases
        self._clock = clock

    def took(self, call_id: str, user_name: str, extension: str, answered_at: datetime) -> None:
        """Note that an agent has a call. Told twice, it counts once."""
        values = {
            "call_id": call_id,
            "user_name": user_name,
            "extension": extension,
            "answered_at": answered_at,
            "disposition": "",
            "note": "",
        }
        with self._engine.begin() as connection:
            connection.execute(insert_for(connection, desk_call).values(**values).on_conflict_do_nothing())

    def owns(self, call_id: str, user_name: str) -> bool:
        """Whether the agent answered this call, or has taken the call-back that it led to."""
        answered = exists().where(desk_call.c.call_id == call_id, desk_call.c.user_name == user_name)
        calls_back = exists().where(callback_task.c.last_call_id == call_id, callback_task.c.claimed_by == user_name)
        with reading(self._engine) as connection:
            return bool(connection.execute(select(answered | calls_back)).scalar())

    def card(self, call_id: str, actor: Actor) -> CallerCard:
        """Who calls. A call that the dialplan answered alone has no row yet: then nothing is known of it."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(call.c.ani_enc, call.c.ani_masked, call.c.started_at).where(call.c.call_id == call_id)
            ).first()
        if row is None:
            return CallerCard(call_id, "", None, False, [])
        number = self._privacy.decrypt(row.ani_enc, f"call.ani:{call_id}") if row.ani_enc else ""
        lines = self._cases.caller(number, actor).items if number else []
        return CallerCard(call_id, row.ani_masked, row.started_at, bool(number), lines)

    def number_of(self, call_id: str) -> str:
        """The number that a case of this call is registered with; empty for a withheld one."""
        with reading(self._engine) as connection:
            enc = connection.execute(select(call.c.ani_enc).where(call.c.call_id == call_id)).scalar()
        return self._privacy.decrypt(enc, f"call.ani:{call_id}") if enc else ""

    def unfinished(self, user_name: str, extension: str) -> list[DeskCall]:
        """The calls without a case and without a word, the oldest first.

        Also those that the record gives to this telephone, since this agent logged in at it, where no browser was there
        to tell of them.
        """
        seen = exists().where(desk_call.c.call_id == call_leg.c.call_id, desk_call.c.extension == extension)
        logged_in_at = (
            select(agent_presence.c.logged_in_at)
            .where(agent_presence.c.extension == extension, agent_presence.c.user_name == user_name)
            .scalar_subquery()
        )
        overlooked = select(call_leg.c.call_id, call_leg.c.answered_at).where(
            call_leg.c.started_at > self._clock() - _OVERLOOKED,
            call_leg.c.agent == extension,
            call_leg.c.kind.in_(("queue", "agent")),
            call_leg.c.outcome.in_(_TALKED),
            call_leg.c.answered_at >= logged_in_at,
            ~seen,
        )
        statement = (
            select(desk_call.c.call_id, call.c.ani_masked, call.c.started_at, desk_call.c.answered_at, call.c.ended_at)
            .outerjoin(call, call.c.call_id == desk_call.c.call_id)
            .where(desk_call.c.user_name == user_name, desk_call.c.closed_at.is_(None))
            .order_by(desk_call.c.answered_at)
        )
        with reading(self._engine) as connection:
            found = connection.execute(overlooked).all() if extension else []
        for row in found:
            self.took(row.call_id, user_name, extension, row.answered_at)
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [
            DeskCall(row.call_id, row.ani_masked or "", row.started_at, row.answered_at, row.ended_at) for row in rows
        ]

    def registered(self, call_id: str, user_name: str, case_no: str) -> None:
        """A case came of the call."""
        self._close(call_id, user_name, case_no=case_no)

    def dispose(self, call_id: str, user_name: str, disposition: Disposition, note: str) -> None:
        """No case comes of the call. Raises CaseError not_found, missing_reason, bad_state for another word."""
        if disposition == "other" and not note.strip():
            raise CaseError("missing_reason", "请写明情况。")
        if not self._close(call_id, user_name, disposition=disposition, note=note.strip()):
            with reading(self._engine) as connection:
                mine = (desk_call.c.call_id == call_id) & (desk_call.c.user_name == user_name)
                row = connection.execute(select(desk_call.c.disposition, desk_call.c.case_no).where(mine)).first()
            if row is None:
                raise CaseError("not_found", "没有这通来电。")
            if row.disposition != disposition:
                raise CaseError("bad_state", "这通来电已经小结。")

    def call_for_help(self, call_id: str, user_name: str, extension: str) -> None:
        """Tell the shift leaders that an agent needs them; once a call."""
        told = Notice(_HELP, f"{_HELP}:{call_id}:{user_name}", "", "座席求助", f"座席 {extension} 请求班长协助。")
        routes = {_HELP: (Address(IN_APP, "role:shift_leader"),)}
        with self._engine.begin() as connection:
            send(connection, told, routes, self._clock())

    def _close(self, call_id: str, user_name: str, **values: str) -> bool:
        mine = (desk_call.c.call_id == call_id) & (desk_call.c.user_name == user_name)
        with self._engine.begin() as connection:
            done = connection.execute(
                update(desk_call).where(mine, desk_call.c.closed_at.is_(None)).values(closed_at=self._clock(), **values)
            )
        return done.rowcount == 1
