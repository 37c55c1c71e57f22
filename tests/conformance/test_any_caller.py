"""Whatever a caller does, on whichever carrier: the call ends, with one case at most, and no server breaks."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator

from casebook.store.schema import call_session, case_
from config.wiring import Hotline, utc_now
from ivr.ports import NewCall
from ivr.simulator import HungUp, Simulator
from ivr.verbs import Leg
from tests.agi.fake_asterisk import Caller, FakeAsterisk
from tests.conformance.carriers import AsteriskCarrier, SimulatorCarrier, TwilioCarrier, carrier
from tests.pbx.audio import voice_like, write_wav
from tests.pbx.rig import wait_for
from tests.twilio.conftest import empty_database
from tests.twilio.fake_cloud import ACCOUNT_SID, TOKEN, fake_cloud
from tests.twilio.fake_twilio import PUBLIC_URL, CallerLeft, Delivery, FakeTwilio
from transcription.audio import probe

__all__ = ["empty_database"]
BOUND = 60
"""Steps after which the flow itself ends a call (limits.steps of flow.yaml)."""
MANY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
KEYS = st.text("0123456789*#", max_size=15)
SAYS = st.tuples(st.sampled_from([0.0, 0.3, 2.0]), st.sampled_from([False, False, True]))
OUTCOMES = ["completed", "busy", "no-answer", "failed", "canceled", "mailbox", "nonsense", ""]
LEAVES = st.sampled_from([False] * 15 + [True])
ACTS = st.lists(st.tuples(KEYS, SAYS, st.sampled_from(OUTCOMES), LEAVES), max_size=20)
Act = tuple[str, tuple[float, bool], str, bool]


@dataclass
class Anybody:
    """Does one thing after another, then nothing for ever; hangs up where the list says so."""

    acts: list[Act]
    said: Path
    waits: int = 0
    spoke: bool = False

    def _next(self, error: type[Exception]) -> Act:
        self.waits += 1
        assert self.waits <= 2 * BOUND, "the call does not end"
        act = self.acts.pop(0) if self.acts else ("", (0.0, False), "no-answer", False)
        if act[3]:
            raise error
        return act


_numbers = itertools.count(1)


class Citizen(Anybody):
    """At Twilio."""

    def press(self) -> str:
        return self._next(CallerLeft)[0]

    def skips(self) -> bool:
        return False

    def say(self) -> tuple[float, bool]:
        return self._next(CallerLeft)[1]

    def reach(self, kind: str) -> str:
        return self._next(CallerLeft)[2]


class Phone(Anybody):
    """At the phone without a carrier."""

    def hear(self, clips: tuple[str, ...]) -> None:
        pass

    def press(self, max_digits: int) -> str:
        return self._next(HungUp)[0]

    def speak(self) -> Path | None:
        seconds, self.spoke = self._next(HungUp)[1]
        return self.said if seconds else None

    def reach(self, leg: Leg) -> str:
        return self._next(HungUp)[2]

    def hung_up_after_speaking(self) -> bool:
        return self.spoke


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("said") / "said.wav"
    write_wav(file, voice_like(2))
    return file


@pytest.fixture(scope="module")
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[Any]:
    """The carrier that a test names."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(empty_database, folder / "hotline.db")
    with fake_cloud() as listening, carrier(request.param, folder, listening) as line:
        yield line
        assert listening.violations == []


def is_over_with_one_case_at_most(hotline: Hotline, call_id: str) -> None:
    with hotline.engine.connect() as connection:
        of_call = select(call_session.c.ended_at).where(call_session.c.call_id == call_id)
        assert connection.execute(of_call).scalar_one() is not None
        count = select(func.count()).select_from(case_).where(case_.c.call_id == call_id)
        assert connection.execute(count).scalar_one() <= 1


@pytest.mark.parametrize("opened", ["twilio"], indirect=True)
@MANY
@given(
    acts=ACTS,
    twice=st.booleans(),
    early=st.booleans(),
    lost=st.booleans(),
    replays=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_on_twilio(
    opened: TwilioCarrier, said: Path, acts: list[Act], twice: bool, early: bool, lost: bool, replays: int, seed: int
) -> None:
    delivery = Delivery(twice, replays, status_first=early, recording_first=early, recording_lost=lost, seed=seed)
    made = FakeTwilio(opened.line.send, opened.line.cloud, Citizen(list(acts), said), delivery)
    heard = made.call()
    assert heard.violations == []
    assert set(heard.statuses) == {200}
    opened.line.work()
    is_over_with_one_case_at_most(opened.hotline, made.call_sid)


@pytest.mark.parametrize("opened", ["simulator"], indirect=True)
@MANY
@given(acts=ACTS)
def test_on_the_phone_without_a_carrier(opened: SimulatorCarrier, said: Path, acts: list[Act]) -> None:
    hotline = opened.hotline
    new = NewCall(f"any-{next(_numbers)}", "simulator", "", "12345", utc_now())
    Simulator(hotline.service, hotline.settings.recordings_dir, probe).call(new, Phone(list(acts), said))
    is_over_with_one_case_at_most(hotline, new.call_id)


@pytest.mark.parametrize("opened", ["asterisk"], indirect=True)
@MANY
@given(
    keys=st.lists(
        st.tuples(st.sampled_from(["wait", "record", "menu_main"]), st.sampled_from(["", *"0123456789*#"])), max_size=30
    ),
    speech=st.lists(st.sampled_from([0.0, 0.3, 2.0]), max_size=4),
    queue=st.lists(st.sampled_from(["ANSWERED", "TIMEOUT", "JOINEMPTY", "FULL", "nonsense", ""]), max_size=4),
    dial=st.lists(st.sampled_from(["ANSWER", "BUSY", "NOANSWER", "CHANUNAVAIL", "nonsense", ""]), max_size=4),
    hang_up_at=st.none() | st.integers(0, 60),
    how=st.sampled_from(["silent", "minus_one", "dead_channel", "after_reply"]),
)
def test_on_asterisk(opened: AsteriskCarrier, how: Any, **does: Any) -> None:
    server = opened.server
    broken = server.stats.failed
    asterisk = FakeAsterisk([server.port], opened.hotline.settings.prompts_dir, Caller(hang_up=how, **does))
    heard = asterisk.call()
    assert not heard.fallback
    wait_for(lambda: server.stats.active == 0, 10, "a call server does not let go of the call")
    assert server.stats.failed == broken
    opened.end_as_the_pbx_would(asterisk.call_id)
    is_over_with_one_case_at_most(opened.hotline, asterisk.call_id)


PATHS = st.sampled_from(
    ["voice", "recording", "status", "fallback", "whisper", "hold?limit=5", "made/survey", "made/call_back", "made/x"]
) | st.builds(
    "step/{}/{}".format, st.integers(0, 12), st.sampled_from(["gather", "beep", "record", "dial", "queue", "nonsense"])
)
WORDS = st.sampled_from(
    ["", "completed", "busy", "in-progress", "1", "0", "9", "#", "hangup", "bridged", "你好", "\x00'"]
)
FORMS = st.dictionaries(
    st.sampled_from(
        ["CallStatus", "Digits", "DialCallStatus", "DialBridged", "QueueResult", "RecordingDuration", "From", "To"]
    ),
    WORDS | st.text(max_size=40),
)


@pytest.mark.parametrize("opened", ["twilio"], indirect=True)
@MANY
@given(requests=st.lists(st.tuples(PATHS, FORMS, st.booleans()), min_size=1, max_size=15), number=st.integers(0, 2**60))
def test_any_signed_requests_in_any_order_are_answered_with_a_document(
    opened: TwilioCarrier, requests: list[tuple[str, dict[str, str], bool]], number: int
) -> None:
    call_sid = f"CA{number:032x}"
    for path, form, recorded in requests:
        fields = {"AccountSid": ACCOUNT_SID, "CallSid": call_sid, **form}
        if recorded:
            fields["RecordingSid"] = opened.line.cloud.record(call_sid, 1)
        signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC_URL}/twilio/{path}", fields)
        headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(fields, errors="replace").encode()
        answer = opened.line.send("POST", f"/twilio/{path}", headers, body)
        assert answer.status_code == 200
        assert "<Response" in answer.text
    with opened.hotline.engine.connect() as connection:
        count = select(func.count()).select_from(case_).where(case_.c.call_id == call_sid)
        assert connection.execute(count).scalar_one() <= 1
