"""A case and its orders as they stand, and the difference that an event makes to them.

An event carries what it set (`changes`), so that the rows can be rebuilt from the history alone (`replay`), also by a
version of this program whose rules have changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

LEAD = "lead"
"""主办."""
CO = "co"
"""协办."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order (工单): one assignment of a case to one unit. Numbers that end in `_wd` are working days."""

    seq: int
    unit: str
    role: str
    basis: str = ""
    rule: str = ""
    calendar_version: str = ""
    dispatched_by: str = ""
    dispatched_at: datetime | None = None
    sign_due_at: datetime | None = None
    signed_at: datetime | None = None
    signed_late: bool = False
    due_at: datetime | None = None
    first_due_at: datetime | None = None
    final: bool = False
    """指定办理: it may not be returned any more."""
    return_code: str = ""
    returned_at: datetime | None = None
    extension_wd: int = 0
    """Asked for, and not decided yet."""
    extension_signed: bool = False
    extensions: int = 0
    suspended_at: datetime | None = None
    resume_at: datetime | None = None
    suspensions: int = 0
    contacts: int = 0
    contact_granted: bool = True
    feedback_pending: bool = False
    """Written by the liaison, not signed by the deputy yet."""
    fed_back_at: datetime | None = None
    late: bool = False
    """Some feedback came after its due time; a later one in time does not mend it."""
    defects: int = 0
    urgings: int = 0
    unanswered: int = 0
    """Urgings since the unit last did anything."""
    urged_at: datetime | None = None
    result: str = ""
    """done, returned, reworked, withdrawn or replaced, once it has ended."""
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether the unit still has it."""
        return self.ended_at is None

    @property
    def return_pending(self) -> bool:
        """Whether the unit has returned it, and nobody has judged that yet."""
        return self.open and self.returned_at is not None and not self.final


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecord:
    """A case (诉求): one citizen's demand."""

    case_no: str
    channel: str
    version: int = 0
    state: str = ""
    demand: str = ""
    title: str = ""
    body: str = ""
    matter: str = ""
    """事项, by its name in routing.yaml."""
    region: str = ""
    place: str = ""
    reference: str = ""
    """The call, or the channel's own number of the demand."""
    lat: float | None = None
    lng: float | None = None
    occurred_at: datetime | None = None
    urgent: bool = False
    secret: bool = False
    """保密: the unit sees no name and no number unless the back office grants it."""
    anonymous: bool = False
    citizen_id: int | None = None
    about_unit: str = ""
    """The unit that is complained of: never the only judge."""
    commitment: str = ""
    """违示违诺: the published commitment that was broken."""
    received_at: datetime | None = None
    clock_started_at: datetime | None = None
    registered_at: datetime | None = None
    registered_by: str | None = None
    due_at: datetime | None = None
    first_due_at: datetime | None = None
    triage_due_at: datetime | None = None
    lead_unit: str = ""
    answer: str = ""
    """What the citizen is told (公开答复)."""
    refusal: str = ""
    """The reason of a proposed or confirmed refusal."""
    refusal_by: str = ""
    returns: str = ""
    """Codes of the units whose return was accepted since the last consultation, comma-separated."""
    consulted: str = ""
    """Codes of the units invited to the last consultation, comma-separated: they read the case while it lasts."""
    supervision: str = ""
    """Number of the supervision order (督办单)."""
    supervision_due_at: datetime | None = None
    instructed_by: str = ""
    """领导交办: the leader who wants to hear of it."""
    attempts: int = 0
    """Call-backs tried in this round; `attempt_days` are their days."""
    attempt_days: str = ""
    reached: bool = False
    solved: str = ""
    satisfied: int | None = None
    satisfied_hotline: int | None = None
    """Satisfaction 1 (非常不满意) to 5 (非常满意), with the handling and with the hotline."""
    closing_by: str = ""
    reopened: int = 0
    outcome: str = ""
    closed_at: datetime | None = None
    archived_at: datetime | None = None
    discarded_at: datetime | None = None
    discard_reason: str | None = None
    master_no: str = ""
    merged_from: str = ""
    """The state to which an undone merge leads back."""
    orders: tuple[OrderRecord, ...] = ()

    def lead(self) -> OrderRecord | None:
        """The open lead order."""
        return next((one for one in self.orders if one.open and one.role == LEAD), None)

    def co_orders(self) -> list[OrderRecord]:
        """The open orders of units that help."""
        return [one for one in self.orders if one.open and one.role == CO]

    def with_order(self, changed: OrderRecord) -> CaseRecord:
        """This case with that order in place of the one of the same number, or added."""
        kept = tuple(changed if one.seq == changed.seq else one for one in self.orders)
        added = kept if any(one.seq == changed.seq for one in kept) else (*kept, changed)
        return replace(self, orders=added)


CASE_FIELDS = tuple(one.name for one in fields(CaseRecord) if one.name not in ("case_no", "orders"))
ORDER_FIELDS = tuple(one.name for one in fields(OrderRecord))
_values_of = attrgetter(*CASE_FIELDS)
"""All fifty at once: one by one, and so by `dataclasses.replace`, takes several times as long."""


def case_values(case: CaseRecord) -> dict[str, Any]:
    """The CASE_FIELDS of a case."""
    return dict(zip(CASE_FIELDS, _values_of(case), strict=True))


def with_values(case: CaseRecord, values: Mapping[str, Any]) -> CaseRecord:
    """The case with other values of some CASE_FIELDS."""
    return CaseRecord(case_no=case.case_no, orders=case.orders, **{**case_values(case), **values})


def case_changes(before: CaseRecord, after: CaseRecord) -> dict[str, Any]:
    """The CASE_FIELDS that differ, as they are after."""
    both = zip(CASE_FIELDS, _values_of(before), _values_of(after), strict=True)
    return {name: new for name, old, new in both if old != new}


def whole_ms(moment: datetime) -> datetime:
    """As exact as an event keeps it: milliseconds, UTC."""
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def plain(value: Any) -> Any:
    """A field's value as JSON has it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _read(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name.endswith("_at") and value is not None else value


def changes(before: CaseRecord, after: CaseRecord) -> dict[str, Any]:
    """What an event set: `set` of the case, `orders` by number. Empty where nothing changed."""
    found: dict[str, Any] = {}
    case = {name: plain(value) for name, value in case_changes(before, after).items()}
    case.pop("state", None)  # an event has its two states in columns of their own
    if case:
        found["set"] = case
    old = {one.seq: one for one in before.orders}
    orders = {}
    for order in after.orders:
        was = old.get(order.seq)
        values = {
            name: plain(getattr(order, name))
            for name in ORDER_FIELDS
            if was is None or getattr(was, name) != getattr(order, name)
        }
        if values:
            orders[str(order.seq)] = values
    if orders:
        found["orders"] = orders
    return found


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the history, as `replay` needs it."""

    type: str
    at: datetime
    actor: str
    to_state: str
    payload: Mapping[str, Any]


def replay(case_no: str, channel: str, history: Iterable[Happened]) -> CaseRecord:
    """The case that a history makes. Raises KeyError, TypeError or ValueError for a payload that no event has."""
    case = CaseRecord(case_no=case_no, channel=channel)
    for one in history:
        case = _apply(case, one)
    return case


def _apply(case: CaseRecord, one: Happened) -> CaseRecord:
    payload = one.payload
    said = payload.get("set") or _first_shape(one, case.version)
    values = {name: _read(name, value) for name, value in said.items()}
    case = replace(case, state=one.to_state, **values)
    # A payload's keys are text in the order of text: "10" stands before "9".
    for number, order_values in sorted(payload.get("orders", {}).items(), key=lambda item: int(item[0])):
        read = {name: _read(name, value) for name, value in order_values.items()}
        known = next((order for order in case.orders if order.seq == int(number)), None)
        case = case.with_order(OrderRecord(**read) if known is None else replace(known, **read))
    return case


def _first_shape(one: Happened, version: int) -> dict[str, Any]:
    """What an event sets that carries its facts alone: those of a call, and all of the first version's."""
    at, facts = plain(one.at), one.payload
    match one.type:
        case "open_by_voicemail":
            return {"channel": "voicemail", "demand": facts["demand"], "received_at": at, "version": 1}
        case "start_clock":
            return {"clock_started_at": facts.get("ended_at", at)}
        case "register":
            words = {name: facts[name] for name in ("title", "body", "demand")}
            return {**words, "registered_at": at, "registered_by": one.actor, "version": version + 1}
        case "discard":
            return {"discarded_at": at, "discard_reason": facts["reason"], "version": version + 1}
    return {}
