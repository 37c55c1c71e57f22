"""Ten thousand voicemails in the list: it scrolls as a short one does."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import insert

from casebook.store.schema import call, case_, recording, transcript
from tests.api.night import Night, minutes_ago
from tests.console.conftest import Desk, shot, sign_in
from tests.console.test_review import rows

MANY = 10_000
_SCROLL = """async () => {
  const list = document.querySelector('[role=listbox]')
  list.scrollTop = 0
  const frame = () => new Promise(done => requestAnimationFrame(done))
  await frame()
  const step = list.scrollHeight / 240
  const took = []
  let before = performance.now()
  for (let n = 0; n < 240; n += 1) {
    list.scrollTop += step
    await frame()
    const now = performance.now()
    took.push(now - before)
    before = now
  }
  took.sort((one, two) => one - two)
  return { median: took[120], p95: took[228], worst: took[239] }
}"""


def fill(night: Night) -> None:
    """Many calls of one night, each with its recording, transcript and draft, written in bulk."""
    began = minutes_ago(300)
    calls, recordings, cases, texts = [], [], [], []
    for n in range(1, MANY + 1):
        at = began + timedelta(seconds=n)
        call_id = f"bulk-{n}"
        calls.append(
            {
                "call_id": call_id,
                "carrier": "asterisk",
                "ani_masked": f"138****{n % 10000:04d}",
                "dnis": "12345",
                "started_at": at,
                "outcome": "voicemail",
            }
        )
        recordings.append(
            {
                "id": n,
                "call_id": call_id,
                "path": f"{n}.wav",
                "seq": 2,
                "duration_ms": 30_000,
                "sha256": "0" * 64,
                "kept": True,
                "created_at": at,
            }
        )
        cases.append(
            {
                "id": n,
                "case_no": f"LYG20261124{n:06d}",
                "channel": "voicemail",
                "call_id": call_id,
                "recording_id": n,
                "state": "DRAFT",
                "demand": "complaint",
                "title": "",
                "body": "",
                "query_code_enc": b"",
                "query_code_hmac": "",
                "received_at": at,
                "version": 1,
            }
        )
        texts.append(
            {
                "recording_id": n,
                "engine": "vosk",
                "model": "test",
                "text": f"第{n}条留言，解放路工地夜间施工噪音扰民，影响休息",
                "words": "[]",
                "confidence": (n % 10) / 10,
                "created_at": at,
            }
        )
    with night.engine.begin() as connection:
        for table, values in ((call, calls), (recording, recordings), (case_, cases), (transcript, texts)):
            connection.execute(insert(table), values)


def test_ten_thousand_lines_scroll_smoothly_and_are_asked_for_when_they_are_needed(desk: Desk, page: Page) -> None:
    fill(desk.night)
    began = time.monotonic()
    first = desk.night.voicemails.page(since=None, until=None, state=None, cursor=None, limit=50, order="worst")
    listed_s = time.monotonic() - began
    began = time.monotonic()
    assert desk.night.voicemails.next("somebody") == first.items[0].case_no
    taken_s = time.monotonic() - began
    desk.night.voicemails.reviews.release(first.items[0].case_no, "somebody")
    assert first.waiting == MANY

    sign_in(page, desk)
    expect(page.get_by_text(f"待审核 {MANY} 条")).to_be_visible()
    count = page.locator(".count")
    began = time.monotonic()
    page.wait_for_function(
        "() => { const list = document.querySelector('[role=listbox]'); list.scrollTop = list.scrollHeight;"
        " return document.querySelector('.count').textContent.startsWith('10000 条') }",
        timeout=120_000,
        polling=50,
    )
    loaded_s = time.monotonic() - began
    expect(count).to_have_text(f"{MANY} 条，待审核 {MANY} 条")
    assert rows(page).count() < 60, "only what is in sight is on the page"
    frames = page.evaluate(_SCROLL)
    sys.stdout.write(
        f"\n{MANY} waiting: page of 50 in {listed_s * 1000:.0f} ms, next in {taken_s * 1000:.0f} ms, all loaded by"
        f" scrolling in {loaded_s:.1f} s, frames while scrolling: median {frames['median']:.1f} ms,"
        f" p95 {frames['p95']:.1f} ms, worst {frames['worst']:.1f} ms\n"
    )
    shot(page, "review-ten-thousand")
    last = rows(page).last
    expect(last).to_have_attribute("aria-posinset", str(MANY))
    last.click()
    expect(last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("k")
    expect(page.locator('[aria-selected="true"]')).to_have_attribute("aria-posinset", str(MANY - 1))
    assert page.locator("[role=listbox]").get_attribute("aria-activedescendant") == page.locator(
        '[aria-selected="true"]'
    ).get_attribute("id")
