"""Compares with Twilio what the webhooks told: a call whose end was never reported, a call or a recording that nobody
reported.

Webhooks get lost while a server is away. Everything this does may be done twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ivr import events
from ivr.ports import NewCall
from ivr.service import CallService
from ivr.twilio.cloud import Cloud, CloudError
from ivr.twilio.driver import recording_path
from ivr.twilio.outcomes import CALL_SID, OVER, RECORDING_SID

_SILENT_FOR = timedelta(minutes=5)
_LOOK_BACK = timedelta(hours=24)
_MOST_CALLS = 200
_SWEEP_S = 60.0


class Reports(Protocol):
    """The store's side."""

    def silent_calls(self, carrier: str, before: datetime, limit: int) -> list[str]:
        """Open calls of which nothing was heard since a moment."""

    def note_visits(self, carrier: str, since: datetime) -> int:
        """Stays in the carrier's own queues are counted; how many are new."""

    def not_expected(self, paths: Iterable[str]) -> set[str]:
        """Recordings that nobody has reported."""

    def try_again(self, paths: Iterable[str], now: datetime) -> int:
        """Recordings that were given up are fetched again; how many."""

    def expect_recording(self, call_id: str, recording_sid: str, path: str, now: datetime) -> None:
        """See to it that a recording is fetched."""

    def unknown_calls(self, call_ids: Iterable[str]) -> set[str]:
        """Those of some calls that have no record."""


class Records(Protocol):
    """Where calls that ended without us are noted."""

    def record_call(self, new: NewCall, *, ended_at: datetime, talk_s: int) -> None:
        """Note a call that is over; idempotent."""


class CloudReaper:
    """Sweeps in a thread of the worker. `number` is the line's own at Twilio; without one, no calls are looked for."""

    def __init__(
        self,
        cloud: Cloud,
        service: CallService,
        reports: Reports,
        records: Records,
        number: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._cloud = cloud
        self._service = service
        self._reports = reports
        self._records = records
        self._number = number
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="twilio", daemon=True)

    def start(self) -> None:
        """Sweep at once, and then again and again."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the sweep under way."""
        self._stop.set()
        self._thread.join(timeout=15)

    def sweep(self) -> None:
        """One comparison. Raises CloudError, and what the store raises."""
        now = self._clock()
        for call_id in self._reports.silent_calls("twilio", now - _SILENT_FOR, _MOST_CALLS):
            self._end_if_over(call_id)
        self._reports.note_visits("twilio", now - _LOOK_BACK)
        self._note_unreported(now)
        lying = {
            recording_path(one.call_sid, one.recording_sid): one
            for one in self._cloud.recordings_since(now - _LOOK_BACK)
            if CALL_SID.fullmatch(one.call_sid) and RECORDING_SID.fullmatch(one.recording_sid)
        }
        for path in self._reports.not_expected(lying):
            one = lying[path]
            self._reports.expect_recording(one.call_sid, one.recording_sid, path, now)
            structlog.get_logger().info("recording found", call_id=one.call_sid)
        if again := self._reports.try_again(lying, now):
            structlog.get_logger().info("recordings tried again", recordings=again)

    def _note_unreported(self, now: datetime) -> None:
        """Calls that were answered, and ended, while the store was away; one begun a moment ago may still be told."""
        if not self._number:
            return
        ended = {
            one.call_sid: one
            for one in self._cloud.calls_to(self._number, now - _LOOK_BACK)
            if CALL_SID.fullmatch(one.call_sid) and one.started_at < now - _SILENT_FOR
        }
        for call_id in sorted(self._reports.unknown_calls(ended)):
            one = ended[call_id]
            new = NewCall(call_id, "twilio", one.caller, one.dialled, one.started_at)
            ended_at = one.started_at + timedelta(seconds=one.lasted_s)
            self._records.record_call(new, ended_at=ended_at, talk_s=one.lasted_s)
            structlog.get_logger().info("call found", call_id=call_id)

    def _end_if_over(self, call_id: str) -> None:
        log = structlog.get_logger().bind(call_id=call_id)
        try:
            status = self._cloud.call(call_id).status
        except CloudError as error:
            # One call that Twilio does not know must not keep the others from their end.
            log.warning("a call cannot be compared", reason=str(error))
            return
        answer = self._service.pending(call_id) if status in OVER else None
        if answer is not None:
            self._service.step(call_id, answer.seq, events.CallerGone())
            log.info("call ended")

    def _run(self) -> None:
        while True:
            try:
                self.sweep()
            except CloudError as error:
                structlog.get_logger().warning("twilio cannot be compared with", reason=str(error))
            except Exception as error:  # noqa: BLE001 - the next sweep tries again
                structlog.get_logger().error("sweep failed", error=type(error).__name__)
            if self._stop.wait(_SWEEP_S):
                return
