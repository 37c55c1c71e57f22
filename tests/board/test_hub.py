"""A console that cannot keep up gets the whole board, and holds up nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from redis import Redis

from call_router.board_feed import BOARDS, META, PREFIX
from casebook.api.board_hub import BoardHub
from tests.board.live import valkey

KEY = f"{PREFIX}lyg1"


def publish(redis: Redis, version: int) -> None:
    """What a publisher does: the hash and the message of a change, together."""
    meta, entry = {"epoch": "e", "v": version, "heard": True}, {"stage": f"stage-{version}"}
    with redis.pipeline() as pipe:
        pipe.sadd(BOARDS, "lyg1")
        pipe.hset(KEY, META, json.dumps(meta))
        pipe.hset(KEY, "call:1", json.dumps(entry))
        pipe.publish(KEY, json.dumps({**meta, "pbx": "lyg1", "changes": {"call:1": entry}}))
        pipe.execute()


def decoded(message: bytes) -> tuple[str, Any]:
    name, _, data = message.decode().partition("\ndata: ")
    return name.removeprefix("event: "), json.loads(data) if data else None


async def lag(url: str, held: int) -> tuple[list[str], Any, Any]:
    """Names of what a console got that did not read for a while, its last board, and what a quick one saw last."""
    hub = BoardHub(url)
    slow, quick = hub.stream(), hub.stream()
    seen: list[Any] = []

    async def read_quickly() -> None:
        async for message in quick:
            seen.append(decoded(message))

    await anext(slow)
    reading = asyncio.create_task(read_quickly())
    with Redis.from_url(url) as redis:
        async with asyncio.timeout(30):
            version = 0
            while sum(name == "changes" for name, _ in seen) < held + 5:
                version += 1
                publish(redis, version)
                await asyncio.sleep(0.07)
            publish(redis, version + 1)
            while f"stage-{version + 1}" not in json.dumps(seen[-1]):
                await asyncio.sleep(0.05)
    names, last = [], None
    async with asyncio.timeout(10):
        while last is None or f"stage-{version + 1}" not in json.dumps(last):
            name, data = decoded(await anext(slow))
            names.append(name)
            last = data if name == "board" else last
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await slow.aclose()
    await quick.aclose()
    await hub.close()
    return names, last, seen[-1][1]


def test_a_console_that_lags_gets_the_whole_board(monkeypatch: Any) -> None:
    monkeypatch.setattr("casebook.api.board_hub._QUEUED", 5)
    with valkey() as server:
        names, last, quick = asyncio.run(lag(server.url, 5))
    assert names[-1] == "board", "after what it missed comes everything"
    assert names.count("changes") <= 5
    assert last["pbxs"]["lyg1"]["entries"]["call:1"] == quick["pbxs"]["lyg1"]["call:1"]
