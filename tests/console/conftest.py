"""A real browser in front of a real server: uvicorn on a free port, Chromium of the system, the console as built."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from casebook.console.build import CONSOLE_DIR, is_fresh
from tests.api.night import PASSWORD, REVIEWER, Night
from tests.conftest import free_port

CHROMIUM = Path(os.environ.get("HOTLINE_CHROMIUM", "/usr/bin/chromium"))
_FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Desk:
    """A running console with its night behind it."""

    url: str
    night: Night


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Closed with each file: Playwright keeps an event loop running in the thread meanwhile."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM} (install it, or set HOTLINE_CHROMIUM)")
    if not is_fresh():
        pytest.skip("the console is not built, or older than its sources: run `python -m casebook.console.build`")
    expect.set_options(timeout=40_000)  # the page polls every four seconds
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The server over an empty night."""
    with serving(Night(tmp_path, console_dir=CONSOLE_DIR / "dist")) as made:
        yield made


@contextmanager
def serving(night: Night) -> Iterator[Desk]:
    """The server over a night."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(night.app(), host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield Desk(f"http://127.0.0.1:{port}", night)
    server.should_exit = True
    thread.join(30)
    night.engine.dispose()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages that fail the test on any script error or refusal by the content security policy."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(width: int = 1366, height: int = 768, *, bypass_csp: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="UTC", bypass_csp=bypass_csp
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(40_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            # A refused request (401 before the sign-in, 409) is logged by the browser too; it is no fault of the page.
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A page of the reviewer's usual screen."""
    return new_page()


def sign_in(page: Page, desk: Desk, name: str = REVIEWER) -> None:
    """Sign a reviewer in."""
    page.goto(desk.url)
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("heading", name="夜间留言").wait_for()


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page where HOTLINE_SHOTS names a folder."""
    folder = os.environ.get("HOTLINE_SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
