"""What other platforms hand over, and what they are told of it.

A message is taken once: its id is unique for its platform, the same one again changes nothing. A person handles it,
with or without a case. A platform whose order became a case is told of each change of its state, by the outbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, insert, select, update

from casebook.errors import CaseError
from casebook.linkage import CALL, ORDER
from casebook.privacy import Privacy, mask_number, normalise_number
from casebook.states import PROGRESS
from casebook.store.cases import add_effect
from casebook.store.engine import insert_for, reading
from casebook.store.linkage_tables import linkage_case, linkage_message
from casebook.store.notices import Notice, Routes, send
from casebook.store.schema import access_log, call, case_, event

JOB = "linkage"
NOTICE_KIND = "linkage"
_SHOWN = 200
_CALL_FOLLOWS = timedelta(minutes=30)
"""A call that was announced comes within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message as it was sent. `number` is the citizen's; empty where the platform gives none."""

    platform: str
    message_id: str
    kind: str
    reference: str
    title: str
    body: str
    state: str
    urgent: bool
    number: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkageItem:
    """A message as the console shows it; `call_id` is the call that an announced citizen made since."""

    id: int
    platform: str
    kind: str
    reference: str
    title: str
    body: str
    state: str
    urgent: bool
    masked_number: str
    sent_at: datetime
    received_at: datetime
    handled_at: datetime | None
    handled_by: str | None
    note: str | None
    case_no: str | None
    call_id: str | None


class Linkage:
    """Messages of other platforms."""

    def __init__(
        self,
        engine: Engine,
        privacy: Privacy,
        routes: Routes,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._privacy = privacy
        self._routes = routes
        self._clock = clock

    def take(self, message: Incoming, name: str, raw: bytes) -> bool:
        """Keep a message and tell whoever is on duty; False where it was known. `name` is the platform's.

        Raises CaseError key_reused where the id was another message's.
        """
        now, digest = self._clock(), hashlib.sha256(raw).hexdigest()
        with self._engine.begin() as connection:
            added = connection.execute(
                insert_for(connection, linkage_message)
                .values(self._values(message, digest, now))
                .on_conflict_do_nothing(index_elements=["platform", "message_id"])
                .returning(linkage_message.c.id)
            ).first()
            if added is None:
                self._require_same(connection, message, digest)
                return False
            words = {CALL: "转来电话", ORDER: "转来工单"}.get(message.kind, "状态通知")
            title = f"{name}{words}：{message.reference}"
            notice = Notice(NOTICE_KIND, f"linkage:{added.id}", "", title, message.title)
            send(connection, notice, self._routes, now)
        return True

    @staticmethod
    def _require_same(connection: Connection, message: Incoming, digest: str) -> None:
        known = select(linkage_message.c.digest).where(
            linkage_message.c.platform == message.platform, linkage_message.c.message_id == message.message_id
        )
        if connection.execute(known).scalar_one() != digest:
            raise CaseError("key_reused", "这个消息编号已用于另一条消息。")

    def items(self, *, unhandled: bool) -> list[LinkageItem]:
        """The newest two hundred, newest first."""
        statement = _items().order_by(linkage_message.c.id.desc()).limit(_SHOWN)
        if unhandled:
            statement = statement.where(linkage_message.c.handled_at.is_(None))
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
            calls = _calls(connection, rows)
        return [_item(row, calls) for row in rows]

    def handle(self, message_id: int, actor: str, note: str, case_no: str | None) -> LinkageItem:
        """Say what became of a message; the first one counts. With a case, its platform is told from now on.

        Raises CaseError not_found for a message or a case that does not exist, missing_reason without a note.
        """
        if not note.strip():
            raise CaseError("missing_reason", "请填写处理情况。")
        with self._engine.begin() as connection:
            case = _case(connection, case_no) if case_no else None
            changed = connection.execute(
                update(linkage_message)
                .where(linkage_message.c.id == message_id, linkage_message.c.handled_at.is_(None))
                .values(handled_at=self._clock(), handled_by=actor, note=note, case_no=case_no)
                .returning(linkage_message.c.platform, linkage_message.c.reference)
            ).first()
            if changed and case is not None:
                _link(connection, changed.platform, changed.reference, case)
            row = connection.execute(_items().where(linkage_message.c.id == message_id)).first()
            if row is None:
                raise CaseError("not_found", "没有这条联动消息。")
            return _item(row, _calls(connection, [row]))

    def reveal(self, message_id: int, actor: str, reason: str) -> str:
        """The citizen's number in full; who saw it and why is written down. Raises CaseError."""
        if not reason.strip():
            raise CaseError("missing_reason", "请填写查看理由。")
        with self._engine.begin() as connection:
            row = connection.execute(
                select(linkage_message).where(
                    linkage_message.c.id == message_id, linkage_message.c.number_enc.is_not(None)
                )
            ).first()
            if row is None:
                raise CaseError("not_found", "没有这条联动消息，或对方没有提供号码。")
            values = {"actor": actor, "case_no": row.case_no or "", "what": f"linkage:{row.id}", "reason": reason}
            connection.execute(insert(access_log).values(at=self._clock(), **values))
        return self._privacy.decrypt(row.number_enc, _place(row.platform, row.message_id))

    def _values(self, message: Incoming, digest: str, now: datetime) -> dict[str, object]:
        number = normalise_number(message.number)
        place = _place(message.platform, message.message_id)
        return {
            "platform": message.platform,
            "message_id": message.message_id,
            "digest": digest,
            "kind": message.kind,
            "reference": message.reference,
            "title": message.title,
            "body": message.body,
            "state": message.state,
            "urgent": message.urgent,
            "number_enc": self._privacy.encrypt(number, place) if number else None,
            "number_hmac": self._privacy.index(number, "ani") if number else None,
            "number_masked": mask_number(number),
            "sent_at": message.sent_at,
            "received_at": now,
        }


def tell_platforms(engine: Engine, told: frozenset[str], now: datetime) -> int:
    """Write what the platforms in `told` are to be told of their cases since the last time; how many messages."""
    statement = (
        select(linkage_case, case_.c.case_no, event.c.seq, event.c.type, event.c.at, event.c.to_state)
        .join(case_, case_.c.id == linkage_case.c.case_id)
        .join(event, and_(event.c.case_id == case_.c.id, event.c.seq > linkage_case.c.told_seq))
        .where(event.c.from_state != event.c.to_state)
        .order_by(linkage_case.c.id, event.c.seq)
        .limit(_SHOWN)
    )
    with reading(engine) as connection:
        if connection.execute(statement).first() is None:
            return 0
    with engine.begin() as connection:
        rows = connection.execute(statement.with_for_update(of=linkage_case)).all()
        for row in rows:
            if row.platform in told:
                payload = {
                    "platform": row.platform,
                    "id": f"{row.case_no}-{row.seq}",
                    "reference": row.reference,
                    "case_no": row.case_no,
                    "state": PROGRESS[row.to_state],
                    "event": row.type,
                    "at": row.at,
                }
                add_effect(connection, JOB, f"{JOB}:{row.platform}:{row.case_no}:{row.seq}", payload, now)
            seen = update(linkage_case).where(linkage_case.c.id == row.id, linkage_case.c.told_seq < row.seq)
            connection.execute(seen.values(told_seq=row.seq))
    return sum(row.platform in told for row in rows)


def _case(connection: Connection, case_no: str) -> int:
    """Row id of a case."""
    row = connection.execute(select(case_.c.id).where(case_.c.case_no == case_no)).first()
    if row is None:
        raise CaseError("not_found", "没有这个案件。")
    return int(row.id)


def _link(connection: Connection, platform: str, reference: str, case_id: int) -> None:
    """The first link of a reference stays. The platform is told of every state so far, then of each change."""
    values = {"platform": platform, "reference": reference, "case_id": case_id, "told_seq": 0}
    connection.execute(insert_for(connection, linkage_case).values(values).on_conflict_do_nothing())


def _place(platform: str, message_id: str) -> str:
    return f"linkage.number:{platform}:{message_id}"


_SHOWN_COLUMNS = (
    *("id", "platform", "kind", "reference", "title", "body", "state", "urgent"),
    *("sent_at", "received_at", "handled_at", "handled_by", "note", "case_no"),
)


def _items() -> Select[Any]:
    columns = (*_SHOWN_COLUMNS, "number_hmac", "number_masked")
    return select(*(linkage_message.c[name] for name in columns))


def _item(row: Row[Any], calls: Mapping[str, Sequence[tuple[datetime, str]]]) -> LinkageItem:
    values = {name: getattr(row, name) for name in _SHOWN_COLUMNS}
    made = calls.get(row.number_hmac, ()) if row.kind == CALL else ()
    followed = (call_id for at, call_id in made if row.sent_at <= at <= row.sent_at + _CALL_FOLLOWS)
    return LinkageItem(**values, masked_number=row.number_masked, call_id=next(followed, None))


def _calls(connection: Connection, rows: Sequence[Row[Any]]) -> Mapping[str, Sequence[tuple[datetime, str]]]:
    """The calls of the citizens of messages, by the index of their number, oldest first."""
    numbers = {row.number_hmac for row in rows if row.kind == CALL and row.number_hmac}
    found: dict[str, list[tuple[datetime, str]]] = {}
    if numbers:
        statement = select(call.c.ani_hmac, call.c.started_at, call.c.call_id).where(call.c.ani_hmac.in_(numbers))
        since = min(row.sent_at for row in rows)
        for number, at, call_id in connection.execute(
            statement.where(call.c.started_at >= since).order_by(call.c.started_at)
        ):
            found.setdefault(number, []).append((at, call_id))
    return found
