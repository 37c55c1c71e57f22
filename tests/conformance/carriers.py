"""The three carriers that a script is run on: a phone without one, Asterisk's socket, Twilio's webhooks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from casebook.store.cases import QUERY_CODE
from casebook.store.schema import call, call_session, case_
from config.wiring import Hotline, utc_now
from ivr import events
from ivr.ports import NewCall
from ivr.simulator import HungUp, Simulator
from ivr.verbs import Leg
from tests.agi.conftest import RunningServer
from tests.agi.fake_asterisk import Caller, FakeAsterisk
from tests.conformance.scripts import Came
from tests.pbx.audio import voice_like, write_wav
from tests.pbx.rig import wait_for
from tests.twilio.conftest import TwilioLine, open_line, settings
from tests.twilio.fake_cloud import FakeCloud
from tests.twilio.fake_twilio import CallerLeft, Delivery, FakeTwilio
from transcription.audio import probe

_SAID_S = 3.0
NOBODY = "nobody"


class Carrier(Protocol):
    """Runs a caller's acts."""

    @property
    def hotline(self) -> Hotline:
        """The parts behind it."""

    def call(self, does: tuple[str, ...], *, withheld: bool = False) -> str:
        """A whole call, to its end in the store; its id."""


def came(hotline: Hotline, call_id: str) -> Came:
    """What the store says of a call."""
    with hotline.engine.connect() as connection:
        state = connection.execute(
            select(call_session.c.state, call_session.c.ended_at).where(call_session.c.call_id == call_id)
        ).one()
        assert state.ended_at is not None, "the call has no end"
        outcome = connection.execute(select(call.c.outcome).where(call.c.call_id == call_id)).scalar_one()
        rows = connection.execute(
            select(case_.c.demand, case_.c.state, case_.c.channel).where(case_.c.call_id == call_id)
        ).all()
    trace = tuple(json.loads(state.state)["trace"])
    return Came(trace, str(outcome), tuple((row.demand, row.state, row.channel) for row in rows))


def known_case(carrier: Carrier) -> tuple[str, str]:
    """Number and query code of a case that a caller has opened."""
    call_id = carrier.call(("press 2", "reach nobody", "say", "press 1", "wait"))
    with carrier.hotline.engine.connect() as connection:
        row = connection.execute(
            select(case_.c.case_no, case_.c.query_code_enc).where(case_.c.call_id == call_id)
        ).one()
    code = carrier.hotline.privacy.decrypt(row.query_code_enc, f"{QUERY_CODE}:{row.case_no}")
    return row.case_no.removeprefix("LYG"), code


# --- a phone without a carrier


@dataclass
class _Phone:
    does: list[str]
    said: Path
    left: bool = False

    def hear(self, clips: tuple[str, ...]) -> None:
        pass

    def press(self, max_digits: int) -> str:
        return self._next().removeprefix("wait").removeprefix("press ")

    def speak(self) -> Path | None:
        act = self._next()
        self.left = act == "say and leave"
        return None if act == "say nothing" else self.said

    def reach(self, leg: Leg) -> str:
        how = self._next().removeprefix("reach ")
        return "join_empty" if how == NOBODY else how

    def hung_up_after_speaking(self) -> bool:
        return self.left

    def _next(self) -> str:
        if not self.does or self.does[0] == "leave":
            raise HungUp
        return self.does.pop(0)


class SimulatorCarrier:
    """ivr.simulator, as `hotline call` uses it."""

    def __init__(self, hotline: Hotline, folder: Path) -> None:
        self.hotline: Hotline = hotline
        self._said = folder / "said.wav"
        write_wav(self._said, voice_like(_SAID_S))

    def call(self, does: tuple[str, ...], *, withheld: bool = False) -> str:
        new = NewCall(f"sim-{secrets.token_hex(6)}", "simulator", "" if withheld else "13812345678", "12345", utc_now())
        simulator = Simulator(self.hotline.service, self.hotline.settings.recordings_dir, probe)
        simulator.call(new, _Phone(list(does), self._said))
        return new.call_id


# --- Asterisk's socket, with real pyst2 on our side

_DIAL = {"answered": "ANSWER", "busy": "BUSY", "no_answer": "NOANSWER", "unavailable": "CHANUNAVAIL"}
_QUEUE = {"answered": "ANSWERED", NOBODY: "JOINEMPTY", "timeout": "TIMEOUT"}


class _LeavingAsterisk(FakeAsterisk):
    """Hangs up at the key "leave"."""

    def _obey(self, connection: object, line: bytes) -> bool:
        keys = self.caller.keys
        here = {b"WAIT": "wait", b"RECORD": "record"}.get(line.split()[0], "")
        if keys and keys[0] == (here, "leave"):
            keys.clear()
            self.caller.hang_up_at = len(self.heard.commands)
        return super()._obey(connection, line)  # type: ignore[arg-type]


class AsteriskCarrier:
    """The AGI server and driver, spoken to as Asterisk does."""

    def __init__(self, hotline: Hotline) -> None:
        self.hotline = hotline
        self.server = RunningServer(hotline.agi_driver.handle)

    def call(self, does: tuple[str, ...], *, withheld: bool = False) -> str:
        caller = _caller(does)
        if withheld:
            caller.number = "anonymous"
        asterisk = _LeavingAsterisk([self.server.port], self.hotline.settings.prompts_dir, caller)
        heard = asterisk.call()
        assert heard.violations == []
        assert not heard.fallback
        self.end_as_the_pbx_would(asterisk.call_id)
        return asterisk.call_id

    def end_as_the_pbx_would(self, call_id: str) -> None:
        """A hang-up in a queue or on a line is told by the PBX's manager interface (call_router/reaper.py)."""
        # A server still writes down what a caller said who hung up while speaking.
        wait_for(lambda: self.server.stats.active == 0, 10, "a call server does not let go of the call")
        service = self.hotline.service
        pending = service.pending(call_id)
        if pending is not None:
            service.step(call_id, pending.seq, events.CallerGone())


def _caller(does: tuple[str, ...]) -> Caller:
    caller = Caller()
    line = _lines_before_queues(does)
    for act in (*does, "leave"):
        word, _, rest = act.partition(" ")
        match word:
            case "press":
                caller.keys += [("wait", key) for key in rest]
                if 1 < len(rest) < 14 and len(rest) != 4:
                    caller.keys.append(("wait", ""))
            case "wait":
                caller.keys.append(("wait", ""))
            case "say":
                caller.speech.append(0.0 if rest == "nothing" else _SAID_S)
                caller.keys.append(("record", "leave" if rest == "and leave" else "#"))
            case "reach":
                target, results = (caller.dial, _DIAL) if next(line) else (caller.queue, _QUEUE)
                target.append(results[rest])
            case _:
                caller.keys.append(("wait", "leave"))
    return caller


def _lines_before_queues(does: tuple[str, ...]) -> Iterator[bool]:
    """Whether each attempt is made at a line: the first one after a submenu's key is."""
    at_line = does[:1] in (("press 9",), ("press 8",)) and does[1:2] != ("press 0",) and "wait" not in does[:3]
    at_line = at_line and does[2].startswith("reach")
    yield at_line
    while True:
        yield False


# --- Twilio's webhooks

_STATUS = {"answered": "completed", "busy": "busy", "no_answer": "no-answer", "unavailable": "failed"}
_AGENTS = {"answered": "completed", NOBODY: "busy", "timeout": "no-answer"}


@dataclass
class _Citizen:
    does: list[str]

    def press(self) -> str:
        return self._next().removeprefix("wait").removeprefix("press ")

    def skips(self) -> bool:
        return False

    def say(self) -> tuple[float, bool]:
        act = self._next()
        return (0.0 if act == "say nothing" else _SAID_S), act == "say and leave"

    def reach(self, kind: str) -> str:
        how = self._next().removeprefix("reach ")
        return (_STATUS | _AGENTS)[how]

    def _next(self) -> str:
        if not self.does or self.does[0] == "leave":
            raise CallerLeft
        return self.does.pop(0)


@dataclass
class TwilioCarrier:
    """The webhooks, spoken to as the cloud does; reports come twice, late and out of order."""

    line: TwilioLine
    delivery: Delivery = field(default_factory=lambda: Delivery(True, 1, True, True))

    @property
    def hotline(self) -> Hotline:
        return self.line.hotline

    def call(self, does: tuple[str, ...], *, withheld: bool = False) -> str:
        made = FakeTwilio(self.line.send, self.line.cloud, _Citizen(list(does)), self.delivery)
        if withheld:
            # As Twilio spells a caller whose number is restricted.
            made.number = "anonymous"
        heard = made.call()
        assert heard.violations == []
        assert set(heard.statuses) == {200}
        self.line.work()
        return made.call_sid


@contextmanager
def carrier(kind: str, folder: Path, cloud: FakeCloud) -> Iterator[Carrier]:
    """A carrier over a store of its own in `folder`."""
    hotline = Hotline(settings(folder, cloud))
    try:
        match kind:
            case "simulator":
                yield SimulatorCarrier(hotline, folder)
            case "asterisk":
                asterisk = AsteriskCarrier(hotline)
                try:
                    yield asterisk
                finally:
                    asterisk.server.stop()
            case _:
                line = open_line(hotline, cloud)
                with line.client:
                    yield TwilioCarrier(line)
    finally:
        hotline.close()
