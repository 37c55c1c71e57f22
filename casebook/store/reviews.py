"""Several reviewers at once: each voicemail that waits is held by one of them, for as long as they work at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, delete, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.states import DRAFT
from casebook.store.callbacks import book
from casebook.store.engine import insert_for, reading
from casebook.store.review_tables import review_claim, transcript_correction
from casebook.store.router_tables import CALLBACK_OPEN, callback_task
from casebook.store.schema import UtcDateTime, call, case_, recording, transcript, user_
from casebook.store.transcripts import is_newest

CLAIM_HOLDS = timedelta(minutes=10)
"""After that a claim is nobody's: its reviewer's page renews it while somebody works there."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who holds a voicemail, and until when."""

    reviewer: str
    name: str
    """As colleagues call them."""
    until: datetime


class Reviews:
    """Claims on voicemails, corrected transcripts, and callers to be called back."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def mine(self, reviewer: str, besides: Sequence[str]) -> str | None:
        """The waiting voicemail that this reviewer holds, renewed; claims on `besides` are given back."""
        now = self._clock()
        with self._engine.begin() as connection:
            dropped = select(case_.c.id).where(or_(case_.c.case_no.in_(besides), case_.c.state != DRAFT))
            connection.execute(
                delete(review_claim).where(
                    or_(
                        review_claim.c.expires_at <= now,
                        and_(review_claim.c.reviewer == reviewer, review_claim.c.case_id.in_(dropped)),
                    )
                )
            )
            held = connection.execute(
                select(case_.c.id, case_.c.case_no)
                .join(review_claim, review_claim.c.case_id == case_.c.id)
                .where(review_claim.c.reviewer == reviewer)
                .order_by(review_claim.c.expires_at.desc())
            ).first()
            if held is None or not _take(connection, held.id, reviewer, now):
                return None
        case_no: str = held.case_no
        return case_no

    def take(self, case_no: str, reviewer: str) -> Claim | None:
        """Hold a voicemail, or hold it longer, and let go of any other; of somebody else's, who that is.

        None where nothing is to be reviewed any more. Raises CaseError not_found.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            row = connection.execute(select(case_.c.id).where(_voicemail(case_no))).first()
            if row is None:
                raise CaseError("not_found", "没有这个编号的留言。")
            if _take(connection, row.id, reviewer, now):
                connection.execute(
                    delete(review_claim).where(review_claim.c.reviewer == reviewer, review_claim.c.case_id != row.id)
                )
            return _claim_of(connection, row.id, now)

    def release(self, case_no: str, reviewer: str) -> None:
        """Let go of a voicemail; nothing happens where the reviewer does not hold it."""
        ids = select(case_.c.id).where(case_.c.case_no == case_no)
        with self._engine.begin() as connection:
            connection.execute(
                delete(review_claim).where(review_claim.c.reviewer == reviewer, review_claim.c.case_id.in_(ids))
            )

    def check_free(self, case_no: str, reviewer: str) -> None:
        """Raises CaseError held where somebody else is reviewing it."""
        with reading(self._engine) as connection:
            row = connection.execute(select(case_.c.id).where(_voicemail(case_no), case_.c.state == DRAFT)).first()
            holder = _claim_of(connection, row.id, self._clock()) if row else None
        if holder is not None and holder.reviewer != reviewer:
            raise CaseError("held", "这条留言正由别人审核。")

    def correct(self, case_no: str, text: str, actor: str, idempotency_key: str) -> None:
        """Keep a text as a person heard it, beside what the machine wrote. Once for each key.

        Raises CaseError not_found, bad_value, key_reused.
        """
        if not text.strip():
            raise CaseError("bad_value", "请填写更正后的文字。")
        key = f"{actor}:{idempotency_key}"
        try:
            with self._engine.begin() as connection:
                row = connection.execute(
                    select(recording.c.id, transcript)
                    .select_from(case_)
                    .join(recording, recording.c.id == case_.c.recording_id)
                    .outerjoin(transcript, is_newest(recording.c.id))
                    .where(_voicemail(case_no))
                ).first()
                if row is None:
                    raise CaseError("not_found", "没有这个编号的留言。")
                known = connection.execute(
                    select(transcript_correction.c.recording_id).where(transcript_correction.c.idempotency_key == key)
                ).scalar_one_or_none()
                if known is not None and known != row[0]:
                    raise CaseError("key_reused", "这个请求编号已用于另一个操作。")
                if known is None:
                    connection.execute(
                        insert(transcript_correction).values(
                            recording_id=row[0],
                            engine=row.engine or "",
                            model=row.model or "",
                            heard=row.heard or "",
                            repaired=row.text or "",
                            corrected=text.strip(),
                            corrected_by=actor,
                            corrected_at=self._clock(),
                            idempotency_key=key,
                        )
                    )
        except IntegrityError:
            return  # The same request twice at the same moment: the other one has kept it.

    def ask_call_back(self, case_no: str, note: str) -> None:
        """Have an agent call the caller back, once; the task says what to ask about each of the caller's voicemails.

        Raises CaseError not_found, guard for a withheld number.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            row = connection.execute(
                select(call.c.call_id, call.c.ani_hmac)
                .join(case_, case_.c.call_id == call.c.call_id)
                .where(_voicemail(case_no))
            ).first()
            if row is None:
                raise CaseError("not_found", "没有这个编号的留言。")
            if not book(connection, row.call_id, "requested", now):
                raise CaseError("guard", "来电没有显示号码，不能回拨。")
            words = "：".join(word for word in (f"核实留言 {case_no}", note) if word)
            before = callback_task.c.note
            connection.execute(
                update(callback_task)
                .where(callback_task.c.ani_hmac == row.ani_hmac, CALLBACK_OPEN, ~before.contains(case_no))
                .values(note=case((before == "", words), else_=before + "；" + words))
            )


def _voicemail(case_no: str) -> ColumnElement[bool]:
    return and_(case_.c.case_no == case_no, case_.c.channel == "voicemail")


def _take(connection: Connection, case_id: int, reviewer: str, now: datetime) -> bool:
    """Hold a waiting case, in one statement: of two who try at the same moment, one gets it."""
    until = now + CLAIM_HOLDS
    source = select(case_.c.id, literal(reviewer), literal(until, UtcDateTime)).where(
        case_.c.id == case_id, case_.c.state == DRAFT
    )
    statement = insert_for(connection, review_claim).from_select(["case_id", "reviewer", "expires_at"], source)
    taken = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["case_id"],
            set_={"reviewer": statement.excluded.reviewer, "expires_at": statement.excluded.expires_at},
            where=or_(review_claim.c.reviewer == reviewer, review_claim.c.expires_at <= now),
        ).returning(review_claim.c.case_id)
    )
    return taken.first() is not None


def _claim_of(connection: Connection, case_id: int, now: datetime) -> Claim | None:
    row = connection.execute(
        select(review_claim.c.reviewer, user_.c.display_name, review_claim.c.expires_at)
        .outerjoin(user_, user_.c.name == review_claim.c.reviewer)
        .where(review_claim.c.case_id == case_id, review_claim.c.expires_at > now)
    ).first()
    return read_claim(row.reviewer, row.display_name, row.expires_at) if row else None


def read_claim(reviewer: str | None, name: str | None, until: Any) -> Claim | None:
    """A claim of a row that was joined to it; None where nobody holds it."""
    return Claim(reviewer, name or reviewer, until) if reviewer else None
