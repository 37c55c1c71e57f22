"""A call that another platform hands over by its own trunk goes straight to the agents, and is marked.

On the live board, and in its record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import select

from call_router.board_feed import META, PREFIX
from casebook.store.router_tables import call_leg
from casebook.store.schema import call
from tests.e2e.hotline import TestLine, running
from tests.e2e.test_transfers import PARTS, available
from tests.pbx.audio import Silence
from tests.pbx.caller import Line


@pytest.fixture
def police(tmp_path: Path) -> Iterator[Line]:
    answering = Line(tmp_path, status="200 OK")
    yield answering
    answering.stop()


@pytest.fixture
def line(tmp_path: Path, pbx_prefix: Path, police: Line) -> Iterator[TestLine]:
    trunks = f"psap={police.host}:{police.port}"
    with running(TestLine(tmp_path / "line", pbx_prefix, HOTLINE_TRUNKS=trunks), *PARTS) as started:
        started.wait(lambda: available(started, "psap"), 40, "the trunk is away")
        yield started


def calls_shown(line: TestLine) -> list[dict[str, Any]]:
    """The calls on the live board."""
    with Redis.from_url(line.environment["HOTLINE_REDIS_URL"], decode_responses=True) as redis:
        entries = {str(key): json.loads(value) for key, value in redis.hgetall(f"{PREFIX}lyg1").items() if key != META}
    return [entry for key, entry in entries.items() if key.startswith("call:")]


def test_a_call_over_a_platform_s_trunk_goes_to_the_agents_and_keeps_its_origin(line: TestLine, police: Line) -> None:
    handed_over, _ = line.caller.start([Silence(6)], hang_up=True, number="13680000001", host=police.host)
    citizen, _ = line.caller.start([Silence(6)], hang_up=True, number="13680000002")
    line.wait(lambda: sorted(one["origin"] for one in calls_shown(line)) == ["", "psap"], 20, "not on the board")
    assert {one["number"] for one in calls_shown(line)} <= {"136****0001", "136****0002"}
    for process in (handed_over, citizen):
        process.wait(40)

    def origins() -> dict[str, str]:
        return dict(map(tuple, line.rows(select(call.c.ani_masked, call.c.origin).where(call.c.talk_s.is_not(None)))))

    line.wait(lambda: len(origins()) == 2, 30, "the PBX's list is not taken in")
    assert origins() == {"136****0001": "psap", "136****0002": ""}
    reached = select(call.c.origin, call_leg.c.kind, call_leg.c.target).join(
        call_leg, call_leg.c.call_id == call.c.call_id
    )
    assert line.rows(reached) == [("psap", "queue", "agents")]
