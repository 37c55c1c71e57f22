"""What was done at the desk (every action, with its result), and the recordings of conversations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select

from casebook.store.engine import insert_for, reading
from casebook.store.router_tables import conversation, desk_action


@dataclass(frozen=True, slots=True)
class DeskAction:
    """An action on a call."""

    call_id: str
    at: datetime
    actor: str
    action: str
    detail: Mapping[str, str]
    result: str


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A recording in two channels: the citizen left, what the citizen heard right. `path` is relative."""

    call_id: str
    path: str
    duration_ms: int
    sha256: str
    created_at: datetime


class DeskLog:
    """Actions and conversations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, action: DeskAction) -> None:
        """Write an action down."""
        values = {
            "call_id": action.call_id,
            "at": action.at,
            "actor": action.actor,
            "action": action.action,
            "detail": json.dumps(dict(action.detail), ensure_ascii=False),
            "result": action.result[:64],
        }
        with self._engine.begin() as connection:
            connection.execute(insert(desk_action).values(**values))

    def of_call(self, call_id: str) -> list[DeskAction]:
        """What was done with a call, in order."""
        statement = select(desk_action).where(desk_action.c.call_id == call_id).order_by(desk_action.c.id)
        with reading(self._engine) as connection:
            return [
                DeskAction(row.call_id, row.at, row.actor, row.action, json.loads(row.detail), row.result)
                for row in connection.execute(statement)
            ]

    def keep_conversation(self, row: ConversationRow) -> None:
        """A recording's row; one that is there stays as it is."""
        values = {name: getattr(row, name) for name in ConversationRow.__dataclass_fields__}
        with self._engine.begin() as connection:
            statement = insert_for(connection, conversation).values(**values)
            connection.execute(statement.on_conflict_do_nothing(index_elements=["path"]))

    def conversations(self, call_id: str) -> list[ConversationRow]:
        """A call's recordings, in order."""
        columns = [conversation.c[name] for name in ConversationRow.__dataclass_fields__]
        statement = select(*columns).where(conversation.c.call_id == call_id).order_by(conversation.c.path)
        with reading(self._engine) as connection:
            return [ConversationRow(*row) for row in connection.execute(statement)]

    def known_conversations(self, paths: Iterable[str]) -> set[str]:
        """Those of `paths` that have a row."""
        with reading(self._engine) as connection:
            return set(connection.scalars(select(conversation.c.path).where(conversation.c.path.in_(list(paths)))))
