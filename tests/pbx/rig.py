"""A real Asterisk on free ports, for one test or a module."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from socket import SOCK_DGRAM

import pytest

from asterisk_conf.install import PbxInstallError, install, is_installed
from asterisk_conf.process import Pbx
from asterisk_conf.render import Agent, PbxConfig, Trunk, render
from tests.conftest import REPOSITORY, free_port

PROMPTS = REPOSITORY / "config" / "city" / "prompts"


@pytest.fixture(scope="session")
def pbx_prefix() -> Path:
    """An installed Asterisk; brought once, kept for the next run."""
    prefix = Path(os.environ.get("HOTLINE_TEST_PBX_PREFIX", REPOSITORY / "build" / "asterisk"))
    if not is_installed(prefix):
        try:
            install(prefix, report=lambda _: None)
        except PbxInstallError as error:
            pytest.skip(str(error))
    return prefix


def config_of(prefix: Path, folder: Path, agi_servers: tuple[str, ...], **changes: object) -> PbxConfig:
    """A configuration on free ports under `folder`."""
    rtp = 20000 + (os.getpid() * 1000 + free_port()) % 8000 // 2 * 2
    config = PbxConfig(
        prefix=prefix,
        directory=folder / "pbx",
        sip_host="127.0.0.1",
        sip_port=free_port(SOCK_DGRAM),
        rtp_start=rtp,
        rtp_end=rtp + 1998,
        ami_port=free_port(),
        ami_secret="ami-secret-for-tests",
        system_name="test1",
        agi_servers=agi_servers,
        prompts_dir=PROMPTS,
        recordings_dir=folder / "recordings",
        calls_dir=folder / "calls",
        allow_anonymous=True,
    )
    return replace(config, **changes)  # type: ignore[arg-type]


class Rig:
    """A running PBX and what a test asks of it."""

    def __init__(self, config: PbxConfig) -> None:
        self.config = config
        self.pbx = Pbx(config)

    def start(self) -> None:
        """Render and boot."""
        render(self.config)
        self.pbx.start()

    def channels(self) -> int:
        """How many channels there are."""
        for line in self.pbx.cli("core show channels count").splitlines():
            if "active channel" in line:
                return int(line.split()[0])
        raise AssertionError("the PBX does not answer")

    def wait_idle(self, seconds: float = 20) -> None:
        """Wait until no channel is left."""
        wait_for(lambda: self.channels() == 0, seconds, "channels stay")


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"after {seconds} s: {what}")


@contextmanager
def running(config: PbxConfig) -> Iterator[Rig]:
    """A PBX for as long as the block lasts."""
    rig = Rig(config)
    rig.start()
    try:
        yield rig
    finally:
        rig.pbx.stop()


__all__ = ["Agent", "Trunk", "config_of", "pbx_prefix", "running", "wait_for"]
