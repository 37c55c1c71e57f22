"""Who takes part in the handling of a case."""

from __future__ import annotations

from dataclasses import dataclass

AGENT = "agent"
"""话务员: the front desk, a contractor's people; least privilege."""
SHIFT_LEADER = "shift_leader"
"""班长 of the front desk."""
OPERATOR = "operator"
"""二级平台话务员: answers a linked line."""
REVIEWER = "reviewer"
"""留言审核员: turns the night's voicemails into cases."""
DISPATCHER = "dispatcher"
"""后台派单员."""
SUPERVISOR = "supervisor"
"""督办员."""
CALLBACK_AGENT = "callback"
"""回访员: never of the unit."""
LIAISON = "liaison"
"""承办人 of a unit; one at a time."""
DEPUTY = "deputy"
"""分管领导 of a unit: signs what leaves it."""
LEADER = "leader"
"""市领导."""
BUREAU = "bureau"
"""监察: reads, and does nothing."""
ADMIN = "admin"
"""管理员."""
CITIZEN = "citizen"
"""诉求人, by a public channel; nobody who signs in."""
SYSTEM = "system"
"""The hotline itself: a timer, a call."""

STAFF = (
    ADMIN,
    REVIEWER,
    AGENT,
    SHIFT_LEADER,
    OPERATOR,
    DISPATCHER,
    SUPERVISOR,
    CALLBACK_AGENT,
    LIAISON,
    DEPUTY,
    LEADER,
    BUREAU,
)
"""Roles of people who sign in."""
UNIT_STAFF = (OPERATOR, LIAISON, DEPUTY)
"""Roles that act for the one unit they belong to."""
BACK_OFFICE = (DISPATCHER, SUPERVISOR)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something; `unit` is the code of the unit for which they act, empty for none."""

    name: str
    role: str
    unit: str = ""


THE_SYSTEM = Actor("system", SYSTEM)
