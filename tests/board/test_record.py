"""The keeper of the telephone's record: what the log does not tell, a missing call does; half hours are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from call_router import telephone_record
from call_router.ami import AmiError
from call_router.queue_log import QueueLog
from call_router.telephone_record import TelephoneRecord
from casebook.indicators_telephone import WAITING
from casebook.store.telephone import LOST, Telephone
from casebook.store.telephone_figures import TelephoneFigures
from tests.store.conftest import Store

NOW = datetime(2026, 11, 24, 1, 40, tzinfo=UTC)
ENTERED = int((NOW - timedelta(minutes=30)).timestamp())
CALL = "lyg1-1.1"


class Pbx:
    """The PBX as the manager interface shows it; `live` is None while it is away."""

    def __init__(self) -> None:
        self.live: set[str] | None = None
        self.actions: list[str] = []

    async def channels(self) -> set[str]:
        """Who is there."""
        if self.live is None:
            raise AmiError("away")
        return self.live

    async def action(self, name: str, /, **fields: str) -> Mapping[str, str]:
        """Noted."""
        if self.live is None:
            raise AmiError("away")
        self.actions.append(name)
        return {}


@pytest.fixture
def pbx(tmp_path: Path) -> Pbx:
    (tmp_path / "queue_log").write_text(f"{ENTERED}|{CALL}|agents|NONE|ENTERQUEUE|||1\n", encoding="utf-8")
    return Pbx()


@pytest.fixture
def record(store: Store, tmp_path: Path, pbx: Pbx) -> TelephoneRecord:
    telephone = Telephone(store.engine)
    log = QueueLog(tmp_path, telephone, "lyg1")
    figures = TelephoneFigures(store.engine)
    return TelephoneRecord(pbx, log, telephone, figures, source="lyg1", clock=lambda: NOW)


def outcomes(store: Store) -> list[str]:
    return [visit.outcome for visit in Telephone(store.engine).visits(NOW - timedelta(days=1), NOW)]


async def run_until(record: TelephoneRecord, condition: Callable[[], bool]) -> None:
    task = asyncio.create_task(record.run())
    try:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_while_the_pbx_is_away_nobody_is_taken_for_gone(record: TelephoneRecord, store: Store) -> None:
    asyncio.run(record.read())
    assert outcomes(store) == [WAITING]


def test_a_visit_goes_on_while_its_call_is_there_and_ends_with_it(
    record: TelephoneRecord, store: Store, pbx: Pbx
) -> None:
    pbx.live = {CALL}
    asyncio.run(record.read())
    assert outcomes(store) == [WAITING]
    pbx.live = set()
    asyncio.run(record.read())
    assert outcomes(store) == [LOST]


def test_the_half_hours_are_kept_and_the_log_is_put_away(
    record: TelephoneRecord, store: Store, pbx: Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telephone_record, "_ROTATE_S", 0.0)
    pbx.live = set()
    asyncio.run(run_until(record, lambda: "LoggerRotate" in pbx.actions))
    assert TelephoneFigures(store.engine).kept(datetime(2026, 11, 24, 1, 0, tzinfo=UTC))
