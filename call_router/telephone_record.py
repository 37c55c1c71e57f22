"""The record of the telephone service: reads the queues' log, closes what it does not tell, keeps the half hours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from call_router.ami import AmiError
from call_router.queue_log import QueueLog
from casebook.store.telephone import Telephone
from casebook.store.telephone_figures import TelephoneFigures

_READ_S = 2.0
_KEEP_S = 60.0
_ROTATE_S = 12 * 3600.0
"""The PBX's log is put away, read to its end and removed so often: it holds callers' numbers."""
_SETTLE = timedelta(minutes=1)
"""A half hour is kept this long after its end, when its last lines have been read."""


class Pbx(Protocol):
    """The manager interface, as far as it is needed here."""

    async def channels(self) -> set[str]:
        """UNIQUEIDs of the channels there are. Raises AmiError."""

    async def action(self, name: str, /, **fields: str) -> Mapping[str, str]:
        """Send an action; its answer. Raises AmiError."""


class TelephoneRecord:
    """Runs beside the reaper, one a PBX."""

    def __init__(
        self,
        pbx: Pbx,
        log: QueueLog,
        telephone: Telephone,
        figures: TelephoneFigures,
        *,
        source: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._pbx = pbx
        self._queue_log = log
        self._telephone = telephone
        self._figures = figures
        self._source = source
        self._clock = clock
        self.was_read = asyncio.Event()
        """Set after the first reading: what the log tells of calls that ended meanwhile is in the store."""

    async def run(self) -> None:
        """Read until cancelled."""
        keep_at = self._clock()
        rotate_at = self._clock() + timedelta(seconds=_ROTATE_S)
        while True:
            try:
                await self.read()
                if self._clock() >= keep_at:
                    await asyncio.to_thread(self._figures.keep, self._clock() - _SETTLE)
                    keep_at = self._clock() + timedelta(seconds=_KEEP_S)
                if self._clock() >= rotate_at:
                    rotate_at = self._clock() + timedelta(seconds=_ROTATE_S)
                    await self._pbx.action("LoggerRotate")
            except AmiError:
                structlog.get_logger().info("the queues' log is not put away: the PBX is away")
            except Exception as error:  # noqa: BLE001 - a database that is away comes back; the log waits meanwhile
                structlog.get_logger().error("telephone record waits", error=type(error).__name__)
            else:
                self.was_read.set()
            await asyncio.sleep(_READ_S)

    async def read(self) -> None:
        """Take in what is new; then close visits whose call is gone, where the PBX can be asked."""
        asked_at = self._clock()
        try:
            live = await self._pbx.channels()
        except AmiError:
            live = None
        await asyncio.to_thread(self._queue_log.take_in)
        if live is not None:
            lost = await asyncio.to_thread(self._telephone.give_up, self._source, live, asked_at - _SETTLE)
            if lost:
                structlog.get_logger().info("visits without a call closed", visits=lost)
