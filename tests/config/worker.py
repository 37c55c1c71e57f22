"""The worker's jobs without a broker: one after another, in this process, over a real store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from casebook.store.schema import outbox
from casebook.store.voicemails import VoicemailItem
from config import jobs
from config.wiring import Hotline, utc_now
from ivr.events import CaseOpened
from ivr.ports import KeptRecording, NewCall, OpenVoicemailCase, SessionRow


@dataclass
class Worker:
    """One worker's jobs, run one after another in this process."""

    hotline: Hotline
    jobs: jobs.Jobs
    made: int = 0

    def voicemail(self) -> tuple[str, Path]:
        """A kept recording's case, and where its file should be."""
        self.made += 1
        call_id, path = f"lyg1-1763910000.{self.made}", f"d/{self.made}.wav"
        now = utc_now()
        with self.hotline.store.transaction() as unit:
            call = NewCall(call_id, "asterisk", "13812345678", "12345", now)
            unit.create_call(call, SessionRow(call_id, "rev", 0, 0, {}, ()))
            unit.save_recording(call_id, KeptRecording(path, 4000, 4000, "00", True, 3), now)
            opened = unit.open_by_voicemail(call_id, OpenVoicemailCase(path, "help"), now)
        target = self.hotline.recordings.root / path
        target.parent.mkdir(exist_ok=True)
        assert isinstance(opened, CaseOpened)
        return opened.case_no, target

    def work(self) -> None:
        """Do all that is due."""
        while due := self.jobs.outbox.due(utc_now(), limit=100):
            for job in due:
                jobs.run_job(self.jobs, job.id, "test")

    def item(self, case_no: str) -> VoicemailItem:
        return self.hotline.voicemails.get(case_no)

    def states(self) -> list[tuple[str, int, str | None]]:
        """State, attempts and last error of every job."""
        with self.hotline.engine.connect() as connection:
            columns = (outbox.c.state, outbox.c.attempts, outbox.c.last_error)
            return [tuple(row) for row in connection.execute(select(*columns).order_by(outbox.c.id))]
