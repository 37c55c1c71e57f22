"""An agent telephones in a real browser: a citizen calls by SIPp, both are heard, the police take over, a case is made.

Chromium's microphone is a file; what its agent hears is taken from the page's own sound.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import SOCK_DGRAM

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from casebook.console.build import is_fresh
from casebook.handling.commands import Register
from casebook.roles import Actor
from config.wiring import utc_now
from tests.conftest import free_port
from tests.e2e.hotline import TestLine, running
from tests.pbx.audio import RATE, Key, Samples, Silence, Speech, Timeline, read_samples, voice_like, write_wav
from tests.pbx.caller import Line

PARTS = ("valkey", "agi-0", "router", "pbx", "web")
PASSWORD = "a long password"
NUMBER = "13851234567"
MASKED = "138****4567"
CHROMIUM = Path(os.environ.get("HOTLINE_CHROMIUM", "/usr/bin/chromium"))
BLOCK = int(0.3 * RATE)
ALIKE = 0.95
POPS = int(os.environ.get("HOTLINE_TEST_POPS", "50"))
"""How many calls are timed from the ring to the screen."""

# What the agent hears, as samples at 8 kHz.
_EAR = """
(() => {
  window.heard = []
  const Real = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Real {
    constructor(...settings) {
      super(...settings)
      this.addEventListener('track', ({ track }) => {
        const context = new AudioContext({ sampleRate: 8000 })
        const ear = context.createScriptProcessor(1024, 1, 1)
        ear.onaudioprocess = (event) => window.heard.push(...event.inputBuffer.getChannelData(0))
        context.createMediaStreamSource(new MediaStream([track])).connect(ear).connect(context.destination)
      })
    }
  }
})()
"""
_HEARD = """
() => {
  const bytes = new Uint8Array(Int16Array.from(window.heard, (one) => Math.round(one * 32767)).buffer)
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}
"""

# Hides the browser's own function; deleting this one shows it again.
_UNPLUG = "() => void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('unplugged')))"


@pytest.fixture(scope="module")
def police(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """110: answers, talks for a while, hangs up."""
    answering = Line(tmp_path_factory.mktemp("police"), "200 OK")
    yield answering
    answering.stop()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, pbx_prefix: Path, police: Line) -> Iterator[TestLine]:
    trunks = f"psap={police.host}:{police.port},carrier=127.0.0.3:{free_port(SOCK_DGRAM)}"
    with running(TestLine(tmp_path_factory.mktemp("web"), pbx_prefix, HOTLINE_TRUNKS=trunks), *PARTS) as started:
        started.parts.users.add("li", PASSWORD, "agent", "李敏")
        started.parts.presence.set("1002", "zhao", "out", "", utc_now())
        yield started


@contextmanager
def browser(microphone: Path) -> Iterator[Callable[[], BrowserContext]]:
    """Chromium whose microphone is a file."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM} (install it, or set HOTLINE_CHROMIUM)")
    if not is_fresh():
        pytest.skip("the console is not built, or older than its sources: run `python -m casebook.console.build`")
    flags = (
        "--no-sandbox",
        "--disable-quic",
        "--disable-background-networking",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--allow-loopback-in-peer-connection",
        "--disable-features=WebRtcHideLocalIpsWithMdns",
        "--autoplay-policy=no-user-gesture-required",
    )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(flags))

        def context() -> BrowserContext:
            made = opened.new_context(
                viewport={"width": 1366, "height": 768}, locale="zh-CN", permissions=["microphone"]
            )
            made.add_init_script(_EAR)
            # The file is the agent's voice as it is: no echo to take out of it.
            made.add_init_script("localStorage.setItem('phone:raw', '1')")
            return made

        yield context
        opened.close()


def sit_down(line: TestLine, context: BrowserContext) -> Page:
    """Sign in, take telephone 1001, be registered at the PBX."""
    line.parts.presence.set("1001", "li", "out", "", utc_now())
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"http://127.0.0.1:{line.settings.http_port}/")
    page.get_by_label("用户名").fill("li")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_label("话机").select_option("1001")
    page.get_by_role("button", name="签入").click()
    expect(page.get_by_text("电话已连接")).to_be_visible(timeout=20_000)
    return page


def at_48_khz(samples: Samples) -> Samples:
    """As a microphone of a browser has it."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    louder = np.fft.irfft(spectrum, samples.size * 6) * 6
    wide: Samples = np.clip(louder, -32767, 32767).astype(np.int16)
    return wide


def block_likeness(reference: Samples, recording: Samples) -> float:
    """Median correlation of blocks of 0.3 s of the recording, each aligned within a tenth of a second by itself.

    Which part of the reference a block is from is searched for once a second: a microphone's file is played in a loop.
    """
    ref = np.concatenate([reference, reference]).astype(np.float64)
    size = 1 << int(np.ceil(np.log2(ref.size + BLOCK)))
    spectrum = np.fft.rfft(ref, size)
    squares = np.concatenate([[0.0], np.cumsum(ref**2)])
    found = []
    for start in range(0, recording.size - BLOCK, BLOCK):
        block = recording[start : start + BLOCK].astype(np.float64)
        if np.sqrt((block**2).mean()) < 200:
            continue
        cross = np.fft.irfft(spectrum * np.conj(np.fft.rfft(block, size)), size)[: ref.size - BLOCK]
        power = np.sqrt((squares[BLOCK : BLOCK + cross.size] - squares[: cross.size]) * (block @ block))
        found.append(float(np.max(cross / np.maximum(power, 1.0))))
    assert len(found) > 10, "hardly anything was heard"
    return float(np.median(found))


def to_an_agent(samples: Samples, seconds: float) -> Timeline:
    """Press 0 for an agent and speak on and on."""
    said = np.tile(samples, int(seconds * RATE / samples.size) + 1)[: int(seconds * RATE)]
    return [Silence(1.5), Key("0"), Silence(0.5), Speech(said)]


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("HOTLINE_SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.timeout(300)
def test_both_are_heard_in_the_browser(line: TestLine, tmp_path: Path) -> None:
    citizen, agent = voice_like(6, 3), voice_like(6, 8)
    write_wav(tmp_path / "agent.wav", at_48_khz(agent), 48_000)
    with browser(tmp_path / "agent.wav") as open_context:
        page = sit_down(line, open_context())
        process, _ = line.caller.start(to_an_agent(citizen, 60), number=NUMBER, hang_up=True, limit_s=120)
        try:
            expect(page.get_by_text(MASKED).first).to_be_visible(timeout=25_000)
            assert NUMBER not in page.content()
            shot(page, "ringing")
            # Without a microphone the call goes on ringing, and the page says why.
            page.evaluate(_UNPLUG)
            page.get_by_role("button", name="接听").click()
            expect(page.get_by_text("没有可用的麦克风")).to_be_visible()
            page.evaluate("() => void delete navigator.mediaDevices.getUserMedia")
            page.get_by_role("button", name="接听").click()
            expect(page.get_by_text("通话中").first).to_be_visible(timeout=10_000)
            time.sleep(9)
            codec = line.pbx.cli("core show channels verbose")
            heard = np.frombuffer(base64.b64decode(page.evaluate(_HEARD)), "<i2")
            page.get_by_role("button", name="挂断", exact=True).click()
            # The call is over and stays on the desk until a word is said of it.
            expect(page.get_by_text("话后整理").first).to_be_visible()
            expect(page.get_by_role("heading", name="没有小结的来电 1")).to_be_visible()
            page.get_by_label("小结", exact=True).select_option("consult")
            page.get_by_role("button", name="小结", exact=True).click()
            expect(page.get_by_text("都办完了。")).to_be_visible()
        finally:
            process.kill()
            process.wait()
        recordings = line.settings.recordings_dir / "conversations"
        line.wait(lambda: line.channels() == [], 20, "channels stay")
        said = read_samples(next(recordings.rglob("*-out.wav")))
        to_agent, to_citizen = block_likeness(citizen, heard), block_likeness(agent, said)
        print(f"citizen to browser {to_agent:.4f}, browser to citizen {to_citizen:.4f}")  # noqa: T201 - wanted
        assert to_agent > ALIKE, codec
        assert to_citizen > ALIKE, codec


@pytest.mark.timeout(300)
def test_a_call_is_taken_written_down_handed_to_the_police_and_finished(
    line: TestLine, police: Line, tmp_path: Path
) -> None:
    write_wav(tmp_path / "agent.wav", at_48_khz(voice_like(6, 8)), 48_000)
    with browser(tmp_path / "agent.wav") as open_context:
        page = sit_down(line, open_context())
        process, _ = line.caller.start(to_an_agent(voice_like(6, 3), 60), number=NUMBER, hang_up=True, limit_s=120)
        try:
            expect(page.get_by_role("alert").get_by_text(MASKED)).to_be_visible(timeout=25_000)
            page.keyboard.press("a")
            expect(page.get_by_text("通话中").first).to_be_visible(timeout=10_000)
            page.get_by_label("类型").select_option("complaint")
            page.get_by_label("标题").fill("幸福路夜间施工扰民")
            page.get_by_label("内容", exact=True).fill("幸福路工地每天夜里十一点以后还在打桩，吵得睡不着觉。")
            page.get_by_label("地点").fill("海州区幸福路28号")
            # What was written is still there after the page was loaded anew; so is the call, and it is taken back.
            page.on("dialog", lambda dialog: dialog.accept())
            page.reload()
            expect(page.get_by_label("标题")).to_have_value("幸福路夜间施工扰民", timeout=20_000)
            shot(page, "reloaded")
            page.get_by_role("button", name="取回通话").click()
            expect(page.get_by_role("button", name="挂断", exact=True)).to_be_visible(timeout=20_000)
            time.sleep(1)
            page.get_by_label("内容", exact=True).press("Escape")
            page.get_by_role("heading", name=MASKED).click()
            page.keyboard.press("p")
            shot(page, "confirm")
            page.get_by_role("dialog").get_by_role("button", name="转接").click()
            expect(page.get_by_text("话后整理").first).to_be_visible(timeout=20_000)
            line.wait(lambda: "INVITE sip:110@" in police.messages(), 20, "the police were not called")
            expect(page.get_by_role("radio", name="已转接办结")).to_be_checked()
            page.get_by_role("button", name="登记", exact=True).click()
            expect(page.get_by_role("heading", name="已登记，请告诉来电人")).to_be_visible()
            shot(page, "registered")
            page.get_by_role("button", name="完成这通来电").click()
            mine = page.get_by_role("region", name="我登记的案件")
            expect(mine.get_by_text("幸福路夜间施工扰民")).to_be_visible()
            expect(mine.get_by_text("已转接")).to_be_visible()
            expect(page.get_by_text("都办完了。")).to_be_visible()
            page.get_by_role("button", name="示闲").click()
            expect(page.get_by_role("status").get_by_text("示闲")).to_be_visible()
            listed = page.evaluate("fetch('/api/v1/cases').then((answer) => answer.json())")["items"]
            assert [(one["title"], one["state"]) for one in listed] == [("幸福路夜间施工扰民", "TRANSFERRED")]
            whole = page.evaluate("(no) => fetch('/api/v1/cases/' + no).then((a) => a.json())", listed[0]["case_no"])
            assert NUMBER not in str(whole)
        finally:
            process.kill()
            process.wait()


@pytest.mark.timeout(300)
def test_a_pbx_that_was_away_and_a_second_tab(line: TestLine, tmp_path: Path) -> None:
    write_wav(tmp_path / "agent.wav", at_48_khz(voice_like(1, 8)), 48_000)
    with browser(tmp_path / "agent.wav") as open_context:
        context = open_context()
        page = sit_down(line, context)
        line.kill("pbx")
        expect(page.get_by_text("电话断开，正在重新连接…")).to_be_visible(timeout=30_000)
        line.start("pbx")
        expect(page.get_by_text("电话已连接")).to_be_visible(timeout=40_000)
        second = context.new_page()
        second.goto(f"http://127.0.0.1:{line.settings.http_port}/")
        expect(second.get_by_text("电话在另一个标签页里")).to_be_visible(timeout=20_000)
        page.close()
        expect(second.get_by_text("电话已连接")).to_be_visible(timeout=20_000)


@pytest.mark.timeout(900)
def test_the_screen_shows_who_calls_at_once(line: TestLine, tmp_path: Path) -> None:
    write_wav(tmp_path / "agent.wav", at_48_khz(voice_like(1, 8)), 48_000)
    number = "13867654321"
    for n in range(12):
        body = f"第{n}次反映路灯不亮，晚上走路看不清。"
        command = Register(demand="help", title=f"路灯不亮{n}", body=body, place="海州区幸福路", phone=number)
        actor = Actor("admin", "admin")
        line.parts.casework.register(command, channel="phone", actor=actor, idempotency_key=f"pop-{n}")
    with browser(tmp_path / "agent.wav") as open_context:
        page = sit_down(line, open_context())
        for n in range(POPS):
            # Whoever gives up in the queue rang; nobody answers.
            process, folder = line.caller.start(RINGS, number=number, hang_up=True, limit_s=40)
            expect(page.get_by_text("最近 10 件诉求，未办结 10 件")).to_be_visible(timeout=20_000)
            process.wait(60)
            assert line.caller.result(folder).successful == 1
            line.wait(lambda n=n: pops(page) > n, 10, f"call {n} did not pop up")  # type: ignore[misc]
            expect(page.get_by_role("button", name="接听")).to_be_hidden()
        took = page.evaluate("performance.getEntriesByName('hotline:pop').map((one) => one.duration)")
    p50, p99 = np.percentile(took, [50, 99])
    print(f"ring to pop, {len(took)} calls: median {p50:.0f} ms, p99 {p99:.0f} ms (goal 300 ms)")  # noqa: T201


RINGS: Timeline = [Silence(1.5), Key("0"), Silence(4.0)]


def pops(page: Page) -> int:
    """How often the screen has shown who calls."""
    return int(page.evaluate("performance.getEntriesByName('hotline:pop').length"))
