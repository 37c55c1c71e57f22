"""What is loaded before the first screen stays small, and every screen is a file of its own."""

from __future__ import annotations

import re

import pytest

from casebook.console.build import CONSOLE_DIR, is_fresh
from tests.console.bundles import bundle

DIST = CONSOLE_DIR / "dist"
pytestmark = pytest.mark.skipif(not is_fresh(), reason="the console is not built, or older than its sources")


def test_the_console_loads_less_than_250_kb_before_its_first_screen() -> None:
    found = bundle(DIST, "index.html")
    print(f"console: {found.gzip_bytes} bytes compressed")  # noqa: T201 - the figure is the point
    assert 10_000 < found.gzip_bytes < 250_000


def test_the_citizens_page_carries_nothing_of_the_console() -> None:
    found = bundle(DIST, "public.html")
    print(f"public page: {found.gzip_bytes} bytes compressed")  # noqa: T201
    assert 10_000 < found.gzip_bytes < 80_000
    text = "".join((DIST / name).read_text(encoding="utf-8") for name in found.files)
    assert "夜间留言" not in text
    assert "受理编号" in text


def test_every_screen_is_a_file_that_is_loaded_when_it_is_opened() -> None:
    source = (CONSOLE_DIR / "src/shell/screens.ts").read_text(encoding="utf-8")
    screens = re.findall(r"import\('\.\./\w+/(\w+)\.vue'\)", source)
    assert {"NightPage", "AdminPage"} <= set(screens)
    at_once = bundle(DIST, "index.html").files
    for name in screens:
        files = [f"assets/{one.name}" for one in (DIST / "assets").glob(f"{name}-*.js")]
        assert files, f"{name} has no file of its own"
        assert not set(files) & at_once, f"{name} is loaded before it is opened"
