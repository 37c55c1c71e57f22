"""Citizens: one row a telephone number. Number and name are encrypted, found by an index, shown by a mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, exists, select, update

from casebook.numbering import case_number, day_of
from casebook.privacy import Privacy, mask_number, normalise_number
from casebook.store.cases import next_number
from casebook.store.casework_schema import citizen
from casebook.store.driver import Driver
from casebook.store.engine import insert_for, reading
from casebook.store.linkage_tables import linkage_message
from casebook.store.schema import call, case_

AUDIENCE = "citizen:"
_INDEX = "ani"
"""The same index as of a call's number: whoever calls is found among those who had cases."""


def keep_citizen(connection: Connection, privacy: Privacy, phone: str, name: str, now: datetime) -> int | None:
    """The id of whoever has this number; a name that was not known yet is added. None without a number."""
    values = citizen_values(privacy, phone, name, now)
    if not values:
        return None
    new: int | None = connection.execute(new_citizen(connection), values).scalar_one_or_none()
    return known_citizen(connection, values) if new is None else new


def correct_citizen(connection: Connection, privacy: Privacy, phone: str, name: str, now: datetime) -> int | None:
    """As `keep_citizen`; a name takes the place of the one that was known."""
    citizen_id = keep_citizen(connection, privacy, phone, name, now)
    if citizen_id is not None and name:
        named = citizen_values(privacy, phone, name, now)["name_enc"]
        connection.execute(update(citizen).where(citizen.c.id == citizen_id).values(name_enc=named))
    return citizen_id


def citizen_values(privacy: Privacy, phone: str, name: str, now: datetime) -> dict[str, Any]:
    """The columns of whoever has this number; empty without a number."""
    number = normalise_number(phone)
    if not number:
        return {}
    index = privacy.index(number, _INDEX)
    return {
        "phone_enc": privacy.encrypt(number, f"citizen.phone:{index}"),
        "phone_hmac": index,
        "phone_masked": mask_number(number),
        "name_enc": privacy.encrypt(name, f"citizen.name:{index}") if name else None,
        "created_at": now,
    }


def new_citizen(connection: Connection) -> Any:
    """INSERT of `citizen_values`; returns the id of a number that was not known, no row for one that was."""
    return insert_for(connection, citizen).on_conflict_do_nothing(index_elements=["phone_hmac"]).returning(citizen.c.id)


def number_and_citizen(
    connection: Connection, driver: Driver, values: Mapping[str, Any], now: datetime
) -> tuple[str, int | None]:
    """The next case number and the citizen of `values` (empty for nobody): one round trip to PostgreSQL."""
    if not values:
        return next_number(connection, now), None
    day = day_of(now)
    if driver.is_sqlite:
        new = driver.execute(_NEW_CITIZEN, driver.values(values)).fetchone()
        citizen_id = new[0] if new else None
        (n,) = driver.execute(_NEXT_NUMBER, (day,)).fetchone()
    else:
        n, citizen_id = driver.execute(_NUMBER_AND_CITIZEN, (*driver.values(values), day)).fetchone()
    if citizen_id is None:
        citizen_id = known_citizen(connection, values)
    return case_number(day, n), citizen_id


_NEW_CITIZEN = (
    "INSERT INTO citizen (phone_enc, phone_hmac, phone_masked, name_enc, created_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (phone_hmac) DO NOTHING RETURNING id"
)
_NEXT_NUMBER = (
    "INSERT INTO case_counter (day, n) VALUES (?, 1) ON CONFLICT (day) DO UPDATE SET n = case_counter.n + 1 RETURNING n"
)
# The counter's row is taken after the citizen's, by every transaction: the other way round two of the same caller would
# wait for each other.
_NUMBER_AND_CITIZEN = (
    f"WITH new AS ({_NEW_CITIZEN}), numbered AS ("  # noqa: S608 - constants
    "INSERT INTO case_counter (day, n) SELECT ?, 1 FROM (SELECT count(*) FROM new) AS taken"
    " ON CONFLICT (day) DO UPDATE SET n = case_counter.n + 1 RETURNING n)"
    " SELECT n, (SELECT id FROM new) FROM numbered"
)


def known_citizen(connection: Connection, values: Mapping[str, Any]) -> int:
    """The id of a number that is known; what `values` adds to it is written."""
    known = connection.execute(
        select(citizen.c.id, citizen.c.name_enc, citizen.c.phone_enc).where(
            citizen.c.phone_hmac == values["phone_hmac"]
        )
    ).one()
    again = {"phone_enc": values["phone_enc"], "erased_at": None} if known.phone_enc is None else {}
    if values["name_enc"] and known.name_enc is None:
        again["name_enc"] = values["name_enc"]
    if again:
        connection.execute(update(citizen).where(citizen.c.id == known.id).values(again))
    return int(known.id)


def citizen_of_call(connection: Connection, privacy: Privacy, call_id: str, name: str, now: datetime) -> int | None:
    """The caller of a call, as a citizen; None for a call without a number."""
    found = connection.execute(select(call.c.ani_enc).where(call.c.call_id == call_id)).first()
    if found is None or found.ani_enc is None:
        return None
    return keep_citizen(connection, privacy, privacy.decrypt(found.ani_enc, f"call.ani:{call_id}"), name, now)


class CitizenPhones(Mapping[str, str]):
    """The numbers behind the names that notices to citizens are addressed to (`citizen:<id>`)."""

    def __init__(self, engine: Engine, privacy: Privacy) -> None:
        self._engine = engine
        self._privacy = privacy

    def __getitem__(self, name: str) -> str:
        number = name.removeprefix(AUDIENCE)
        if number == name or not number.isdecimal():
            raise KeyError(name)
        statement = select(citizen.c.phone_enc, citizen.c.phone_hmac).where(citizen.c.id == int(number))
        with reading(self._engine) as connection:
            row = connection.execute(statement).first()
        if row is None or row.phone_enc is None:
            raise KeyError(name)
        return self._privacy.decrypt(row.phone_enc, f"citizen.phone:{row.phone_hmac}")

    def __iter__(self) -> Iterator[str]:
        with reading(self._engine) as connection:
            ids = connection.scalars(select(citizen.c.id).where(citizen.c.phone_enc.is_not(None))).all()
        return (f"{AUDIENCE}{one}" for one in ids)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def forget_callers(connection: Connection, keep: timedelta, now: datetime) -> int:
    """Erase name and number of citizens whose every case was over before `now - keep` and not supervised; how many. The
    cases stay.

    Numbers go from calls and messages of other platforms too, once these are as old, but for those of citizens who are
    not forgotten: also numbers of callers who never had a case.
    """
    recent = select(case_.c.id).where(
        case_.c.citizen_id == citizen.c.id,
        (case_.c.closed_at.is_(None)) | (case_.c.closed_at > now - keep) | (case_.c.supervision != ""),
    )
    done = connection.execute(
        update(citizen)
        .where(citizen.c.erased_at.is_(None), citizen.c.created_at <= now - keep, ~recent.exists())
        .values(phone_enc=None, name_enc=None, phone_masked="", erased_at=now)
    )

    def known(index: ColumnElement[str]) -> ColumnElement[bool]:
        return exists().where(citizen.c.phone_hmac == index, citizen.c.erased_at.is_(None))

    # A voicemail's case finds its citizen by the call.
    waiting = exists().where(
        case_.c.call_id == call.c.call_id, case_.c.closed_at.is_(None), case_.c.discarded_at.is_(None)
    )
    connection.execute(
        update(call)
        .where(call.c.ani_enc.is_not(None), call.c.started_at <= now - keep, ~known(call.c.ani_hmac), ~waiting)
        .values(ani_enc=None, ani_masked="")
    )
    connection.execute(
        update(linkage_message)
        .where(
            linkage_message.c.number_enc.is_not(None),
            linkage_message.c.received_at <= now - keep,
            ~known(linkage_message.c.number_hmac),
        )
        .values(number_enc=None, number_masked="")
    )
    return done.rowcount
