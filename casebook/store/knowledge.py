"""Entries of the knowledge base: versions that never change, published by another person than their author."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.knowledge import (
    DRAFT,
    PUBLISHED,
    WITHDRAWN,
    Answer,
    Content,
    Entry,
    EntryDetail,
    Happening,
    Version,
    check_content,
    check_publisher,
    in_force,
)
from casebook.numbering import ZONE
from casebook.store.engine import reading
from casebook.store.knowledge_index import forget, index_entry
from casebook.store.knowledge_schema import kb_entry, kb_history, kb_use, kb_version

_STALE = "这个条目刚刚被别人改过，请刷新后再操作。"
_SHOWN = 200


class Knowledge:
    """The entries."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def create(
        self, content: Content, *, matter: str, owner_unit: str, review_due: date, actor: str, idempotency_key: str
    ) -> int:
        """Write a new entry as a draft; its id. Raises CaseError bad_value, key_reused."""
        check_content(content)
        if not owner_unit.strip():
            raise CaseError("bad_value", "请填写责任单位。")
        now, key = self._clock(), f"{actor}:{idempotency_key}"
        try:
            with self._engine.begin() as connection:
                if (done := _done(connection, key, "create")) is not None:
                    return done
                values = {"state": DRAFT, "matter": matter, "owner_unit": owner_unit, "review_due": review_due}
                entry_id: int = connection.execute(
                    insert(kb_entry).values(latest_n=1, version=1, updated_at=now, **values).returning(kb_entry.c.id)
                ).scalar_one()
                _write_version(connection, entry_id, 1, content, actor, now)
                _note(connection, entry_id, actor, "create", now, n=1, key=key)
        except IntegrityError as error:
            raise CaseError("stale_version", _STALE) from error
        return entry_id

    def revise(self, entry_id: int, content: Content, *, version: int, actor: str, idempotency_key: str) -> int:
        """Write the next version; what is published stays so. Its number. Raises as `create`, and stale_version."""
        check_content(content)

        def change(connection: Connection, row: Row[Any], now: datetime) -> dict[str, Any]:
            _write_version(connection, entry_id, row.latest_n + 1, content, actor, now)
            return {"latest_n": row.latest_n + 1}

        return self._change(entry_id, "revise", change, version, actor, idempotency_key).latest_n

    def publish(
        self, entry_id: int, *, n: int, review_due: date, version: int, actor: str, idempotency_key: str
    ) -> Entry:
        """Make version `n` the one that is found. Raises CaseError not_found, stale_version, bad_value."""

        def change(connection: Connection, _row: Row[Any], now: datetime) -> dict[str, Any]:
            written = _version_row(connection, entry_id, n)
            check_publisher(written.author, actor)
            if review_due <= _day(now):
                raise CaseError("bad_value", "复审日期须在今天之后。")
            index_entry(connection, entry_id, _content(written))
            return {"state": PUBLISHED, "published_n": n, "review_due": review_due}

        return self._change(entry_id, "publish", change, version, actor, idempotency_key, n=n)

    def withdraw(self, entry_id: int, *, reason: str, version: int, actor: str, idempotency_key: str) -> Entry:
        """Find it no more; its versions stay. Raises CaseError missing_reason, stale_version, bad_state."""
        if not reason.strip():
            raise CaseError("missing_reason", "请填写下架原因。")

        def change(connection: Connection, row: Row[Any], _now: datetime) -> dict[str, Any]:
            if row.state != PUBLISHED:
                raise CaseError("bad_state", "只有已发布的条目可以下架。")
            forget(connection, entry_id)
            return {"state": WITHDRAWN, "published_n": None}

        return self._change(entry_id, "withdraw", change, version, actor, idempotency_key, note=reason)

    def review(
        self, entry_id: int, *, review_due: date, note: str, version: int, actor: str, idempotency_key: str
    ) -> Entry:
        """Say that it was looked at and is still true until `review_due`. Raises CaseError bad_value, stale_version."""

        def change(_connection: Connection, _row: Row[Any], now: datetime) -> dict[str, Any]:
            if review_due <= _day(now):
                raise CaseError("bad_value", "复审日期须在今天之后。")
            return {"review_due": review_due}

        return self._change(entry_id, "review", change, version, actor, idempotency_key, note=note)

    def get(self, entry_id: int) -> EntryDetail:
        """An entry in full. Raises CaseError not_found."""
        with reading(self._engine) as connection:
            entry = _entry(_entry_row(connection, entry_id))
            versions = connection.execute(
                select(kb_version).where(kb_version.c.entry_id == entry_id).order_by(kb_version.c.n)
            ).all()
            history = connection.execute(
                select(kb_history).where(kb_history.c.entry_id == entry_id).order_by(kb_history.c.id)
            ).all()
        return EntryDetail(
            entry=entry,
            versions=tuple(
                Version(n=row.n, content=_content(row), author=row.author, written_at=row.written_at)
                for row in versions
            ),
            history=tuple(
                Happening(at=row.at, actor=row.actor, what=row.what, n=row.n, note=row.note) for row in history
            ),
        )

    def entries(self, *, state: str | None, owner_unit: str | None, review_before: date | None) -> list[Entry]:
        """Entries by the day on which they have to be looked at again, the first two hundred."""
        statement = _entries().order_by(kb_entry.c.review_due, kb_entry.c.id).limit(_SHOWN)
        if state is not None:
            statement = statement.where(kb_entry.c.state == state)
        if owner_unit is not None:
            statement = statement.where(kb_entry.c.owner_unit == owner_unit)
        if review_before is not None:
            statement = statement.where(kb_entry.c.review_due < review_before)
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(statement)]

    def answer(self, entry_id: int) -> Answer:
        """What is told to a caller out of it. Raises CaseError not_found, bad_state where it answers nothing now."""
        with reading(self._engine) as connection:
            return answer_of(connection, entry_id, self._clock())

    def use(self, entry_id: int, case_no: str, actor: str, *, useful: bool | None) -> None:
        """Count that a case was answered with it. Raises CaseError as `answer`."""
        with self._engine.begin() as connection:
            use_entry(connection, entry_id, case_no, actor, self._clock(), useful=useful)

    def _change(
        self,
        entry_id: int,
        what: str,
        change: Callable[[Connection, Row[Any], datetime], dict[str, Any]],
        version: int,
        actor: str,
        idempotency_key: str,
        *,
        n: int | None = None,
        note: str = "",
    ) -> Entry:
        now, key = self._clock(), f"{actor}:{idempotency_key}"
        try:
            with self._engine.begin() as connection:
                row = connection.execute(select(kb_entry).where(kb_entry.c.id == entry_id).with_for_update()).first()
                if row is None:
                    raise CaseError("not_found", "没有这个知识条目。")
                if (done := _done(connection, key, what)) is not None:
                    if done != entry_id:
                        raise CaseError("key_reused", "这个请求编号已用于另一个条目。")
                    return _entry(_entry_row(connection, entry_id))
                if row.version != version:
                    raise CaseError("stale_version", _STALE)
                values = change(connection, row, now)
                connection.execute(
                    update(kb_entry)
                    .where(kb_entry.c.id == entry_id)
                    .values(version=version + 1, updated_at=now, **values)
                )
                _note(connection, entry_id, actor, what, now, n=values.get("latest_n", n), note=note, key=key)
                return _entry(_entry_row(connection, entry_id))
        except IntegrityError as error:
            raise CaseError("stale_version", _STALE) from error


def answer_of(connection: Connection, entry_id: int, now: datetime) -> Answer:
    """What is told to a caller out of an entry. Raises CaseError not_found, bad_state."""
    row = _entry_row(connection, entry_id)
    if row.published_n is None:
        raise CaseError("bad_state", "这个条目没有发布，不能用来答复。")
    written = _version_row(connection, entry_id, row.published_n)
    content = _content(written)
    if not content.on_the_spot:
        raise CaseError("bad_state", "这个条目仅供参考，不能用来现场答复。")
    if not in_force(content, _day(now)):
        raise CaseError("bad_state", "这个条目不在有效期内，不能用来答复。")
    return Answer(entry_id=entry_id, n=written.n, title=content.title, text=content.answer, basis=content.basis)


def use_entry(
    connection: Connection, entry_id: int, case_no: str, actor: str, now: datetime, *, useful: bool | None
) -> Answer:
    """The answer, counted once for each case; in the transaction of whoever answers the case. Raises as `answer_of`."""
    answer = answer_of(connection, entry_id, now)
    changed = connection.execute(
        update(kb_use)
        .where(kb_use.c.entry_id == entry_id, kb_use.c.case_no == case_no)
        .values(n=answer.n, actor=actor, useful=useful)
    )
    if not changed.rowcount:
        connection.execute(
            insert(kb_use).values(
                entry_id=entry_id, case_no=case_no, n=answer.n, actor=actor, used_at=now, useful=useful
            )
        )
    return answer


def _day(now: datetime) -> date:
    return now.astimezone(ZONE).date()


def _write_version(connection: Connection, entry_id: int, n: int, content: Content, author: str, now: datetime) -> None:
    connection.execute(
        insert(kb_version).values(
            entry_id=entry_id,
            n=n,
            title=content.title,
            answer=content.answer,
            keywords=json.dumps(content.keywords, ensure_ascii=False),
            basis=content.basis,
            valid_from=content.valid_from,
            valid_to=content.valid_to,
            on_the_spot=content.on_the_spot,
            author=author,
            written_at=now,
        )
    )


def _note(
    connection: Connection,
    entry_id: int,
    actor: str,
    what: str,
    now: datetime,
    *,
    key: str,
    n: int | None = None,
    note: str = "",
) -> None:
    values = {"entry_id": entry_id, "actor": actor, "what": what, "n": n, "note": note}
    connection.execute(insert(kb_history).values(at=now, idempotency_key=key, **values))


def _done(connection: Connection, key: str, what: str) -> int | None:
    """The entry for which this very request was done before. Raises CaseError key_reused."""
    row = connection.execute(
        select(kb_history.c.entry_id, kb_history.c.what).where(kb_history.c.idempotency_key == key)
    ).first()
    if row is None:
        return None
    if row.what != what:
        raise CaseError("key_reused", "这个请求编号已用于另一个操作。")
    entry_id: int = row.entry_id
    return entry_id


def _entries() -> Select[Any]:
    used = (
        select(
            kb_use.c.entry_id,
            func.count().label("uses"),
            func.count().filter(kb_use.c.useful.is_(True)).label("useful"),
            func.count().filter(kb_use.c.useful.is_(False)).label("not_useful"),
        )
        .group_by(kb_use.c.entry_id)
        .subquery()
    )
    return select(kb_entry, used.c.uses, used.c.useful, used.c.not_useful).outerjoin(
        used, and_(used.c.entry_id == kb_entry.c.id)
    )


def _entry_row(connection: Connection, entry_id: int) -> Row[Any]:
    row = connection.execute(_entries().where(kb_entry.c.id == entry_id)).first()
    if row is None:
        raise CaseError("not_found", "没有这个知识条目。")
    return row


def _version_row(connection: Connection, entry_id: int, n: int) -> Row[Any]:
    row = connection.execute(select(kb_version).where(kb_version.c.entry_id == entry_id, kb_version.c.n == n)).first()
    if row is None:
        raise CaseError("not_found", "这个条目没有这个版本。")
    return row


def _entry(row: Row[Any]) -> Entry:
    names = ("id", "state", "matter", "owner_unit", "review_due", "published_n", "latest_n", "version", "updated_at")
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    values |= {name: getattr(row, name) or 0 for name in ("uses", "useful", "not_useful")}
    return Entry(**values)


def _content(row: Row[Any]) -> Content:
    keywords: Sequence[str] = json.loads(row.keywords)
    return Content(
        title=row.title,
        answer=row.answer,
        keywords=tuple(keywords),
        basis=row.basis,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        on_the_spot=row.on_the_spot,
    )
