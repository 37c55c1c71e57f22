"""The console as a person at a desk meets it, in Chromium over the real server.

    python -m benchmarks.console [--cases 2000]

Printed: what a first visit downloads and how long it takes until the first screen can be used, the same with a warm
cache, and how evenly a long list scrolls. The sizes are held by tests/console/test_sizes.py, times by nobody.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from casebook.console.build import CONSOLE_DIR
from tests.api.night import PASSWORD, REVIEWER, Night, minutes_ago
from tests.conftest import free_port
from tests.console.bundles import bundle
from tests.console.conftest import CHROMIUM

_SCROLL = """async () => {
  const list = [...document.querySelectorAll('*')].filter((one) => one.scrollHeight > one.clientHeight + 200
    && getComputedStyle(one).overflowY !== 'visible').sort((a, b) => b.scrollHeight - a.scrollHeight)[0]
  const frames = []
  let last = performance.now()
  for (let n = 0; n < 240 && list; n++) {
    list.scrollTop += 40
    const now = await new Promise(requestAnimationFrame)
    frames.push(now - last)
    last = now
  }
  return frames.slice(5)
}"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="voicemails in the list")
    chosen = parser.parse_args()
    for document in ("index.html", "public.html"):
        found = bundle(CONSOLE_DIR / "dist", document)
        print(
            f"{document}: {found.gzip_bytes / 1000:.1f} kB compressed before the first screen, {len(found.files)} files"
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), chosen.cases) as url,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        cold = [first_screen(browser, url) for _ in range(5)]
        print(f"sign-in form usable after {statistics.median(one[0] for one in cold):.0f} ms (median of 5 cold visits)")
        print(f"night's list usable {statistics.median(one[1] for one in cold):.0f} ms after signing in")
        page = signed_in(browser, url)
        more = page.get_by_role("button", name="更早的留言")
        while more.count():
            more.click()
            page.wait_for_timeout(150)
        frames = sorted(page.evaluate(_SCROLL))
        rows = page.locator("li[role=option], div[role=option]").count()
        if frames:
            p95 = frames[int(len(frames) * 0.95)]
            print(f"scrolling {rows} rows: median frame {statistics.median(frames):.1f} ms, p95 {p95:.1f} ms")
        browser.close()


@contextmanager
def served(folder: Path, voicemails: int) -> Iterator[str]:
    """The console over a night with so many messages."""
    night = Night(folder, console_dir=CONSOLE_DIR / "dist")
    for n in range(voicemails):
        night.voicemail(started_at=minutes_ago(1 + n * 600 / voicemails), seconds=0.1)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(night.app(), host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)
    night.engine.dispose()


def first_screen(browser: Browser, url: str) -> tuple[float, float]:
    """Milliseconds until the form of the sign-in is there, and from its button until a row of the list is."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url)
    page.get_by_label("用户名").wait_for()
    form = time.perf_counter() - began
    page.get_by_label("用户名").fill(REVIEWER)
    page.get_by_label("密码").fill(PASSWORD)
    began = time.perf_counter()
    page.get_by_role("button", name="登录").click()
    page.locator("li[role=option], div[role=option]").first.wait_for()
    used = time.perf_counter() - began
    context.close()
    return form * 1000, used * 1000


def signed_in(browser: Browser, url: str) -> Page:
    """The reviewer's page."""
    page = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN").new_page()
    page.goto(url)
    page.get_by_label("用户名").fill(REVIEWER)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.locator("li[role=option], div[role=option]").first.wait_for()
    return page


if __name__ == "__main__":
    main()
