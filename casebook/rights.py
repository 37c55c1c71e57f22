"""Who may see what: the one place where it is decided. Who may do what is `casebook.handling.transitions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from casebook import roles, states
from casebook.errors import CaseError
from casebook.handling.record import CaseRecord
from casebook.roles import Actor
from casebook.rulebook import RoleRule, Rulebook

_INTAKE_STATES = (states.DRAFT, states.REGISTERED, states.DISCARDED)
_FRONT_DESK = (roles.AGENT, roles.SHIFT_LEADER)
NOT_ITS = ("returned", "replaced")
"""Results of orders after which a case is none of the unit's business any more."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may see."""

    actor: Actor
    rule: RoleRule

    @classmethod
    def of(cls, actor: Actor, book: Rulebook) -> Rights:
        """Raises CaseError forbidden for a role without a rule."""
        rule = book.roles.get(actor.role)
        if rule is None:
            raise CaseError("forbidden", "您的岗位不能查看案件。")
        return cls(actor, rule)

    @property
    def intake(self) -> bool:
        """Whether voicemails and their alarms are theirs to look at."""
        return self.rule.reads in ("all", "intake") and self.actor.role not in (roles.LEADER, roles.BUREAU)

    def sees(self, case: CaseRecord) -> bool:
        """Whether they may read a case."""
        match self.rule.reads:
            case "all":
                return True
            case "intake":
                return case.channel == "voicemail" or case.state in _INTAKE_STATES
            case "unit":
                return bool(self.actor.unit) and (
                    any(one.unit == self.actor.unit and one.result not in NOT_ITS for one in case.orders)
                    or (case.state == states.CONSULT and self.actor.unit in case.consulted.split(","))
                )
            case "own":
                return case.registered_by == self.actor.name
        return False

    def sees_contact(self, case: CaseRecord) -> bool:
        """Whether they may ask for name and number in full, which is logged."""
        if not self.rule.contacts or not self.sees(case):
            return False
        if self.rule.reads != "unit":
            return True
        # A unit, while it handles the case; of a secret one only what the back office granted.
        return any(
            one.unit == self.actor.unit and one.open and (one.contact_granted or not case.secret) for one in case.orders
        )

    def sees_mask(self, case: CaseRecord) -> bool:
        """Whether they see even the masked number: of a secret case a unit sees none."""
        return self.rule.reads != "unit" or not case.secret or self.sees_contact(case)

    def shown(self, case: CaseRecord) -> CaseRecord:
        """The case without what is not theirs: a unit sees its own orders, the front desk no answer under review.

        Of a case that they may not read, as after an event that they fired for the citizen: number, state and version.
        """
        if not self.sees(case):
            return CaseRecord(case_no=case.case_no, channel="", version=case.version, state=case.state)
        if self.rule.reads == "unit":
            mine = tuple(one for one in case.orders if one.unit == self.actor.unit or _leads(case, self.actor.unit))
            case = replace(case, orders=mine)
        if not self.rule.internal:
            case = replace(case, answer=case.answer if case.closed_at is not None else "", refusal_by="")
        return case

    def check_reads(self, case: CaseRecord) -> None:
        """Raises CaseError not_found: that a case exists is not told to those who may not see it."""
        if not self.sees(case):
            raise CaseError("not_found", "没有这个编号的案件。")

    def check_acts(self, case: CaseRecord, event: str) -> bool:
        """Whether the case is theirs; if not, they may only do for its citizen what that citizen asks for. The event
        itself the table judges. Raises CaseError not_found for a case with which they have nothing to do.
        """
        front_desk_for_citizen = event in ("withdraw", "reopen") and self.actor.role in _FRONT_DESK
        if not front_desk_for_citizen:
            self.check_reads(case)
        return self.sees(case)

    def payload(self, event: str, payload: Mapping[str, Any], case: CaseRecord | None = None) -> dict[str, Any]:
        """What the reader is shown of an event's payload; what was set row by row is nobody's reading.

        Notes are for those with `internal`, of whom a unit sees its own, the hotline's and, while it leads, those of
        the units that help it. Whoever has no `internal` sees what comes in and goes out, and of the rest that it
        happened.
        """
        by, hidden = payload.get("by") or {}, _ROWS
        if not self.rule.internal:
            whole, hidden = event in _ANYBODYS, _NOTES
        elif self.rule.reads == "unit":
            theirs = by.get("unit", "") not in ("", self.actor.unit)
            whole = not theirs or (case is not None and _leads(case, self.actor.unit))
        else:
            whole = True
        return {name: value for name, value in payload.items() if (whole or name in _HAPPENED) and name not in hidden}


_ROWS: tuple[str, ...] = ("set", "orders")
_NOTES = (*_ROWS, "internal", "minutes", "law")
_HAPPENED = ("by", "unit", "co_units")
_ANYBODYS = frozenset(
    "open_by_voicemail start_clock raise_alert acknowledge_alert register discard answer_now transfer refuse "
    "confirm_refusal decline_refusal to_triage merge unmerge rate reopen withdraw archive attach".split()
)
"""Events of which the front desk and the reviewers read everything but notes."""


def _leads(case: CaseRecord, unit: str) -> bool:
    return any(one.unit == unit and one.role == "lead" for one in case.orders)


NOBODY = Rights(Actor("", ""), RoleRule(name="", reads="none"))
"""Whoever sees no more than anybody."""
