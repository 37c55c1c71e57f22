"""Who is there: what agents say of themselves, and the shift leader's overrides; the PBX is brought to agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Engine, case, delete, insert, select

from casebook.errors import CaseError
from casebook.store.engine import insert_for, reading
from casebook.store.router_tables import agent_presence, shift_override

State = Literal["ready", "paused", "wrapup", "out"]
OverrideKind = Literal["on", "off", "night", "day"]


@dataclass(frozen=True, slots=True)
class AgentState:
    """An agent's own word. `reason` says why they are paused."""

    extension: str
    user_name: str
    state: State
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """A decision of the shift leader."""

    id: int
    kind: OverrideKind
    agent: str
    starts_at: datetime
    ends_at: datetime
    made_by: str


class Presence:
    """Agents' states and overrides."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set(self, extension: str, user_name: str, state: State, reason: str, now: datetime) -> None:
        """Note an agent's state. Raises CaseError missing_reason for a pause without one."""
        if state == "paused" and not reason.strip():
            raise CaseError("missing_reason", "A pause needs a reason.")
        values = {"user_name": user_name, "state": state, "reason": reason[:64], "since": now}
        with self._engine.begin() as connection:
            statement = insert_for(connection, agent_presence).values(extension=extension, logged_in_at=now, **values)
            stays = (agent_presence.c.user_name == user_name) & (agent_presence.c.state != "out")
            logged_in_at = case((stays, agent_presence.c.logged_in_at), else_=statement.excluded.logged_in_at)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["extension"], set_={**values, "logged_in_at": logged_in_at}
                )
            )

    def states(self) -> dict[str, AgentState]:
        """Every agent who ever logged in or paused, by extension."""
        columns = [agent_presence.c[name] for name in AgentState.__dataclass_fields__]
        with reading(self._engine) as connection:
            return {row.extension: AgentState(*row) for row in connection.execute(select(*columns))}

    def override(
        self, kind: OverrideKind, agent: str, starts_at: datetime, ends_at: datetime, made_by: str, now: datetime
    ) -> int:
        """Note an override; its id. Raises CaseError bad_value for one that ends before it starts."""
        if ends_at <= starts_at or (kind in ("on", "off")) != bool(agent):
            raise CaseError("bad_value", "An override ends after it starts, and names an agent where it is about one.")
        values = {"kind": kind, "agent": agent, "starts_at": starts_at, "ends_at": ends_at}
        with self._engine.begin() as connection:
            statement = insert(shift_override).values(**values, made_by=made_by, made_at=now)
            return int(connection.execute(statement.returning(shift_override.c.id)).scalar_one())

    def cancel_override(self, override_id: int) -> None:
        """Take an override back; one that is gone stays gone."""
        with self._engine.begin() as connection:
            connection.execute(delete(shift_override).where(shift_override.c.id == override_id))

    def overrides(self, now: datetime) -> list[OverrideRow]:
        """Overrides that have not ended, in the order in which they were made."""
        columns = [shift_override.c[name] for name in OverrideRow.__dataclass_fields__]
        statement = select(*columns).where(shift_override.c.ends_at > now).order_by(shift_override.c.id)
        with reading(self._engine) as connection:
            return [OverrideRow(*row) for row in connection.execute(statement)]
