"""Plans: whom to try, for how long, and who takes the caller in the end."""

from __future__ import annotations

from datetime import timedelta

from call_router.plan import AgentEntry, Plan, Staff
from ivr.verbs import Leg
from tests.router.city import NOON, city_router

AGENTS = Leg("queue", "agents", "agents", "", 120)
COMPLAINER = AgentEntry("1001", "座席", frozenset({"complaint", "dialect"}))


def test_an_emergency_comes_back_to_the_head_of_the_queue() -> None:
    plan = city_router().whole_plan("line:110", "", NOON)
    assert plan == Plan((Leg("line", "110", "110", "psap", 20, True),), "queue:urgent")
    assert city_router().plan(plan.last_resort, "", NOON) == (Leg("queue", "urgent", "urgent", "", 120, True),)


def test_a_line_falls_back_to_the_agents_and_an_unknown_target_has_no_legs() -> None:
    router = city_router()
    assert router.whole_plan("line:12315", "", NOON) == Plan((Leg("line", "12315", "12315", "carrier", 25),))
    assert router.whole_plan("line:donghai", "", NOON).legs[0].number == "9004"
    assert router.plan("line:999", "", NOON) == ()
    assert router.plan("nonsense", "", NOON) == ()


def test_a_line_outside_its_hours_is_not_tried() -> None:
    router = city_router()
    assert router.plan("line:12366", "", NOON)
    assert router.plan("line:12366", "", NOON + timedelta(hours=12)) == ()
    assert router.plan("line:12315", "", NOON + timedelta(hours=12))


def test_a_demand_goes_to_those_who_have_the_skill_while_they_are_there() -> None:
    skilled = (Leg("queue", "complaint", "complaint", "", 120), Leg("queue", "agents", "agents", "", 15))
    assert city_router([COMPLAINER]).plan("queue:agents", "complaint", NOON) == skilled
    assert city_router([COMPLAINER]).plan("queue:agents", "consult", NOON) == (AGENTS,)
    assert city_router().plan("queue:agents", "complaint", NOON) == (AGENTS,)
    gone = Staff(away=frozenset({"1001"}))
    assert city_router([COMPLAINER], gone).plan("queue:agents", "complaint", NOON) == (AGENTS,)


def test_a_skill_that_others_cannot_stand_in_for_is_followed_by_the_common_queue() -> None:
    legs = city_router([COMPLAINER]).plan("queue:dialect", "", NOON)
    assert legs == (Leg("queue", "dialect", "dialect", "", 60), AGENTS)
    assert city_router().plan("queue:dialect", "", NOON) == (AGENTS,)


def test_an_agent_who_must_log_in_counts_only_then() -> None:
    agent = AgentEntry("1001", "座席", frozenset({"complaint"}), by_phone=False)
    assert city_router([agent]).plan("queue:agents", "complaint", NOON) == (AGENTS,)
    there = Staff(ready=frozenset({"1001"}))
    assert city_router([agent], there).plan("queue:agents", "complaint", NOON)[0].target == "complaint"


def test_at_night_the_caller_waits_less_before_the_call_back_is_offered() -> None:
    (leg,) = city_router().plan("queue:agents", "", NOON + timedelta(hours=14))
    assert leg.timeout_s == 60
