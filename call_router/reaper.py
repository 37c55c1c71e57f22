"""The call-end reaper: every call gets its end, every recording its place, whatever died meanwhile.

Hang-ups in a queue, on a transfer or after a server's death never come back to us by themselves. The reaper follows the
PBX by its manager interface, compares at every connection and every few seconds the open sessions with the channels
there are, reads the PBX's durable list of calls, and takes in recordings that no step has claimed. Everything it does
may be done twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from call_router.ami import Ami, AmiError, Fields
from call_router.calls_file import CallsFile
from call_router.conversations import Conversations
from call_router.recordings import CALL_ID, SPOOL, RecordingFolder, parse_name, started_at
from call_router.telephones import extension_of
from casebook.store.intake import CallIntake
from casebook.store.legs import Legs
from ivr import events
from ivr.events import DriverEvent
from ivr.ports import NewCall
from ivr.service import Answer, CallService
from ivr.verbs import Dial, Enqueue, Record

FALLBACK_FAMILY = "hotline-fallback"
_AFTER_HANGUP_S = 1.0
"""The driver sees most hang-ups itself; the reaper lets it go first."""
_SWEEP_S = 5.0
_YOUNG = timedelta(seconds=5)
_FILE_RESTS_S = 3.0
_DAYS = 3
_NUMBER = re.compile(r"\+?[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Ending:
    """What the PBX told of a call's end."""

    call_id: str
    reached: DriverEvent | None = None
    """How the leg under way ended, where somebody had answered it."""
    leg: str = ""
    """Key of the desk's attempt that was under way."""
    leg_answered: bool = False


class Reaper:
    """Runs in a process of its own. `system_name` is the PBX's: calls of other PBXs are left to their reapers."""

    def __init__(
        self,
        ami: Ami,
        service: CallService,
        intake: CallIntake,
        folder: RecordingFolder,
        calls: CallsFile,
        legs: Legs,
        conversations: Conversations,
        *,
        system_name: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._ami = ami
        self._service = service
        self._intake = intake
        self._folder = folder
        self._calls = calls
        self._legs = legs
        self._conversations = conversations
        self._prefix = f"{system_name}-"
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: set[str] = set()
        self._log = structlog.get_logger()

    def on_event(self, event: Fields) -> None:
        """Take an event of the manager interface: a caller's hang-up ends the call a moment later."""
        call_id = event.get("Uniqueid", "")
        if event.get("Event") != "UserEvent" or event.get("UserEvent") != "HotlineEnd" or not self._ours(call_id):
            return
        ending = Ending(call_id, _reached(event), event.get("Leg", ""), event.get("Dialstatus") == "ANSWER")
        self._ending.add(call_id)
        task = asyncio.get_running_loop().create_task(self._end_soon(ending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Sweep until cancelled; at once after each connection to the PBX, then every few seconds."""
        while True:
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001 - a database that is away comes back; the reaper must be there then
                self._log.error("sweep failed", error=type(error).__name__)
            was_connected = self._ami.connected.is_set()
            try:
                async with asyncio.timeout(_SWEEP_S):
                    if was_connected:
                        await asyncio.sleep(_SWEEP_S)
                    else:
                        await self._ami.connected.wait()
            except TimeoutError:
                pass

    async def sweep(self) -> None:
        """Compare with the PBX and take in what lies there. Does nothing to calls while the PBX cannot be asked."""
        await asyncio.to_thread(self._take_in_calls)
        try:
            live = await self._ami.channels()
        except AmiError:
            return
        ended = await asyncio.to_thread(self._end_calls_without_channel, live)
        if ended:
            self._log.info("calls without a channel ended", calls=ended)
        for path in await asyncio.to_thread(self._orphans, live):
            await self._take_in(path)
        await asyncio.to_thread(self._conversations.take_in, live, self._ours)

    # --- ends

    async def _end_soon(self, ending: Ending) -> None:
        await asyncio.sleep(_AFTER_HANGUP_S)
        try:
            await asyncio.to_thread(self.end_call, ending)
        except Exception as error:  # noqa: BLE001 - the next sweep ends it
            self._log.error("ending failed", call_id=ending.call_id, error=type(error).__name__)
        finally:
            self._ending.discard(ending.call_id)

    def end_call(self, ending: Ending) -> bool:
        """Give a call its end, keeping what was recorded; False when it has one."""
        answer = self._service.pending(ending.call_id)
        if ending.leg:
            self._legs.end(ending.leg, "answered" if ending.leg_answered else "caller_gone", self._clock())
        self._legs.end_of_call(ending.call_id, self._clock())
        if answer is None:
            return False
        answer = self._service.step(ending.call_id, answer.seq, self._last_event(answer, ending))
        if self._service.pending(ending.call_id) is not None:
            self._service.step(ending.call_id, answer.seq, events.CallerGone())
        self._log.info("call ended", call_id=ending.call_id)
        return True

    def _last_event(self, answer: Answer, ending: Ending) -> DriverEvent:
        match answer.verbs[-1]:
            case Record():
                found = self._folder.find(answer.call_id, answer.seq)
                if found:
                    path, facts = found
                    return events.Recorded(path, facts.duration_ms, facts.speech_ms, facts.sha256, hung_up=True)
            case Enqueue() if isinstance(ending.reached, events.QueueLeft):
                return ending.reached
            case Dial() if isinstance(ending.reached, events.DialEnded):
                return ending.reached
        return events.CallerGone()

    def _end_calls_without_channel(self, live: set[str]) -> int:
        ended = 0
        old = self._clock() - _YOUNG
        for call in self._intake.open_calls():
            # Whose hang-up was told knows more of the end than a list of channels does.
            gone = call.call_id not in live and call.call_id not in self._ending and call.started_at < old
            if call.carrier == "asterisk" and self._ours(call.call_id) and gone:
                answered = self._intake.reached_an_agent(call.call_id)
                ended += self.end_call(Ending(call.call_id, events.QueueLeft("answered") if answered else None))
        return ended

    def _ours(self, call_id: str) -> bool:
        return call_id.startswith(self._prefix) and CALL_ID.fullmatch(call_id) is not None

    # --- the PBX's list of calls

    def _take_in_calls(self) -> None:
        for file, rows in self._calls.batches():
            for row in rows:
                if self._ours(row.call_id):
                    new = self._new_call(row.call_id, row.number, row.started_at)
                    self._intake.record_call(new, ended_at=row.ended_at, talk_s=row.talk_s, origin=row.origin)
            file.unlink()

    # --- recordings that nobody claimed

    def _orphans(self, live: set[str]) -> list[Path]:
        """Files at rest, of calls that are over, that the store does not know."""
        root, now = self._folder.root, self._clock()
        folders = [root / SPOOL, *(root / (now - timedelta(days=n)).strftime("%Y%m%d") for n in range(-1, _DAYS))]
        candidates: dict[str, Path] = {}
        for folder in folders:
            for path in sorted(folder.glob("*.wav")):
                name = parse_name(path)
                rests = now.timestamp() - path.stat().st_mtime > _FILE_RESTS_S
                if name and self._ours(name.call_id) and name.call_id not in live and rests:
                    candidates[path.relative_to(root).as_posix()] = path
        known = self._intake.known_recording_paths(candidates)
        return [path for relative, path in candidates.items() if relative not in known]

    async def _take_in(self, path: Path) -> None:
        name = parse_name(path)
        if name is None:
            return
        log = self._log.bind(call_id=name.call_id)
        try:
            if await asyncio.to_thread(self._service.pending, name.call_id) is not None:
                # The driver, or the next sweep, is about to end this call; its recording is theirs.
                return
            number = await self._ami.database_get(FALLBACK_FAMILY, name.call_id) or ""
            case_no = await asyncio.to_thread(self._keep, path, name.call_id, number)
            if number:
                await self._ami.action("DBDel", Family=FALLBACK_FAMILY, Key=name.call_id)
            log.info("recording taken in", case_no=case_no)
        except AmiError:
            log.info("recording waits: the PBX is away")
        except Exception as error:  # noqa: BLE001 - one bad file must not stop the others; the next sweep tries again
            log.error("recording not taken in", error=type(error).__name__)

    def _keep(self, path: Path, call_id: str, number: str) -> str | None:
        now = self._clock()
        new = self._new_call(call_id, number, started_at(call_id) or now)
        relative = path.relative_to(self._folder.root).as_posix()
        return self._intake.take_in_recording(new, relative, self._folder.probe(path), now)

    @staticmethod
    def _new_call(call_id: str, number: str, began: datetime) -> NewCall:
        return NewCall(call_id, "asterisk", number if _NUMBER.fullmatch(number) else "", "12345", began)


def _reached(event: Fields) -> DriverEvent | None:
    """How far the call had come when the caller hung up, from the hang-up handler's variables."""
    why, dialled = event.get("Why"), event.get("Dialstatus") == "ANSWER"
    talk_s = int(event["Talk"]) if event.get("Talk", "").isdecimal() else 0
    agent = extension_of(event.get("Member", ""))
    if why == "dial":
        return events.DialEnded("answered", talk_s) if dialled else None
    if why in ("xfer", "room", "back") or (why == "queue" and agent):
        handed_on = (why == "xfer" and dialled) or (why == "room" and event.get("Handed") == "1")
        return events.QueueLeft("transferred" if handed_on else "answered", talk_s, agent)
    return None
