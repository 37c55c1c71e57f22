"""The process that follows the PBX."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from call_router.ami import Fields
from call_router.calls_file import CallsFile
from call_router.conversations import Conversations
from call_router.leg_events import LegEvents
from call_router.memberships import Memberships
from call_router.reaper import Reaper
from casebook.store.desk import DeskLog
from casebook.store.intake import CallIntake
from casebook.store.legs import Legs
from config.board import board_feed, telephone_record
from config.pbx import agent_queues, manager
from config.wiring import Hotline, utc_now


def serve_router(hotline: Hotline, stop: threading.Event) -> None:
    """Follow the PBX until told to stop."""
    asyncio.run(_route(hotline, stop))


async def _route(hotline: Hotline, stop: threading.Event) -> None:
    settings = hotline.settings

    def on_event(event: Fields) -> None:
        reaper.on_event(event)
        leg_events.on_event(event)
        if feed:
            feed.on_event(event)

    ami = manager(settings, on_event)
    settings.calls_dir.mkdir(parents=True, exist_ok=True)
    legs = Legs(hotline.engine)
    leg_events = LegEvents(legs, hotline.callbacks, utc_now)
    reaper = Reaper(
        ami,
        hotline.service,
        CallIntake(hotline.store),
        hotline.recordings,
        CallsFile(settings.calls_dir),
        legs,
        Conversations(settings.recordings_dir, DeskLog(hotline.engine), utc_now),
        system_name=settings.system_name,
        clock=utc_now,
    )
    memberships = Memberships(ami, hotline.presence, agent_queues(settings.city_dir, hotline.directory))
    feed, record = board_feed(hotline, ami), telephone_record(hotline, ami)

    async def reap() -> None:
        # What became of calls that ended while nobody followed stands in the queues' log.
        await record.was_read.wait()
        await reaper.run()

    jobs = [ami.run(), record.run(), reap(), memberships.run(), *([feed.run()] if feed else [])]
    tasks = [asyncio.create_task(job) for job in jobs]
    await asyncio.to_thread(stop.wait)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
