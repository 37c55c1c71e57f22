"""From the PBX's events to a console: over a real Valkey and a real socket, and what happens when a part dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from starlette.testclient import TestClient

from call_router.board_feed import _BATCH, PREFIX, BoardFeed
from casebook.api import board_hub, board_routes
from tests.api.conftest import sign_in
from tests.api.night import Night
from tests.board.live import Console, Event, Peer, Router, Valkey, arrival, member, of, served, valkey

Look = Callable[[], Console]
CALL, OTHER, THIRD = "lyg1-1763949590.1", "lyg1-1763949591.2", "lyg1-1763949592.3"


@pytest.fixture
def broker() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture
def night(tmp_path: Path, broker: Valkey) -> Iterator[Night]:
    made = Night(tmp_path, redis_url=broker.url)
    yield made
    made.engine.dispose()


@pytest.fixture
def look(night: Night) -> Iterator[Look]:
    consoles: list[Console] = []

    def open_console() -> Console:
        consoles.append(Console(address))
        return consoles[-1]

    with served(night) as address:
        yield open_console
    for console in consoles:
        console.close()


@pytest.fixture
def router(broker: Valkey) -> Iterator[Router]:
    started = start(broker)
    yield started
    started.stop()


def start(broker: Valkey, system: str = "lyg1", resync_s: float = 30) -> Router:
    def feed(peer: Peer) -> BoardFeed:
        redis = AsyncRedis.from_url(broker.url, socket_timeout=2, socket_connect_timeout=2)
        return BoardFeed(peer, redis, system, lambda: datetime.now(UTC), resync_s=resync_s)

    return Router(feed)


def ready(console: Console, router: Router, pbx: str = "lyg1") -> None:
    """The PBX is there and the console knows."""
    router.connect()
    console.wait(lambda: console.board.get("pbxs", {}).get(pbx, {}).get("heard") is True)


def stage(console: Console, call: str) -> Any:
    return console.entries().get(f"call:{call}", {}).get("stage")


def test_a_console_sees_everything_first_and_then_each_change(look: Look, router: Router) -> None:
    first = look()
    ready(first, router)
    router.happen(member("PJSIP/1001", 1), arrival(CALL), of(CALL, "QueueCallerJoin"))
    first.wait(lambda: stage(first, CALL) == "waiting")
    assert first.entries()["queue:agents"]["waiting"] == 1
    second = look()
    second.wait(lambda: stage(second, CALL) == "waiting")
    wholes = first.wholes, second.wholes
    router.happen(of(CALL, "QueueCallerLeave"), of(CALL, "AgentConnect", Interface="PJSIP/1001"))
    for console in (first, second):
        console.wait(lambda console=console: stage(console, CALL) == "talking")
    router.happen({"Event": "Hangup", "Uniqueid": CALL})
    for console in (first, second):
        console.wait(lambda console=console: stage(console, CALL) is None)
    assert (first.wholes, second.wholes) == wholes, "a change is sent as a change"
    assert first.entries() == second.entries()


def test_nobody_sees_the_board_without_signing_in(night: Night) -> None:
    with served(night) as address:
        answer = httpx2.get(f"{address}/api/v1/board", timeout=10)
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_signed_in"


def test_who_signs_out_does_not_go_on_looking(look: Look, router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_routes, "SESSION_CHECK_S", 0.0)
    console = look()
    ready(console, router)
    console.sign_out()
    router.happen(arrival(CALL))
    console.wait(lambda: console.ended)
    assert stage(console, CALL) is None


def test_without_redis_there_is_no_board(tmp_path: Path) -> None:
    night = Night(tmp_path)
    with TestClient(night.app(), headers={"X-Hotline-Client": "test"}) as client:
        sign_in(client)
        answer = client.get("/api/v1/board")
    assert (answer.status_code, answer.json()["code"]) == (404, "board_away")
    night.engine.dispose()


def test_after_redis_lost_everything_the_board_is_whole_again(look: Look, router: Router, broker: Valkey) -> None:
    console = look()
    ready(console, router)
    router.happen(arrival(CALL), arrival(THIRD))
    console.wait(lambda: stage(console, CALL) == stage(console, THIRD) == "menu")
    broker.kill()
    console.wait(lambda: console.board["connected"] is False)
    assert console.entries() == {}, "what may not be true any more is not shown"
    router.happen(arrival(OTHER), {"Event": "Hangup", "Uniqueid": CALL})
    broker.start()
    console.wait(lambda: stage(console, OTHER) == stage(console, THIRD) == "menu")
    assert stage(console, CALL) is None


def test_while_the_pbx_is_not_heard_nothing_is_shown_and_then_what_it_lists(look: Look, router: Router) -> None:
    console = look()
    ready(console, router)
    router.happen(arrival(CALL), arrival(OTHER))
    console.wait(lambda: stage(console, OTHER) == "menu")
    router.lose()
    console.wait(lambda: console.board["pbxs"]["lyg1"]["heard"] is False)
    assert console.entries() == {}
    # CALL hung up and THIRD came while nobody listened; OTHER is in the queue by now.
    names = {"Linkedid": OTHER, "Uniqueid": OTHER, "Context": "hotline", "Application": "Queue", "Duration": "00:00:10"}
    third = {**names, "Uniqueid": THIRD, "Linkedid": THIRD, "Application": "AGI"}
    router.peer.channels = [names, third]
    router.peer.queue_status = [
        {"Event": "QueueParams", "Queue": "agents"},
        {"Event": "QueueEntry", "Queue": "agents", "Uniqueid": OTHER, "Wait": "5"},
    ]
    router.connect()
    console.wait(lambda: stage(console, OTHER) == "waiting")
    assert stage(console, THIRD) == "menu"
    assert stage(console, CALL) is None
    assert console.entries()["queue:agents"]["waiting"] == 1


def test_lost_events_are_made_good_by_asking_again(look: Look, broker: Valkey) -> None:
    router = start(broker, resync_s=0.5)
    try:
        console = look()
        ready(console, router)
        router.happen(arrival(CALL))
        # The PBX lists no such call: its hang-up was lost.
        console.wait(lambda: stage(console, CALL) is None and console.messages > 2)
        router.peer.channels = [
            {"Uniqueid": OTHER, "Linkedid": OTHER, "Context": "hotline", "Application": "AGI", "Duration": "00:00:10"}
        ]
        console.wait(lambda: stage(console, OTHER) == "menu")
    finally:
        router.stop()


def listed(call: str) -> Event:
    """A call as the PBX lists it."""
    names = {"Uniqueid": call, "Linkedid": call, "Context": "hotline-in", "CallerIDNum": "13812345678"}
    return {**names, "Channel": f"PJSIP/anonymous-{call[-1]}", "Application": "AGI", "Duration": "00:00:01"}


def test_what_happens_just_before_the_pbx_is_asked_is_shown(broker: Valkey) -> None:
    peer = Peer()
    feed = BoardFeed(peer, AsyncRedis.from_url(broker.url), "lyg1", lambda: datetime.now(UTC), resync_s=0)

    def calls_shown() -> set[str]:
        with Redis.from_url(broker.url, decode_responses=True) as redis:
            return {str(key) for key in redis.hkeys(f"{PREFIX}lyg1") if str(key).startswith("call:")}

    async def until(calls: set[str]) -> None:
        async with asyncio.timeout(20):
            while calls_shown() != calls:
                await asyncio.sleep(0.02)

    async def course() -> None:
        # The call is on the PBX's first list, and its event came before it.
        peer.connected.set()
        peer.channels = [listed(CALL)]
        feed.on_event(arrival(CALL))
        running = asyncio.create_task(feed.run())
        await until({f"call:{CALL}"})
        # More events than are taken at once: the PBX is asked before the last, which say what its list says.
        peer.channels = [listed(OTHER)]
        for event in [member("PJSIP/1001", 1)] * 2 * _BATCH + [arrival(OTHER), {"Event": "Hangup", "Uniqueid": CALL}]:
            feed.on_event(event)
        await until({f"call:{OTHER}"})
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(course())


def test_no_event_of_a_burst_is_left_out(look: Look, router: Router) -> None:
    console = look()
    ready(console, router)
    calls = [f"lyg1-1763949590.{number}" for number in range(3 * _BATCH)]
    router.happen(*(arrival(call) for call in calls))
    console.wait(lambda: {f"call:{call}" for call in calls} <= set(console.entries()))


def test_a_router_that_died_leaves_no_board_behind(look: Look, broker: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_hub, "SILENT_S", 4.0)
    router = start(broker)
    console = look()
    ready(console, router)
    router.happen(arrival(CALL))
    console.wait(lambda: stage(console, CALL) == "menu")
    router.stop()
    console.wait(lambda: console.board["pbxs"] == {}, 20)
    with Redis.from_url(broker.url) as redis:
        assert 0 < redis.ttl(f"{PREFIX}lyg1") <= 10 or not redis.exists(f"{PREFIX}lyg1")
    successor = start(broker)
    try:
        ready(console, successor)
        assert stage(console, CALL) is None
    finally:
        successor.stop()


def test_two_pbxs_are_two_boards(look: Look, broker: Valkey) -> None:
    routers = [start(broker, name) for name in ("lyg1", "lyg2")]
    try:
        console = look()
        for router, name in zip(routers, ("lyg1", "lyg2"), strict=True):
            ready(console, router, name)
        routers[0].happen(arrival(CALL))
        routers[1].happen(arrival(OTHER))
        console.wait(lambda: f"call:{CALL}" in console.entries("lyg1") and f"call:{OTHER}" in console.entries("lyg2"))
        assert f"call:{OTHER}" not in console.entries("lyg1")
    finally:
        for router in routers:
            router.stop()


def test_the_figures_need_a_sensible_period(night: Night) -> None:
    good = {"since": "2026-11-23T00:00:00+08:00", "until": "2026-11-24T00:00:00+08:00"}
    with TestClient(night.app(), headers={"X-Hotline-Client": "test"}) as client:
        assert client.get("/api/v1/telephone", params=good).status_code == 401
        sign_in(client)
        answer = client.get("/api/v1/telephone", params=good)
        assert answer.status_code == 200
        assert (answer.json()["total"]["offered"], answer.json()["total"]["connection_rate"]) == (0, None)
        assert len(answer.json()["intervals"]) == 48
        assert client.get("/api/v1/telephone", params={**good, "until": good["since"]}).status_code == 422
        assert client.get("/api/v1/telephone", params={**good, "since": "yesterday"}).status_code == 422
