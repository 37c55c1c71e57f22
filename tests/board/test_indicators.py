"""The telephone indicators, to the letter of their definitions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casebook.indicators_telephone import (
    ABANDONED,
    ANSWERED,
    PAUSED,
    STAFFED,
    WAITING,
    WRAP_UP,
    AgentTime,
    Figures,
    Visit,
    figures,
    half_hours,
)

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PERIOD = (START, START + timedelta(minutes=30))
END = PERIOD[1]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def visit(
    outcome: str = ANSWERED,
    wait_s: int | None = 10,
    talk_s: int | None = 60,
    acw_s: int | None = None,
    began: float = 0,
) -> Visit:
    answered = at(began + (wait_s or 0)) if outcome == ANSWERED else None
    return Visit("c", "agents", at(began), outcome, wait_s, answered, "座席1", talk_s, acw_s)


def of(*visits: Visit, times: tuple[AgentTime, ...] = ()) -> Figures:
    return figures(visits, times, PERIOD, END)


def test_nothing_happened_is_no_rate_at_all() -> None:
    nothing = of()
    assert (nothing.offered, nothing.answered, nothing.abandoned) == (0, 0, 0)
    for rate in (nothing.connection_rate, nothing.connection_rate_raw, nothing.abandonment_rate, nothing.occupancy):
        assert rate is None
    assert (nothing.asa_s, nothing.wait_p90_s, nothing.aht_s, nothing.abandoned_wait_s) == (None, None, None, None)
    assert [level.rate for level in nothing.service_levels] == [None, None]


def test_only_short_abandons_leave_no_connection_rate() -> None:
    found = of(visit(ABANDONED, 4), visit(ABANDONED, 0))
    assert (found.offered, found.short_abandoned, found.abandoned) == (2, 2, 0)
    assert found.connection_rate is None
    assert found.connection_rate_raw == 0


def test_five_seconds_is_no_short_abandon_and_a_time_out_never_is() -> None:
    found = of(visit(ABANDONED, 4), visit(ABANDONED, 5), visit("timeout", 120), visit("leave_empty", 2))
    assert (found.short_abandoned, found.abandoned, found.hung_up) == (1, 3, 1)
    assert found.abandonment_rate == 1
    assert found.abandoned_wait_s == pytest.approx((5 + 120 + 2) / 3)


def test_connection_rate_raw_and_net() -> None:
    found = of(visit(), visit(), visit(), visit(ABANDONED, 2), visit(ABANDONED, 30))
    assert found.connection_rate_raw == pytest.approx(3 / 5)
    assert found.connection_rate == pytest.approx(3 / 4)
    assert found.abandonment_rate == pytest.approx(1 / 4)


def test_service_levels_leave_out_who_hung_up_within_the_limit() -> None:
    found = of(visit(wait_s=15), visit(wait_s=16), visit(wait_s=21), visit(ABANDONED, 15), visit(ABANDONED, 40))
    fifteen, twenty = found.service_levels
    assert (fifteen.seconds, fifteen.answered_within, twenty.seconds, twenty.answered_within) == (15, 1, 20, 2)
    assert fifteen.rate == pytest.approx(1 / 4)
    assert fifteen.of_offered == pytest.approx(1 / 5)
    assert twenty.rate == pytest.approx(2 / 4)


def test_waits_of_the_answered() -> None:
    found = of(*(visit(wait_s=wait) for wait in range(1, 11)), visit(ABANDONED, 500))
    assert found.asa_s == pytest.approx(5.5)
    assert found.wait_p90_s == 9


def test_who_still_waits_is_offered_and_nothing_else() -> None:
    found = of(visit(), visit(WAITING, None, None))
    assert (found.offered, found.answered, found.waiting, found.abandoned) == (2, 1, 1, 0)


def test_who_was_not_let_in_is_turned_away() -> None:
    found = of(visit(), visit("join_empty", 0), visit("full", 0))
    assert (found.offered, found.turned_away) == (1, 2)


def test_a_visit_belongs_to_the_half_hour_in_which_it_began() -> None:
    late = visit(wait_s=120, began=1799)
    assert of(late).answered == 1
    assert figures([late], (), (END, END + timedelta(minutes=30)), END + timedelta(hours=1)).offered == 0


def test_handling_time_is_conversation_and_wrap_up_of_the_finished() -> None:
    assert of(visit(talk_s=100, acw_s=20), visit(talk_s=50), visit(talk_s=None)).aht_s == pytest.approx(85)


def test_occupancy() -> None:
    times = (
        AgentTime("座席1", STAFFED, at(-3600), at(1000)),
        AgentTime("座席1", PAUSED, at(500), at(700)),
        AgentTime("座席1", WRAP_UP, at(110), at(130)),
    )
    # 10 s of waiting, talking from 10 to 110, wrap-up to 130; signed in from 0 to 1000 less 200 of pause.
    found = of(visit(wait_s=10, talk_s=100, acw_s=20), times=times)
    assert found.occupancy == pytest.approx(120 / 800)


def test_a_pause_asked_for_in_a_conversation_begins_after_it() -> None:
    times = (AgentTime("座席1", STAFFED, at(0), None), AgentTime("座席1", PAUSED, at(50), None))
    assert of(visit(wait_s=0, talk_s=100), times=times).occupancy == pytest.approx(1)


def test_signed_in_to_two_queues_is_one_person() -> None:
    times = (AgentTime("座席1", STAFFED, at(0), at(200)), AgentTime("座席1", STAFFED, at(100), at(400)))
    assert of(visit(wait_s=0, talk_s=100), times=times).occupancy == pytest.approx(100 / 400)


def test_the_day_has_48_half_hours() -> None:
    day = list(half_hours(datetime(2026, 11, 22, 16, tzinfo=UTC), datetime(2026, 11, 23, 16, tzinfo=UTC)))
    assert len(day) == 48
    assert day[0][1] == day[1][0]


@given(
    st.lists(
        st.builds(
            visit,
            outcome=st.sampled_from([ANSWERED, ABANDONED, WAITING, "timeout", "leave_empty", "lost", "full"]),
            wait_s=st.none() | st.integers(0, 300),
            talk_s=st.none() | st.integers(0, 900),
            acw_s=st.none() | st.integers(0, 90),
            began=st.integers(0, 1799),
        ),
        max_size=30,
    )
)
def test_the_sums_always_agree(visits: list[Visit]) -> None:
    times = (AgentTime("座席1", STAFFED, at(0), None), AgentTime("座席1", PAUSED, at(300), at(900)))
    found = of(*visits, times=times)
    assert found.offered == found.answered + found.short_abandoned + found.abandoned + found.waiting
    assert found.offered + found.turned_away == len(visits)
    for rate in (found.connection_rate, found.connection_rate_raw, found.abandonment_rate, found.occupancy):
        assert rate is None or 0 <= rate <= 1
    for level in found.service_levels:
        assert level.rate is None or 0 <= level.rate <= 1
