"""`hotline db verify`, `hotline db anchor` and `hotline db backup`."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Engine, Row, func, insert, select

from casebook.errors import CaseError
from casebook.handling.record import CASE_FIELDS, ORDER_FIELDS, CaseRecord, Happened, plain, replay
from casebook.hashchain import GENESIS, first_break
from casebook.numbering import PREFIX, ZONE, case_number
from casebook.privacy import Privacy
from casebook.store.cases import QUERY_CODE
from casebook.store.casework_schema import anchor, attachment, order_
from casebook.store.engine import snapshot
from casebook.store.files import Files
from casebook.store.history import body_of
from casebook.store.records import ORDER_COLUMNS, load_orders, read_case, read_order, select_case, write_case
from casebook.store.schema import case_, case_counter, event

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not fit: a case and where its history breaks, or what of its rows is not what the history makes.

    `seq` is the first event that does not fit; 0 where the history is whole.
    """

    case_no: str
    seq: int
    what: str = ""

    def __str__(self) -> str:
        if self.what:
            return f"{self.case_no}: {self.what}"
        return f"{self.case_no}: the history does not fit from event {self.seq} on"


def verify_chains(
    engine: Engine, *, privacy: Privacy | None = None, files: Files | None = None, now: datetime | None = None
) -> list[Finding]:
    """Check the chain of every case, rebuild its rows from it, look for numbers that are gone and for changed days.

    With `privacy` the query codes too, with `files` the attached files; days without their anchor up to the day before
    yesterday of `now`, or else up to the last one that has one.
    """
    findings = []
    with snapshot(engine) as connection:
        for case, beside, events in _cases(connection):
            findings += _check(case, events) or _check_beside(case.case_no, beside, events, privacy, files)
        findings += _missing_numbers(connection)
        findings += _changed_days(connection)
        findings += _days_without_anchor(connection, now)
    return findings


def rebuild(connection: Connection, case_no: str) -> CaseRecord:
    """Write a case's rows anew from its history. Raises CaseError not_found, or bad_value for a broken history."""
    row = connection.execute(select_case().where(case_.c.case_no == case_no).with_for_update()).first()
    if row is None:
        raise CaseError("not_found", f"There is no case {case_no}.")
    events = connection.execute(select(event).where(event.c.case_id == row.id).order_by(event.c.seq)).all()
    if _broken(case_no, events) is not None:
        raise CaseError("bad_value", f"The history of {case_no} is broken: nothing is rebuilt from it.")
    stands = read_case(row, load_orders(connection, row.id))
    meant = _replayed(stands, events)
    write_case(connection, row.id, stands, meant)
    return meant


def make_anchor(connection: Connection, day: date, now: datetime) -> str:
    """The digest over a day's events of all cases; kept the first time, so that later changes show."""
    known: str | None = connection.execute(select(anchor.c.hash).where(anchor.c.day == day)).scalar_one_or_none()
    if known is not None:
        return known
    count, digest = _day_digest(connection, day)
    connection.execute(insert(anchor).values(day=day, events=count, hash=digest, made_at=now))
    return digest


@dataclass(frozen=True, slots=True)
class _Beside:
    """What of a case is kept beside its fields."""

    call_id: str | None
    query_code_enc: bytes
    query_code_hmac: str
    files: Sequence[tuple[str, int, str]]
    """Name, size and digest of each attachment."""


def _cases(connection: Connection) -> Iterator[tuple[CaseRecord, _Beside, Sequence[Row[Any]]]]:
    last, more = 0, (case_.c.call_id, case_.c.query_code_enc, case_.c.query_code_hmac)
    while True:
        wanted = select_case().add_columns(*(one.label(f"beside_{one.name}") for one in more))
        rows = connection.execute(wanted.where(case_.c.id > last).order_by(case_.c.id).limit(_BATCH)).all()
        if not rows:
            return
        first, last = rows[0].id, rows[-1].id
        events: dict[int, list[Row[Any]]] = {}
        found = select(event).where(event.c.case_id.between(first, last)).order_by(event.c.case_id, event.c.seq)
        for one in connection.execute(found):
            events.setdefault(one.case_id, []).append(one)
        orders: dict[int, list[Any]] = {}
        held = (
            select(*ORDER_COLUMNS, order_.c.case_id)
            .where(order_.c.case_id.between(first, last))
            .order_by(order_.c.case_id, order_.c.seq)
        )
        for order in connection.execute(held):
            orders.setdefault(order.case_id, []).append(order)
        files: dict[int, list[tuple[str, int, str]]] = {}
        kept = (
            select(attachment.c.case_id, attachment.c.file_name, attachment.c.size, attachment.c.sha256)
            .where(attachment.c.case_id.between(first, last))
            .order_by(attachment.c.id)
        )
        for case_id, *file in connection.execute(kept):
            files.setdefault(case_id, []).append((file[0], file[1], file[2]))
        for row in rows:
            mine = tuple(read_order(order) for order in orders.get(row.id, ()))
            codes = row.beside_query_code_enc, row.beside_query_code_hmac
            beside = _Beside(row.beside_call_id, *codes, files.get(row.id, []))
            yield read_case(row[: -len(more)], mine), beside, events.get(row.id, [])


def _check(case: CaseRecord, events: Sequence[Row[Any]]) -> list[Finding]:
    broken = _broken(case.case_no, events)
    if broken is not None:
        return [Finding(case.case_no, broken)]
    try:
        meant = _replayed(case, events)
    except (KeyError, TypeError, ValueError):
        return [Finding(case.case_no, 0, "its events cannot be read")]
    differing = [name for name in CASE_FIELDS if plain(getattr(case, name)) != plain(getattr(meant, name))]
    if [one.seq for one in case.orders] != [one.seq for one in meant.orders]:
        differing.append("orders")
    else:
        pairs = zip(case.orders, meant.orders, strict=True)
        differing += [
            f"order {has.seq} {name}"
            for has, means in pairs
            for name in ORDER_FIELDS
            if plain(getattr(has, name)) != plain(getattr(means, name))
        ]
    if "version" in differing:
        return [Finding(case.case_no, len(events) + 1, "its history is not as long as its row says")]
    return [Finding(case.case_no, 0, f"not what its history makes it: {', '.join(differing)}")] if differing else []


def _check_beside(
    case_no: str, beside: _Beside, events: Sequence[Row[Any]], privacy: Privacy | None, files: Files | None
) -> list[Finding]:
    differing = []
    first = json.loads(events[0].payload)
    if events[0].type == "open_by_voicemail" and beside.call_id != first["call_id"]:
        differing.append("call")
    told = [json.loads(one.payload) for one in events if one.type == "attach"]
    if [(one["file_name"], one["size"], one["sha256"]) for one in told] != [*beside.files]:
        differing.append("attachments")
    if files is not None and not all(files.whole(digest) for _, _, digest in beside.files):
        differing.append("attached files")
    if privacy is not None and not _code_fits(case_no, beside, privacy):
        differing.append("query code")
    return [Finding(case_no, 0, f"not what its history makes it: {', '.join(differing)}")] if differing else []


def _code_fits(case_no: str, beside: _Beside, privacy: Privacy) -> bool:
    place = f"{QUERY_CODE}:{case_no}"
    try:
        code = privacy.decrypt(beside.query_code_enc, place)
    except (InvalidTag, ValueError):
        return False
    return privacy.same(code, beside.query_code_hmac, place)


def _broken(case_no: str, events: Sequence[Row[Any]]) -> int | None:
    """Number of the first event that does not fit."""
    broken = first_break((body_of(case_no, row), row.prev_hash, row.hash) for row in events)
    if broken is not None:
        return broken + 1
    return None if events else 1


def _replayed(case: CaseRecord, events: Sequence[Row[Any]]) -> CaseRecord:
    history = (
        Happened(row.type, datetime.fromisoformat(row.at), row.actor, row.to_state, json.loads(row.payload))
        for row in events
    )
    return replay(case.case_no, case.channel, history)


def _missing_numbers(connection: Connection) -> list[Finding]:
    findings = []
    for day, given in connection.execute(select(case_counter.c.day, case_counter.c.n).order_by(case_counter.c.day)):
        if not day.isdecimal():
            continue  # a counter of something else
        first, last = case_number(day, 1), case_number(day, 999_999)
        within = case_.c.case_no.between(first, last)
        if connection.execute(select(func.count()).select_from(case_).where(within)).scalar_one() == given:
            continue
        there = set(connection.scalars(select(case_.c.case_no).where(within)))
        gone = [case_number(day, n) for n in range(1, given + 1) if case_number(day, n) not in there]
        findings += [Finding(case_no, 0, "the case is gone") for case_no in gone]
    return findings


def _changed_days(connection: Connection) -> list[Finding]:
    findings = []
    for row in connection.execute(select(anchor).order_by(anchor.c.day)).all():
        if _day_digest(connection, row.day) != (row.events, row.hash):
            findings.append(Finding(f"{PREFIX} {row.day}", 0, "the day's events are not those of its anchor"))
    return findings


def _days_without_anchor(connection: Connection, now: datetime | None) -> list[Finding]:
    """From the first anchor on, every day on which something happened has one."""
    known = connection.scalars(select(anchor.c.day).order_by(anchor.c.day)).all()
    if not known:
        return []
    last = now.astimezone(ZONE).date() - timedelta(days=2) if now is not None else known[-1]
    days = (known[0] + timedelta(days=n) for n in range((last - known[0]).days + 1))
    return [
        Finding(f"{PREFIX} {day}", 0, "the day has events and no anchor")
        for day in days
        if day not in known and _day_digest(connection, day)[0]
    ]


def _day_digest(connection: Connection, day: date) -> tuple[int, str]:
    """Number and digest of the events of a day of the city, in the order of their cases."""
    start = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    since, until = plain(start), plain(start + timedelta(days=1))
    rows = connection.execute(
        select(event.c.case_id, event.c.seq, event.c.hash)
        .where(event.c.at >= since, event.c.at < until)
        .order_by(event.c.case_id, event.c.seq)
    )
    digest, count = hashlib.sha256(GENESIS.encode()), 0
    for row in rows:
        digest.update(f"\n{row.case_id}:{row.seq}:{row.hash}".encode())
        count += 1
    return count, digest.hexdigest()


def backup(engine: Engine, target: Path) -> None:
    """Copy a SQLite database that is in use. Raises CaseError for another database or a target that exists."""
    if engine.dialect.name != "sqlite":
        raise CaseError("unsupported", "Only SQLite is backed up by this command; use pg_dump for PostgreSQL.")
    if target.exists():
        raise CaseError("bad_value", f"{target} exists already.")
    with closing(sqlite3.connect(str(engine.url.database))) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
