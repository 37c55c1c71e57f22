"""The defects of pyst2 0.5.1 on a socket, each shown on the bare library and then gone in ours."""

from __future__ import annotations

import importlib
import io
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asterisk.agi import AGI, AGIAppError, AGIInvalidCommand, AGIUnknownError, AGIUsageError

from agi_scripts.errors import CallerGone, TransportError
from agi_scripts.hardened import HotlineAGI
from tests.agi.fake_asterisk import split

ENV = b"agi_network: yes\nagi_uniqueid: lyg1-1763900000.1\nagi_callerid: 13812345678\nagi_calleridname: Wang\n\n"
Call = Callable[..., tuple[HotlineAGI, socket.socket]]


@pytest.fixture
def hotline_agi() -> Iterator[Call]:
    """Our AGI on one end of a socket; the other end has sent `data` already, and is closed with `hang_up`."""
    opened: list[socket.socket] = []

    def connect(data: bytes = b"", *, env: bytes = ENV, hang_up: bool = False) -> tuple[HotlineAGI, socket.socket]:
        ours, theirs = socket.socketpair()
        opened.extend((ours, theirs))
        theirs.settimeout(5)
        theirs.sendall(env + data)
        if hang_up:
            theirs.shutdown(socket.SHUT_WR)
        return HotlineAGI(ours, env_timeout_s=0.3, reply_timeout_s=5), theirs

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def bare() -> Iterator[Callable[..., AGI]]:
    """pyst2's own AGI over text streams; its handler of SIGHUP is taken back afterwards."""
    before = signal.getsignal(signal.SIGHUP)

    def connect(data: str = "", *, env: str = ENV.decode(), stderr: io.StringIO | None = None) -> AGI:
        return AGI(_Bounded(env + data), io.StringIO(), stderr or io.StringIO())

    yield connect
    signal.signal(signal.SIGHUP, before)


class _StillReading(Exception):
    pass


class _Bounded(io.StringIO):
    """A stream that gives up on a reader who asks a hundred times past the end."""

    asked = 0

    def readline(self, *args: Any) -> str:  # type: ignore[override]
        line = super().readline(*args)
        self.asked += not line
        if self.asked > 100:
            raise _StillReading
        return line


def sent(theirs: socket.socket) -> list[list[str]]:
    """Commands that arrived, as Asterisk reads them."""
    return [split(line) for line in theirs.recv(65536).decode().splitlines()]


def test_1_a_constructor_that_sets_a_signal_handler_cannot_run_in_a_thread(hotline_agi: Call) -> None:
    def outcome(make: Callable[[], object]) -> object:
        result: list[object] = []

        def run() -> None:
            try:
                result.append(make())
            except ValueError as error:
                result.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(30)
        return result[0]

    bare_result = outcome(lambda: AGI(io.StringIO(ENV.decode()), io.StringIO(), io.StringIO()))
    assert isinstance(bare_result, ValueError)
    before = signal.getsignal(signal.SIGHUP)
    ours = outcome(lambda: hotline_agi()[0].env["agi_uniqueid"])
    assert ours == "lyg1-1763900000.1"
    assert signal.getsignal(signal.SIGHUP) is before


def test_2_its_fastagi_server_does_not_import_and_ours_serves(serve: Any) -> None:
    with pytest.raises(ModuleNotFoundError, match="SocketServer"):
        importlib.import_module("asterisk.fastagi")

    def handle(agi: HotlineAGI) -> None:
        agi.set_variable("HELLO", "caller")

    with socket.create_connection(("127.0.0.1", serve(handle).port), 5) as connection:
        connection.sendall(ENV)
        assert connection.recv(1000) == b'SET VARIABLE "HELLO" "caller"\n'


def test_3_text_written_to_a_binary_socket_file(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    before = signal.getsignal(signal.SIGHUP)
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rwb") as stream:
        theirs.sendall(ENV + b"200 result=0\n")
        agi = AGI(stream, stream, io.StringIO())
        with pytest.raises(TypeError):
            agi.answer()
    signal.signal(signal.SIGHUP, before)
    hardened, peer = hotline_agi(b"200 result=0\n200 result=1\n")
    hardened.answer()
    hardened.set_variable("NAME", "王")
    assert sent(peer) == [["ANSWER"], ["SET", "VARIABLE", "NAME", "王"]]


def test_4_a_closed_connection_is_a_hang_up_and_no_value_error(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        bare().answer()
    agi, _ = hotline_agi(hang_up=True)
    with pytest.raises(CallerGone):
        agi.answer()


def test_4_a_reset_connection_is_a_hang_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            theirs.sendall(ENV)
            agi = HotlineAGI(ours)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            theirs.close()
            with pytest.raises(CallerGone):
                agi.answer()
            with pytest.raises(CallerGone):
                agi.answer()


def test_5_a_hang_up_announced_inside_leaves_the_replies_in_step(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    announced = "HANGUP\n200 result=1 (first)\n200 result=1 (second)\n"
    agi = bare(announced)
    with pytest.raises(ValueError, match="invalid literal"):
        agi.get_variable("FIRST")
    assert agi.get_variable("SECOND") == "first"
    hardened, _ = hotline_agi(announced.encode())
    assert hardened.get_variable("FIRST") == "first"
    with pytest.raises(CallerGone):
        hardened.get_variable("SECOND")


def test_6_a_dead_channel_is_a_hang_up(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    dead = "511 Command Not Permitted on a dead channel or intercept routine\n"
    with pytest.raises(AGIUnknownError):
        bare(dead).answer()
    with pytest.raises(CallerGone):
        hotline_agi(dead.encode())[0].answer()


@pytest.mark.parametrize("reply", ["200 result=-1", "200 result=-1 endpos=800", "200 result=-1 (hangup) endpos=800"])
def test_7_a_result_of_minus_one_is_a_hang_up(hotline_agi: Call, bare: Callable[..., AGI], reply: str) -> None:
    if "hangup" not in reply:
        with pytest.raises(AGIAppError) as raised:
            bare(f"{reply}\n").wait_for_digit(5000)
        assert type(raised.value) is AGIAppError
    with pytest.raises(CallerGone):
        hotline_agi(f"{reply}\n".encode())[0].wait_for_digit(5000)


def test_8_a_usage_error_of_one_line_does_not_read_for_ever(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    with pytest.raises(_StillReading):
        bare("520 Invalid command syntax.\n").wait_for_digit(5000)
    agi, _ = hotline_agi(b"520 Invalid command syntax.\n200 result=49\n")
    with pytest.raises(AGIUsageError):
        agi.wait_for_digit(5000)
    assert agi.wait_for_digit(5000) == "1"


def test_8_a_usage_error_of_many_lines_is_read_to_its_end(hotline_agi: Call) -> None:
    usage = b"520-Invalid command syntax.  Proper usage follows:\nWAIT FOR DIGIT <timeout>\n520 End of proper usage.\n"
    agi, _ = hotline_agi(usage + b"200 result=50\n")
    with pytest.raises(AGIUsageError, match="WAIT FOR DIGIT <timeout>"):
        agi.wait_for_digit(5000)
    assert agi.wait_for_digit(5000) == "2"


def test_8_a_usage_error_that_breaks_off_is_a_hang_up(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    with pytest.raises(_StillReading):
        bare("520-Invalid command syntax.\n").wait_for_digit(5000)
    with pytest.raises(CallerGone):
        hotline_agi(b"520-Invalid command syntax.\n", hang_up=True)[0].wait_for_digit(5000)


@pytest.mark.parametrize("value", ['a" "b\nEXEC System "rm -rf /', "a\rEXEC Hangup", "a\0b"])
def test_9_no_value_becomes_a_second_command(hotline_agi: Call, bare: Callable[..., AGI], value: str) -> None:
    if "\n" in value:
        agi = bare("200 result=1\n")
        agi.set_variable("NAME", value)
        assert agi.stdout.getvalue().count("\n") == 2
    hardened, peer = hotline_agi(b"200 result=1\n")
    with pytest.raises(ValueError, match="one line"):
        hardened.set_variable("NAME", value)
    hardened.answer()
    assert sent(peer) == [["ANSWER"]]


@pytest.mark.parametrize("value", ['a" "b', "back\\slash", 'both\\" and "more\\', "", " ", "王小明 的 “案件”"])
def test_9_quotes_and_backslashes_arrive_as_they_are(hotline_agi: Call, value: str) -> None:
    agi, peer = hotline_agi(b"200 result=1\n")
    agi.set_variable("NAME", value)
    assert sent(peer) == [["SET", "VARIABLE", "NAME", value]]


def test_9_a_line_too_long_for_asterisk_is_refused(hotline_agi: Call) -> None:
    agi, peer = hotline_agi(b"200 result=1\n")
    with pytest.raises(ValueError, match="8192"):
        agi.set_variable("NAME", "王" * 2800)
    agi.answer()
    assert sent(peer) == [["ANSWER"]]


def test_10_names_with_spaces_are_one_word_and_are_quoted_once(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    agi = bare("200 result=0 endpos=0\n200 result=1 (v)\n")
    agi.stream_file("/my prompts/welcome")
    agi.database_get("family", "key")
    stream, database = agi.stdout.getvalue().splitlines()
    assert split(stream)[2] == "/my"
    assert '""' in database
    hardened, peer = hotline_agi(b"200 result=0 endpos=0\n200 result=12\n200 result=1 (v)\n")
    assert hardened.stream_file("/my prompts/welcome", "12") == ""
    assert hardened.get_data("/my prompts/menu", 5000, 2) == "12"
    assert hardened.database_get("my family", "key") == "v"
    assert sent(peer) == [
        ["STREAM", "FILE", "/my prompts/welcome", "12", "0"],
        ["GET", "DATA", "/my prompts/menu", "5000", "2"],
        ["DATABASE", "GET", "my family", "key"],
    ]


def test_11_a_value_of_several_lines_is_whole_and_leaves_the_replies_in_step(
    hotline_agi: Call, bare: Callable[..., AGI]
) -> None:
    replies = "200 result=1 (one\ntwo (2)\nthree)\n200 result=1 (next)\n"
    agi = bare(replies)
    assert agi.get_variable("TEXT") != "one\ntwo (2)\nthree"
    hardened, _ = hotline_agi(replies.replace("(2)\n", "(2) \n").encode())
    assert hardened.get_variable("TEXT") == "one\ntwo (2) \nthree"
    assert hardened.get_variable("NEXT") == "next"


def test_11_a_line_of_the_value_that_looks_like_its_end_does_not_shift_the_replies(hotline_agi: Call) -> None:
    agi, _ = hotline_agi(b"200 result=1 (one\ntwo (2)\nthree)\n200 result=1 (next)\n")
    assert agi.get_variable("TEXT").startswith("one\ntwo (2")
    assert agi.get_variable("NEXT") == "next"


def test_12_a_caller_name_in_the_national_encoding(hotline_agi: Call) -> None:
    env = ENV.replace(b"Wang", "王小明".encode("gbk"))
    before = signal.getsignal(signal.SIGHUP)
    with pytest.raises(UnicodeDecodeError):
        AGI(io.BytesIO(env), io.StringIO(), io.StringIO())
    signal.signal(signal.SIGHUP, before)
    assert hotline_agi(env=env)[0].env["agi_calleridname"] == "王小明"


def test_12_a_caller_name_that_is_no_text_at_all(hotline_agi: Call) -> None:
    agi, _ = hotline_agi(env=ENV.replace(b"Wang", b"\xff\xfe\x00\x80"))
    assert agi.env["agi_callerid"] == "13812345678"


@pytest.mark.parametrize(
    "env",
    [
        b"agi_network: yes\nagi_re",
        b"agi_network: yes\nagi_request: agi://h/hotline\n\n",
        b"\n",
        b"GET / HTTP/1.1\r\nHost: hotline\r\n\r\n",
        b"agi_network: yes\n" * 200,
        b"agi_network: yes\nagi_calleridname: " + b"a" * 5000,
        ENV.replace(b"Wang", b"Wang\nagi_uniqueid: other.1"),
    ],
    ids=["cut off", "no call id", "empty", "HTTP", "too many lines", "a line too long", "a name that is two lines"],
)
def test_13_what_is_no_whole_environment_is_no_call(hotline_agi: Call, bare: Callable[..., AGI], env: bytes) -> None:
    if env.endswith(b"agi_re"):
        assert bare(env=env.decode()).env == {"agi_network": "yes", "agi_re": ""}
    with pytest.raises(TransportError):
        hotline_agi(env=env, hang_up=True)


def test_13_an_environment_that_never_ends_is_given_up(hotline_agi: Call) -> None:
    with pytest.raises(TransportError, match="does not answer"):
        hotline_agi(env=b"agi_network: yes\n")


def test_14_a_recording_that_ends_by_itself_reports_no_key(hotline_agi: Call, bare: Callable[..., AGI]) -> None:
    assert bare("200 result=0 (timeout) endpos=800\n").record_file("/r/a", "wav") == "\x00"
    replies = b"200 result=0 (timeout) endpos=800\n200 result=16117\n200 result=35 (dtmf) endpos=800\n"
    agi, peer = hotline_agi(replies)
    assert agi.record_file("/r/a", "wav", "#", 1000, silence=10) == ""
    assert agi.record_file("/r/a", "wav", "#", 1000) == ""
    assert agi.record_file("/r/a b", "wav", "#", 1000, beep="beep") == "#"
    assert sent(peer) == [
        ["RECORD", "FILE", "/r/a", "wav", "#", "1000", "s=10"],
        ["RECORD", "FILE", "/r/a", "wav", "#", "1000"],
        ["RECORD", "FILE", "/r/a b", "wav", "#", "1000", "BEEP"],
    ]


def test_15_nothing_of_the_caller_goes_to_standard_error(
    hotline_agi: Call, bare: Callable[..., AGI], capfd: pytest.CaptureFixture[str]
) -> None:
    dump = io.StringIO()
    bare("200 result=1\n", stderr=dump).set_variable("NUMBER", "13812345678")
    assert "13812345678" in dump.getvalue()
    hotline_agi(b"200 result=1\n")[0].set_variable("NUMBER", "13812345678")
    captured = capfd.readouterr()
    assert captured.err == captured.out == ""


def test_an_unknown_command_is_told_apart_from_a_hang_up(hotline_agi: Call) -> None:
    agi, _ = hotline_agi(b"510 Invalid or unknown command\n200 result=0\n")
    with pytest.raises(AGIInvalidCommand):
        agi.execute("NONSENSE")
    agi.answer()


@pytest.mark.parametrize("noise", [b"no reply at all\n" * 500, b"200 result\n", b"200 result=1 (" + b"x" * 70_000])
def test_a_peer_that_is_no_asterisk_is_given_up(hotline_agi: Call, noise: bytes) -> None:
    agi, _ = hotline_agi(noise, hang_up=True)
    with pytest.raises((TransportError, CallerGone)):
        agi.answer()


def test_replies_may_come_byte_by_byte(hotline_agi: Call) -> None:
    agi, theirs = hotline_agi()

    def drip() -> None:
        for byte in b"200 result=1 (value)\n200 result=1 (next)\n":
            theirs.sendall(bytes([byte]))

    thread = threading.Thread(target=drip)
    thread.start()
    assert agi.get_variable("FIRST") == "value"
    assert agi.get_variable("SECOND") == "next"
    thread.join(30)


def test_a_pbx_that_does_not_answer_is_no_hang_up(hotline_agi: Call) -> None:
    agi, _ = hotline_agi()
    agi.reply_timeout_s = 0.1
    with pytest.raises(TransportError):
        agi.answer()


def test_a_pbx_that_does_not_read_is_no_hang_up(hotline_agi: Call) -> None:
    agi, _ = hotline_agi()
    agi.reply_timeout_s = 0.1

    def talk() -> None:
        for _ in range(10_000):
            agi.send_command("VERBOSE", "x" * 8000)

    with pytest.raises(TransportError):
        talk()


def test_a_hang_up_is_seen_while_the_server_is_busy_and_costs_no_reply(hotline_agi: Call) -> None:
    agi, theirs = hotline_agi(b"200 result=1 (value)\n")
    assert agi.get_variable("FIRST") == "value"
    assert not agi.gone()
    theirs.sendall(b"HANGUP\n")
    assert agi.gone()
    assert agi.gone()
    theirs.sendall(b"200 result=1 (next)\n")
    assert agi.get_variable("SECOND") == "next"


def test_a_hang_up_that_came_with_the_last_reply_is_seen_too(hotline_agi: Call) -> None:
    agi, _ = hotline_agi(b"200 result=1 (value)\nHANGUP\n")
    assert agi.get_variable("FIRST") == "value"
    assert agi.gone()


def test_a_closed_connection_is_seen_while_the_server_is_busy(hotline_agi: Call) -> None:
    agi, theirs = hotline_agi()
    assert not agi.gone()
    theirs.close()
    assert agi.gone()


def test_a_call_that_the_dialplan_took_back_is_no_hang_up(hotline_agi: Call) -> None:
    agi, theirs = hotline_agi(b"200 result=0\n")
    agi.promise(0)
    # The promise was one second; half a second before its end a closed connection is the dialplan's.
    threading.Event().wait(0.7)
    theirs.shutdown(socket.SHUT_RDWR)
    with pytest.raises(TransportError):
        agi.answer()
