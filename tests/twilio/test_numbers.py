"""Lines that Twilio dials by a number of their own, and who is asked to press a key before the citizen is let in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from call_router.directory import Directory, DirectoryError
from config.settings import CITY
from config.wiring import Hotline
from tests.twilio.conftest import TwilioLine, open_line, settings
from tests.twilio.fake_cloud import FakeCloud

NUMBERS = {"110": '"+8651885555110"', "12315": '"+8651812315000"', "12333": '"sip:desk@social.example:5061"'}


def city(folder: Path, numbers: dict[str, str]) -> Path:
    """The project's city, with numbers for some of its lines."""
    folder.mkdir()
    for file in CITY.iterdir():
        if file.name != "lines.yaml":
            (folder / file.name).symlink_to(file)
    text = (CITY / "lines.yaml").read_text(encoding="utf-8")
    for name, number in numbers.items():
        text, count = re.subn(rf'("{name}": \{{name: [^,]+,)', rf"\1 twilio: {number},", text)
        assert count == 1
    (folder / "lines.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def numbered(tmp_path: Path, empty_database: Path, cloud: FakeCloud) -> Iterator[TwilioLine]:
    shutil.copy(empty_database, tmp_path / "hotline.db")
    hotline = Hotline(settings(tmp_path, cloud, city_dir=city(tmp_path / "city", NUMBERS)))
    opened = open_line(hotline, cloud)
    with opened.client:
        yield opened
    hotline.close()


def test_whoever_answers_a_number_presses_1_and_the_citizen_is_let_in(numbered: TwilioLine) -> None:
    made = numbered.call("8", "1", "completed")
    assert made.heard.dialled == ["+8651812315000"]
    assert made.heard.clips[-2:] == ["whisper_accept", "whisper_accept"]
    assert 'callerId="+8651812345000"' in made.heard.documents[-2]
    assert numbered.outcome(made.call_sid) == "transferred"


def test_a_mailbox_that_answers_does_not_swallow_the_citizen(numbered: TwilioLine) -> None:
    made = numbered.call("8", "1", "mailbox", "completed")
    assert made.heard.dialled == ["+8651812315000", "sip:queue-agents@pbx.example:5060"]
    assert "transfer_failed" in made.heard.clips
    assert numbered.outcome(made.call_sid) == "answered"


def test_an_emergency_line_is_not_asked_for_a_key(numbered: TwilioLine) -> None:
    made = numbered.call("9", "1", "completed")
    assert made.heard.dialled == ["+8651885555110"]
    assert "whisper_accept" not in made.heard.clips
    assert numbered.outcome(made.call_sid) == "transferred"


def test_a_line_may_have_a_sip_address_of_its_own(numbered: TwilioLine) -> None:
    made = numbered.call("8", "2", "completed")
    assert made.heard.dialled == ["sip:desk@social.example:5061"]


@pytest.mark.parametrize(("key", "address"), [("3", "sip:reach-carrier-12319"), ("7", "sip:reach-carrier-114")])
def test_a_line_without_one_goes_through_the_pbx(numbered: TwilioLine, key: str, address: str) -> None:
    made = numbered.call("8", key, "completed")
    assert made.heard.dialled == [f"{address}@pbx.example:5060"]


def test_an_emergency_line_through_the_pbx_is_marked_as_one(numbered: TwilioLine) -> None:
    assert numbered.call("9", "2", "completed").heard.dialled == ["sip:sos-psap-119@pbx.example:5060"]


@pytest.mark.parametrize("number", ['"110"', '"08008"', '"tel:+86110"', '"sip:a b@c"', '"+1; x"'])
def test_what_twilio_cannot_dial_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(DirectoryError, match=r"lines.yaml: lines.12315.twilio"):
        Directory.load(city(tmp_path / "city", {"12315": number}) / "lines.yaml")
