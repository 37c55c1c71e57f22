"""The desk for callers that are not asynchronous: a thread of its own holds the line to the PBX."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from call_router.ami import Ami, AmiError
from call_router.desk import Desk
from call_router.memberships import Memberships
from casebook.errors import CaseError

_PATIENCE_S = 30
T = TypeVar("T")


class DeskLine:
    """`start` connects and keeps connected; `do` has the desk do something and waits for it."""

    def __init__(
        self, ami: Callable[[], Ami], desk: Callable[[Ami], Desk], queues: Callable[[Ami], Memberships]
    ) -> None:
        self._make_ami, self._make_desk, self._make_queues = ami, desk, queues
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self._ready = threading.Event()
        self._desk: Desk
        self._queues: Memberships
        self._keeping: asyncio.Task[None]

    def start(self) -> None:
        """Begin to keep the line."""
        self._thread.start()
        self._ready.wait(_PATIENCE_S)

    def stop(self) -> None:
        """Let go of it."""
        self._loop.call_soon_threadsafe(self._keeping.cancel)
        self._thread.join(_PATIENCE_S)

    def do(self, work: Callable[[Desk], Awaitable[T]]) -> T:
        """Do something at the desk. Raises CaseError."""

        async def wait() -> T:
            return await work(self._desk)

        return self._await(wait())

    def refresh_queues(self) -> bool:
        """Bring the PBX's queues in order now; False while it is away: then the router does it when it is back."""
        try:
            self._await(self._queues.sync())
        except (AmiError, CaseError):
            return False
        return True

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(_PATIENCE_S)
        except TimeoutError as error:
            future.cancel()
            raise CaseError("pbx_away", "The PBX does not answer.") from error

    def _run(self) -> None:
        asyncio.run(self._keep())

    async def _keep(self) -> None:
        self._loop = asyncio.get_running_loop()
        ami = self._make_ami()
        self._desk, self._queues = self._make_desk(ami), self._make_queues(ami)
        self._keeping = asyncio.create_task(ami.run())
        self._ready.set()
        with suppress(asyncio.CancelledError):
            await self._keeping
