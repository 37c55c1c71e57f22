"""What the PBX tells of call-backs: a telephone at the desk that is not answered gives the task back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from call_router.leg_events import LegEvents
from casebook.privacy import Privacy
from casebook.store import open_engine, upgrade
from casebook.store.callbacks import Callbacks, book
from casebook.store.calls import insert_call
from casebook.store.legs import Legs
from ivr.ports import NewCall

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Record:
    """A store with a task that li-2 holds."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_engine(f"sqlite:///{folder / 'hotline.db'}")
        upgrade(self.engine)
        privacy = Privacy("a secret of forty characters, for tests..")
        self.callbacks = Callbacks(self.engine, privacy)
        with self.engine.begin() as connection:
            insert_call(connection, privacy, NewCall("a-1.1", "asterisk", "13800138000", "12345", NOW), "abandoned")
            assert book(connection, "a-1.1", "abandoned", NOW)
        (task,) = self.callbacks.open_tasks()
        self.task = task.id
        self.callbacks.claim(self.task, "li-2", NOW)

    def told(self, **event: str) -> list[tuple[str, str | None]]:
        """An event is told; the open tasks after it."""

        async def tell() -> None:
            events = LegEvents(Legs(self.engine), self.callbacks, lambda: NOW)
            events.on_event(event)
            async with asyncio.timeout(20):
                await asyncio.gather(*events._tasks)

        asyncio.run(tell())
        return [(one.state, one.claimed_by) for one in self.callbacks.open_tasks()]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    made = Record(tmp_path)
    yield made
    made.engine.dispose()


def test_an_agents_telephone_that_is_not_answered_gives_the_call_back_back(record: Record) -> None:
    action = f"callback-{record.task}-li-2"
    answered = {"Event": "OriginateResponse", "ActionID": action, "Response": "Success", "Reason": "4"}
    assert record.told(**answered) == [("claimed", "li-2")]
    assert record.told(**answered | {"Response": "Failure", "Reason": "3"}) == [("open", None)]


def test_the_late_word_of_another_agents_attempt_changes_nothing(record: Record) -> None:
    late = {"Event": "OriginateResponse", "ActionID": f"callback-{record.task}-wang", "Response": "Failure"}
    assert record.told(**late) == [("claimed", "li-2")]
