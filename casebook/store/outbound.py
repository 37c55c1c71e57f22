"""Calls that the line makes: to call back whom nobody answered, to ask how the service was.

Asked for once (unique key), made once: a row is "trying" from before the carrier is asked until its answer is written,
and whoever finds it so looks first whether the call was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from casebook.errors import CaseError
from casebook.store.calls import SqlCallStore
from casebook.store.cases import add_effect
from casebook.store.engine import insert_for
from casebook.store.schema import call, case_, outbound_call

CALL_BACK, SURVEY = "call_back", "survey"
EFFECT = "outbound_call"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call to make now. `since` is set when an earlier attempt may have made it already."""

    purpose: str
    number: str
    """In E.164."""
    since: datetime | None


class OutboundCalls:
    """Rows of calls to make."""

    def __init__(self, store: SqlCallStore) -> None:
        self._store = store

    def call_back(self, call_id: str, now: datetime) -> bool:
        """Call back whoever made a call; once for each call: False where it was asked for before.

        Raises CaseError not_found, no_number.
        """
        return self._ask(CALL_BACK, call_id, "", f"{CALL_BACK}:{call_id}", now)

    def survey(self, case_no: str, now: datetime) -> bool:
        """Ask whoever called about a case how the service was; once a case: False where it was asked for before.

        Raises CaseError not_found, no_number.
        """
        with self._store.engine.connect() as connection:
            found = select(case_.c.call_id).where(case_.c.case_no == case_no)
            call_id = connection.execute(found).scalar_one_or_none()
        if call_id is None:
            raise CaseError("not_found", "没有这个编号的来电案件。")
        return self._ask(SURVEY, call_id, case_no, f"{SURVEY}:{case_no}", now)

    def begin(self, row_id: int, now: datetime) -> Attempt | None:
        """Take a call in hand; None for one that was made, is over, or goes to a number that cannot be dialled."""
        with self._store.engine.begin() as connection:
            row = connection.execute(
                select(outbound_call, call.c.call_id, call.c.ani_enc)
                .join(call, call.c.call_id == outbound_call.c.origin_call_id)
                .where(outbound_call.c.id == row_id)
                .with_for_update(of=outbound_call)
            ).first()
            if row is None or row.state not in ("waiting", "trying"):
                return None
            number = self._store.privacy.decrypt(row.ani_enc, f"call.ani:{row.call_id}")
            if not number.startswith("+"):
                over = {"state": "over", "result": "no_number"}
                connection.execute(update(outbound_call).where(outbound_call.c.id == row_id).values(**over))
                return None
            if row.state == "waiting":
                connection.execute(
                    update(outbound_call).where(outbound_call.c.id == row_id).values(state="trying", tried_at=now)
                )
        return Attempt(row.purpose, number, row.tried_at)

    def unknown(self, call_sids: Sequence[str]) -> str | None:
        """The first of the carrier's calls that is none of ours yet."""
        with self._store.engine.connect() as connection:
            known = set(
                connection.scalars(select(outbound_call.c.call_sid).where(outbound_call.c.call_sid.in_(call_sids)))
            )
        return next((sid for sid in call_sids if sid not in known), None)

    @staticmethod
    def made(connection: Connection, row_id: int, call_sid: str) -> None:
        """The carrier took the call."""
        connection.execute(
            update(outbound_call)
            .where(outbound_call.c.id == row_id, outbound_call.c.state == "trying")
            .values(state="made", call_sid=call_sid)
        )

    def _ask(self, purpose: str, call_id: str, case_no: str, key: str, now: datetime) -> bool:
        with self._store.engine.begin() as connection:
            row = connection.execute(select(call.c.ani_enc).where(call.c.call_id == call_id)).first()
            if row is None:
                raise CaseError("not_found", "没有这次来电。")
            if row.ani_enc is None:
                raise CaseError("no_number", "这次来电没有号码，无法回拨。")
            made = connection.execute(
                insert_for(connection, outbound_call)
                .values(
                    key=key,
                    purpose=purpose,
                    origin_call_id=call_id,
                    case_no=case_no,
                    state="waiting",
                    created_at=now,
                )
                .on_conflict_do_nothing(index_elements=["key"])
                .returning(outbound_call.c.id)
            ).first()
            if made:
                add_effect(connection, EFFECT, f"outbound:{made.id}", {"id": made.id}, now)
            return made is not None


def note_result(connection: Connection, call_sid: str, result: str) -> None:
    """How a call that we made ended where no caller was reached; nothing for any other call."""
    connection.execute(
        update(outbound_call)
        .where(outbound_call.c.call_sid == call_sid, outbound_call.c.state == "made")
        .values(state="over", result=result[:16])
    )
