"""What the PBX tells of the desk's attempts and call-backs, written into the record. Told twice, it counts once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from call_router.ami import Fields
from casebook.errors import CaseError
from casebook.store.callbacks import Callbacks
from casebook.store.legs import Legs

LEG_ACTION = "leg-"
"""How the id of an Originate begins; the attempt's key follows."""
CALLBACK_ACTION = "callback-"
"""How the id of a call-back's Originate begins; the task, a hyphen and the agent's name follow."""
OUTCOMES = {
    "ANSWER": "answered",
    "BUSY": "busy",
    "NOANSWER": "no_answer",
    "CANCEL": "caller_gone",
    "CONGESTION": "congestion",
    "CHANUNAVAIL": "unavailable",
}
_REASONS = {"3": "no_answer", "5": "busy", "8": "congestion"}
"""Asterisk's reasons of an OriginateResponse (AST_CONTROL_*)."""


class LegEvents:
    """Follows the manager interface's events."""

    def __init__(self, legs: Legs, callbacks: Callbacks, clock: Callable[[], datetime]) -> None:
        self._legs = legs
        self._callbacks = callbacks
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def on_event(self, event: Fields) -> None:
        """Take an event; the store is written by a thread."""
        work = self._work(event)
        if work is not None:
            task = asyncio.get_running_loop().create_task(self._write(work))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _work(self, event: Fields) -> Callable[[], object] | None:
        now, key, status = self._clock(), event.get("Leg", ""), event.get("Status", "")
        match event.get("Event"), event.get("UserEvent"):
            case "UserEvent", "HotlineLegUp" if key:
                return lambda: self._legs.answered(key, now)
            case "UserEvent", "HotlineLeg" if key:
                return lambda: self._legs.end(key, OUTCOMES.get(status, "unavailable"), now)
            case "UserEvent", "HotlineCallback" if event.get("Task", "").isdecimal():
                return lambda: self._called_back(int(event["Task"]), event.get("Actor", ""), status, now)
            case "OriginateResponse", _ if event.get("Response") == "Failure":
                action = event.get("ActionID", "")
                if action.startswith(CALLBACK_ACTION):
                    # The agent's own telephone was not answered: the citizen's has not rung.
                    task, _, actor = action.removeprefix(CALLBACK_ACTION).partition("-")
                    return lambda: self._called_back(int(task), actor, "", now)
                key = action.removeprefix(LEG_ACTION)
                return lambda: self._legs.end(key, _REASONS.get(event.get("Reason", ""), "unavailable"), now)
        return None

    def _called_back(self, task: int, actor: str, status: str, now: datetime) -> None:
        if status == "ANSWER":
            self._callbacks.close(task, actor, reached=True, note="", now=now)
        else:
            self._callbacks.release(task, actor, now)

    @staticmethod
    async def _write(work: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(work)
        except CaseError as error:
            structlog.get_logger().info("event came late", code=error.code)
        except Exception as error:  # noqa: BLE001 - the end of the call closes what could not be written now
            structlog.get_logger().error("event not written", error=type(error).__name__)
