"""The city's flow on a phone without a carrier, over the real store: callers as scripts, the case at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from casebook.privacy import Privacy
from casebook.store import open_engine, upgrade
from casebook.store.calls import SqlCallStore
from casebook.store.schema import call, case_
from ivr.ports import NewCall
from ivr.service import CallService
from ivr.simulator import HungUp, Simulator, TerminalPhone
from ivr.verbs import Leg
from tests.ivr.line import city_flow
from tests.pbx.audio import voice_like, write_wav
from tests.router.city import city_router
from transcription.audio import probe


@dataclass
class Script:
    """A caller who does what the script says, and hangs up when it is over."""

    does: list[str]
    said: Path
    hangs_up_speaking: bool = False
    heard: list[str] = field(default_factory=list)

    def hear(self, clips: tuple[str, ...]) -> None:
        self.heard += clips

    def press(self, max_digits: int) -> str:
        return self._next()

    def speak(self) -> Path | None:
        return self.said if self._next() == "speak" else None

    def reach(self, leg: Leg) -> str:
        return self._next()

    def hung_up_after_speaking(self) -> bool:
        return self.hangs_up_speaking

    def _next(self) -> str:
        if not self.does:
            raise HungUp
        return self.does.pop(0)


@dataclass(frozen=True)
class Line:
    store: SqlCallStore
    simulator: Simulator
    said: Path

    def call(self, *does: str, hangs_up_speaking: bool = False) -> Script:
        script = Script(list(does), self.said, hangs_up_speaking)
        self.simulator.call(NewCall("sim-1", "simulator", "13800138000", "12345", datetime.now(UTC)), script)
        return script

    def outcome(self) -> str:
        with self.store.engine.connect() as connection:
            return str(connection.execute(select(call.c.outcome)).scalar_one())

    def case_no(self) -> str | None:
        with self.store.engine.connect() as connection:
            return connection.execute(select(case_.c.case_no)).scalar_one_or_none()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    engine = open_engine(f"sqlite:///{tmp_path / 'hotline.db'}")
    upgrade(engine)
    store = SqlCallStore(engine, Privacy("a secret of forty characters, for tests.."))
    service = CallService(store, city_router(), city_flow(), lambda: datetime.now(UTC))
    write_wav(tmp_path / "said.wav", voice_like(3))
    yield Line(store, Simulator(service, tmp_path / "recordings", probe), tmp_path / "said.wav")
    engine.dispose()


def test_a_voicemail_becomes_a_case_whose_number_is_read(line: Line) -> None:
    script = line.call("2", "join_empty", "speak", "1", "")
    read = "".join(clip[-1] for clip in script.heard if clip.startswith("digits/"))
    assert line.case_no() == "LYG" + read[:14]
    assert script.heard[-1] == "goodbye"
    assert line.outcome() == "voicemail"


@pytest.mark.parametrize(
    ("does", "outcome"),
    [
        ((), "abandoned"),
        (("0", "answered"), "answered"),
        (("9", "1", "answered"), "transferred"),
        (("9", "1", "busy", "answered"), "answered"),
        (("", "join_empty", "silence", "silence"), "missed"),
        (("2", "join_empty", "speak"), "voicemail"),
        (("8", "1", "no_answer", "join_empty", "speak", "3", "speak", "2", "1"), "voicemail"),
        (
            ("5", "20991231000001#", "0000#", "20991231000001#", "0000#", "20991231000001#", "0000#", "answered"),
            "answered",
        ),
    ],
)
def test_every_way_through_the_flow_ends_in_a_record(line: Line, does: tuple[str, ...], outcome: str) -> None:
    line.call(*does)
    assert line.outcome() == outcome
    assert (line.case_no() is not None) == (outcome == "voicemail")


def test_hanging_up_while_speaking_keeps_the_voicemail(line: Line) -> None:
    line.call("2", "join_empty", "speak", hangs_up_speaking=True)
    assert line.outcome() == "voicemail"


def test_the_terminal_phone_refuses_what_is_no_key_and_hangs_up_at_the_end_of_input(line: Line) -> None:
    typed = iter(["x", "2", "", "/no/such/file", str(line.said), "1"])
    written: list[str] = []

    def read(question: str) -> str:
        written.append(question)
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    phone = TerminalPhone(lambda clip: f"[{clip}]", written.append, read)
    line.simulator.call(NewCall("sim-2", "simulator", "", "12345", datetime.now(UTC)), phone)
    assert "只能输入数字、* 和 #。" in written
    assert "没有这个文件。" in written
    assert line.outcome() == "voicemail"
