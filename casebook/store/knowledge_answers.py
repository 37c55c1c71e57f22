"""What an answer on the spot (现场答复) leaves in the knowledge base: a use of an entry, or a gap."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from casebook.errors import CaseError
from casebook.handling.commands import AnswerNow
from casebook.handling.record import CaseRecord
from casebook.store.knowledge import use_entry
from casebook.store.knowledge_gaps import note_gap

_LONGEST_ID = 15


def keep_answer(connection: Connection, case: CaseRecord, command: AnswerNow, actor: str, now: datetime) -> None:
    """In the transaction that answers the case. Raises CaseError where the entry is none that answers now."""
    if not command.entry:
        note_gap(connection, case.title or case.body, case.matter, case.case_no, actor, now)
        return
    if not command.entry.isdecimal() or len(command.entry) > _LONGEST_ID:
        raise CaseError("not_found", "没有这个知识条目。")
    use_entry(connection, int(command.entry), case.case_no, actor, now, useful=command.confirmed)
