"""One flow, three drivers: every caller of scripts.yaml walks the same nodes and leaves the same case on each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.carriers import Carrier, came, carrier, known_case
from tests.conformance.scripts import Script, all_exits, exits_taken, scripts, wanted
from tests.ivr.line import city_flow
from tests.twilio.conftest import cloud, empty_database
from tests.twilio.fake_cloud import fake_cloud

__all__ = ["cloud", "empty_database"]
SCRIPTS = scripts()


@pytest.fixture(scope="module", params=["simulator", "asterisk", "twilio"])
def line(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[tuple[Carrier, tuple[str, str]]]:
    """A carrier, and the number and code of a case that is there."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(empty_database, folder / "hotline.db")
    with fake_cloud() as listening, carrier(request.param, folder, listening) as opened:
        yield opened, known_case(opened)
        assert listening.violations == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_caller_walks_the_same_way_on_every_carrier(line: tuple[Carrier, tuple[str, str]], script: Script) -> None:
    opened, case = line
    call_id = opened.call(script.told(*case), withheld=script.withheld)
    assert came(opened.hotline, call_id) == wanted(script)


def test_the_scripts_take_every_exit_of_every_node() -> None:
    flow = city_flow()
    taken = {exit_ for script in SCRIPTS for exit_ in exits_taken(flow, script)}
    assert sorted(all_exits(flow) - taken) == []
    assert taken <= all_exits(flow)


def test_an_exit_that_no_script_takes_is_found() -> None:
    flow = city_flow()
    fewer = [script for script in SCRIPTS if script.name != "police"]
    taken = {exit_ for script in fewer for exit_ in exits_taken(flow, script)}
    assert all_exits(flow) - taken == {("to_110", "answered")}


def test_no_two_scripts_are_called_alike() -> None:
    assert len({script.name for script in SCRIPTS}) == len(SCRIPTS)
