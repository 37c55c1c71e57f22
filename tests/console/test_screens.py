"""Every screen of the console and the public page: photographed, and free of serious faults of accessibility.

Which screens there are is read from the built console: from the navigation that each role gets. HOTLINE_SCREENS names a
folder that gets the pictures: `docs/screens` for those of the manual.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from casebook import roles
from tests.api.night import PASSWORD
from tests.console import town
from tests.console.conftest import Desk
from tests.console.pictures import MOST_BYTES, faults, overflows, save_picture

# By hand where nothing in the address opens a screen's parts: a screen may be photographed more than once.
PARTS = {"/admin": ("/admin/users", "/admin/shifts", "/admin/calendar", "/admin/city", "/admin/log")}
EVERYBODYS = ("/account",)
DARK = {"light": ".", "dark": "dark"}
"""Folders of the pictures; the manual has the light ones."""
SHOWN_FIRST = (roles.DISPATCHER, roles.REVIEWER, roles.SHIFT_LEADER, roles.AGENT)
"""Whose view of a screen is photographed where several roles see it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go."""
    named = os.environ.get("HOTLINE_SCREENS")
    made = Path(named) if named else tmp_path / "screens"
    (made / DARK["dark"]).mkdir(parents=True, exist_ok=True)
    return made


def sign_in(page: Page, desk: Desk, name: str) -> None:
    page.goto(desk.url)
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("navigation", name="页面").wait_for(state="attached")  # empty for a role without screens


def screens_of(page: Page) -> list[str]:
    """The addresses in somebody's navigation."""
    links = page.locator("nav.screens a").all()
    return [str(link.get_attribute("href")).removeprefix("#") for link in links]


def settle(page: Page) -> None:
    """Wait until the page has read what it shows."""
    page.wait_for_load_state("load")
    expect(page.get_by_text("正在读取")).to_have_count(0)
    expect(page.get_by_text("正在打开")).to_have_count(0)
    page.wait_for_timeout(400)


@pytest.fixture
def house(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    """Everybody at work."""
    (tmp_path / "house").mkdir()
    with town.at_work(tmp_path / "house") as running:
        yield running


def test_every_screen_is_photographed_and_without_serious_faults(
    house: Desk, new_page: Callable[..., Page], folder: Path
) -> None:
    desk = house
    pages: dict[str, Page] = {}
    seen: dict[str, str] = {}
    order = [*SHOWN_FIRST, *(role for role in roles.STAFF if role not in SHOWN_FIRST)]
    for role in order:
        page = pages[role] = new_page()
        sign_in(page, desk, role)
        for path in screens_of(page):
            seen.setdefault(path, role)
    assert {"/voicemails", "/admin"} <= set(seen), "the navigation was not read"
    seen |= {"/admin": roles.ADMIN, "/desk": roles.AGENT, "/voicemails": roles.REVIEWER, "/leader": roles.LEADER}
    addresses = [(part, role) for path, role in seen.items() for part in PARTS.get(path, (path,))]
    addresses += [(path, roles.LIAISON) for path in EVERYBODYS]
    painter = new_page()
    painter.goto("about:blank")
    found: list[str] = []
    for address, role in addresses:
        page = pages[role]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(f"{desk.url}/#{address}")
            settle(page)
            page.keyboard.press("j")  # opens the first of a list, where there is one
            settle(page)
            found += [f"{address} ({scheme}): {fault}" for fault in faults(page)]
            found += [f"{address}: wider than the screen"] * overflows(page)
            name = address.strip("/").replace("/", "-")
            length = save_picture(painter, page.screenshot(), folder / DARK[scheme] / f"{name}.png")
            assert length < MOST_BYTES, f"{name}.png has {length} bytes"
    assert found == []
    pictured = {one.stem for one in folder.glob("*.png")}
    assert {path.strip("/").replace("/", "-") for path, _ in addresses} <= pictured


def test_the_public_page_is_photographed_and_without_serious_faults(
    desk: Desk, new_page: Callable[..., Page], folder: Path
) -> None:
    painter = new_page()
    painter.goto("about:blank")
    found: list[str] = []
    for scheme, width in (("light", 360), ("dark", 360), ("light", 1366)):
        page = new_page(width=width, height=740)
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for part in ("progress", "demand"):
            page.goto(f"{desk.url}/public#{part}")
            page.reload()
            settle(page)
            found += [f"{part} ({scheme}, {width}): {fault}" for fault in faults(page)]
            found += [f"{part} ({width}): wider than the screen"] * overflows(page)
            if width < 1000:
                path = folder / DARK[scheme] / f"public-{part}.png"
                assert save_picture(painter, page.screenshot(), path) < MOST_BYTES
    assert found == []


def test_the_sign_in_is_photographed_and_without_serious_faults(
    desk: Desk, new_page: Callable[..., Page], folder: Path
) -> None:
    page, painter = new_page(), new_page()
    page.goto(desk.url)
    page.get_by_label("用户名").wait_for()
    assert faults(page) == []
    painter.goto("about:blank")
    assert save_picture(painter, page.screenshot(), folder / "sign-in.png") < MOST_BYTES
