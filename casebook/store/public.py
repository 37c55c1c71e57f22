"""What anybody may know: the progress of a case by number and query code, and the public facts of cases."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, select, update

from casebook.handling.closing import last_reopening, reopenings_left
from casebook.numbering import ZONE
from casebook.privacy import Privacy
from casebook.rulebook import Deadlines
from casebook.states import ANSWERED, CLOSED, DISCARDED, DRAFT, MERGED, OPEN, PROGRESS, REGISTERED, progress
from casebook.store.cases import QUERY_CODE, master_of
from casebook.store.engine import insert_for, reading
from casebook.store.knowledge_schema import public_lock
from casebook.store.schema import case_

ATTEMPTS = 3
"""So many wrong codes lock a number, and an address."""
LOCK = timedelta(minutes=15)
"""The first lock; each further one is twice as long."""
LONGEST_LOCK = timedelta(hours=24)
FORGET = timedelta(hours=48)
"""After so long without a wrong code, nothing is held against anybody."""

RATED = (ANSWERED, CLOSED)
"""States in which the citizen may say how well it was done."""
OVER = ("answered", "closed", "not_accepted")
"""Progress of a case that is over."""


_ASKED = tuple(
    case_.c[name]
    for name in ("state outcome received_at satisfied query_code_hmac master_no closed_at reopened supervision".split())
)


@dataclass(frozen=True, slots=True)
class Progress:
    """All that the public query tells."""

    case_no: str
    progress: str
    received_on: date
    may_rate: bool
    """Answered, and nobody has said yet whether it was well done."""
    may_withdraw: bool
    """It is not over: the citizen may say that it need not be handled any more."""
    may_reopen: bool
    """Closed lately, and not taken up again too often: the citizen may say that it is not done."""


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many wrong codes: try again after `wait_s` seconds."""

    wait_s: int


class PublicQuery:
    """The query by case number and code."""

    def __init__(
        self,
        engine: Engine,
        privacy: Privacy,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        limits: Deadlines | None = None,
    ) -> None:
        """The city's `limits` say how long and how often a case may be taken up again; without them none may."""
        self._engine = engine
        self._limits = limits
        self._privacy = privacy
        self._clock = clock

    def progress(self, case_no: str, query_code: str, address: str) -> Progress | Locked | None:
        """The case's progress; None for a wrong number or a wrong code, which read the same.

        The attempts of a number and of an address are held in rows that are locked until they are counted, so that many
        at once cannot slip through, in however many processes.
        """
        now = self._clock()
        number_key = self._privacy.index(case_no, "public.number")
        address_key = self._privacy.index(network_of(address), "public.address")
        with self._engine.begin() as connection:
            if locked := _hold(connection, sorted((number_key, address_key)), now):
                return locked
            row = connection.execute(select(*_ASKED).where(case_.c.case_no == case_no)).first()
            # Compared also where there is no such case: the answer takes as long.
            right = self._privacy.same(query_code, row.query_code_hmac if row else "0" * 64, f"{QUERY_CODE}:{case_no}")
            if row is None or not right:
                for key in (number_key, address_key):
                    _count(connection, key, now)
                return None
            # The address stays as it is: an own case must not buy new attempts at others.
            connection.execute(delete(public_lock).where(public_lock.c.key == number_key))
            master = master_of(connection, row.master_no)
        answered = row.state in RATED or (row.state == MERGED and master is not None and master[0] == CLOSED)
        return Progress(
            case_no,
            progress(row.state, row.outcome, master),
            row.received_at.astimezone(ZONE).date(),
            may_rate=answered and row.satisfied is None,
            may_withdraw=row.state in (REGISTERED, *OPEN),
            may_reopen=self._limits is not None
            and row.state == CLOSED
            and now <= last_reopening(row.closed_at, self._limits)
            and reopenings_left(row.reopened, row.supervision, self._limits),
        )


@dataclass(frozen=True, slots=True)
class PublicCase:
    """The public facts of a case: no text, no place but the region, nobody's name."""

    case_no: str
    matter: str
    region: str
    unit: str
    progress: str
    received_at: datetime
    closed_at: datetime | None
    expected_at: datetime | None


class PublicCases:
    """Cases as Open311 shows them."""

    def __init__(self, engine: Engine, demands: Collection[str], matters: Collection[str]) -> None:
        self._engine = engine
        self._demands = tuple(demands)
        self._matters = tuple(matters)

    def find(
        self,
        *,
        since: datetime,
        until: datetime,
        matters: Sequence[str] = (),
        status: Literal["open", "closed"] | None = None,
        limit: int = 1000,
    ) -> list[PublicCase]:
        """Public cases received in [since, until), the newest first."""
        statement = self._public().where(case_.c.received_at >= since, case_.c.received_at < until)
        if matters:
            statement = statement.where(case_.c.matter.in_(matters))
        if status is not None:
            over = [state for state, told in PROGRESS.items() if told in OVER]
            statement = statement.where(case_.c.state.in_(over) if status == "closed" else case_.c.state.not_in(over))
        with reading(self._engine) as connection:
            return [
                _public_case(row)
                for row in connection.execute(statement.order_by(case_.c.received_at.desc()).limit(limit))
            ]

    def get(self, case_numbers: Sequence[str]) -> list[PublicCase]:
        """Those of the cases that are public."""
        statement = self._public().where(case_.c.case_no.in_(case_numbers)).order_by(case_.c.case_no)
        with reading(self._engine) as connection:
            return [_public_case(row) for row in connection.execute(statement)]

    def _public(self) -> Any:
        return select(case_).where(
            case_.c.state.not_in((DRAFT, DISCARDED, MERGED)),
            case_.c.secret.is_(False),
            case_.c.registered_at.is_not(None),
            case_.c.demand.in_(self._demands),
            case_.c.matter.in_(self._matters),
        )


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one IPv6 customer has at least."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _hold(connection: Connection, keys: Sequence[str], now: datetime) -> Locked | None:
    """Lock the rows of these keys, always in one order; the longest lock that holds now."""
    connection.execute(delete(public_lock).where(public_lock.c.last_at < now - FORGET))
    until: datetime | None = None
    for key in keys:
        new = insert_for(connection, public_lock).values(key=key, failures=0, locks=0, last_at=now)
        row = connection.execute(
            new.on_conflict_do_update(index_elements=["key"], set_={"key": new.excluded.key}).returning(
                public_lock.c.locked_until
            )
        ).one()
        if row.locked_until is not None and row.locked_until > now:
            until = max(until or row.locked_until, row.locked_until)
    return Locked(max(1, round((until - now).total_seconds()))) if until else None


def _count(connection: Connection, key: str, now: datetime) -> None:
    """Hold a wrong code against a key."""
    row = connection.execute(select(public_lock).where(public_lock.c.key == key)).one()
    values: dict[str, Any] = {"failures": row.failures + 1, "last_at": now}
    if values["failures"] >= ATTEMPTS:
        length = min(LOCK * 2 ** min(row.locks, 10), LONGEST_LOCK)
        values |= {"failures": 0, "locks": row.locks + 1, "locked_until": now + length}
    connection.execute(update(public_lock).where(public_lock.c.key == key).values(**values))


def _public_case(row: Any) -> PublicCase:
    told = progress(row.state, row.outcome)
    return PublicCase(
        case_no=row.case_no,
        matter=row.matter,
        region=row.region,
        unit=row.lead_unit,
        progress=told,
        received_at=row.received_at,
        closed_at=row.closed_at if told in OVER else None,
        expected_at=row.due_at,
    )
