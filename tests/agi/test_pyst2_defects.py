"""What pyst2 0.5.1 gets wrong on a socket, one test each; the first lines of most show the defect on pyst2 itself."""

from __future__ import annotations

import importlib
import io
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from asterisk.agi import AGI, AGIInvalidCommand, AGIUsageError

from agi_scripts.errors import CallerGone, TransportError
from agi_scripts.hardened import HotlineAGI

ENV = b"agi_network: yes\nagi_uniqueid: lyg1-1763910000.1\nagi_callerid: 13800138000\nagi_extension: 12345\n\n"


class Bare(AGI):  # type: ignore[misc]
    """pyst2 as it is, but for the constructor that no thread may run."""

    def __init__(self, replies: str, env: str = "agi_network: yes\n\n") -> None:
        self.stdin, self.stdout, self.stderr = io.StringIO(env + replies), io.StringIO(), io.StringIO()
        self._got_sighup = False
        self.env: dict[str, str] = {}
        self._get_agi_env()


@pytest.fixture
def asterisk() -> Iterator[Callable[..., tuple[HotlineAGI, socket.socket]]]:
    """Makes a session whose peer has sent the environment, and then some replies."""
    opened: list[socket.socket] = []

    def connect(replies: bytes = b"", env: bytes = ENV, *, close: bool = False) -> tuple[HotlineAGI, socket.socket]:
        ours, theirs = socket.socketpair()
        opened.extend((ours, theirs))
        theirs.sendall(env + replies)
        if close:
            theirs.shutdown(socket.SHUT_WR)
        return HotlineAGI(ours, env_timeout_s=1, reply_timeout_s=1), theirs

    yield connect
    for one in opened:
        one.close()


Connect = Callable[..., tuple[HotlineAGI, socket.socket]]


def sent(theirs: socket.socket) -> bytes:
    theirs.setblocking(False)
    return theirs.recv(65536)


def test_1_works_in_a_thread_where_pyst2_sets_a_signal_handler(asterisk: Connect) -> None:
    failures: list[BaseException] = []
    sessions: list[HotlineAGI] = []

    def bare() -> None:
        try:
            AGI(io.StringIO("\n"), io.StringIO(), io.StringIO())
        except ValueError as error:
            failures.append(error)

    for work in (bare, lambda: sessions.append(asterisk()[0])):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(5)
    assert "signal" in str(failures[0])
    assert sessions[0].env["agi_uniqueid"] == "lyg1-1763910000.1"


def test_2_needs_no_fastagi_module_which_pyst2_cannot_import() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("asterisk.fastagi")


def test_3_writes_bytes_to_the_socket(asterisk: Connect) -> None:
    session, theirs = asterisk(b"200 result=1\n")
    session.set_variable("X", "值")
    assert sent(theirs) == 'SET VARIABLE "X" "值"\n'.encode()


def test_4_a_closed_connection_is_a_hang_up(asterisk: Connect) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Bare("").execute("NOOP")
    session, _ = asterisk(close=True)
    with pytest.raises(CallerGone):
        session.execute("NOOP")


def test_5_a_hangup_line_does_not_leave_the_stream_one_reply_behind(asterisk: Connect) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Bare("HANGUP\n200 result=1 (a)\n").get_variable("A")
    session, _ = asterisk(b"HANGUP\n200 result=1 (first)\n200 result=1 (second)\n")
    assert session.get_variable("A") == "first"
    with pytest.raises(CallerGone):
        session.get_variable("B")


def test_6_a_dead_channel_is_a_hang_up(asterisk: Connect) -> None:
    session, _ = asterisk(b"511 Command Not Permitted on a dead channel or intercept routine\n")
    with pytest.raises(CallerGone):
        session.execute("ANSWER")


def test_7_a_result_of_minus_one_is_a_hang_up(asterisk: Connect) -> None:
    session, _ = asterisk(b"200 result=-1\n")
    with pytest.raises(CallerGone):
        session.wait_for_digit(100)
    session, _ = asterisk(b"200 result=-1 (hangup) endpos=26880\n")
    with pytest.raises(CallerGone):
        session.record_file("x")


@pytest.mark.parametrize(
    "reply",
    [
        b"520 Invalid command syntax.  Proper usage not available.\n",
        b"520-Invalid command syntax.  Proper usage follows:\nUsage: NOOP\n520 End of proper usage.\n",
    ],
)
def test_8_a_usage_error_in_either_form_does_not_loop_for_ever(asterisk: Connect, reply: bytes) -> None:
    session, _ = asterisk(reply + b"200 result=0\n")
    with pytest.raises(AGIUsageError):
        session.execute("NOOP")
    assert session.execute("NOOP") == {"result": ("0", "")}


def test_8_a_usage_error_cut_off_is_no_endless_loop_either(asterisk: Connect) -> None:
    session, _ = asterisk(b"520-Invalid command syntax.\nUsage", close=True)
    with pytest.raises(CallerGone):
        session.execute("NOOP")


def test_9_a_value_cannot_become_a_command(asterisk: Connect) -> None:
    hostile = 'a" "b\nEXEC System "touch /x'
    bare = Bare("200 result=1\n")
    bare.set_variable("NAME", hostile)
    assert len(bare.stdout.getvalue().splitlines()) == 2
    session, theirs = asterisk(b"200 result=1\n")
    with pytest.raises(ValueError, match="one line"):
        session.set_variable("NAME", hostile)
    session.set_variable("NAME", hostile.replace("\n", "\\"))
    assert sent(theirs) == b'SET VARIABLE "NAME" "a\\" \\"b\\\\EXEC System \\"touch /x"\n'


def test_9_a_command_longer_than_asterisks_buffer_is_refused(asterisk: Connect) -> None:
    session, _ = asterisk()
    with pytest.raises(ValueError, match="8192"):
        session.set_variable("X", "长" * 4000)


def test_10_file_names_are_quoted_once(asterisk: Connect) -> None:
    session, theirs = asterisk(b"200 result=0 endpos=1\n200 result=1\n200 result=1 (v)\n200 result=0\n")
    session.stream_file("a file", "12")
    session.get_data("a file", 100, 4)
    assert session.database_get("family", "a key") == "v"
    session.record_file("a file", "wav", "#", 1000, silence=3)
    assert sent(theirs).splitlines() == [
        b'STREAM FILE "a file" "12" 0',
        b'GET DATA "a file" 100 4',
        b'DATABASE GET "family" "a key"',
        b'RECORD FILE "a file" "wav" "#" 1000 s=3',
    ]


def test_11_a_value_of_several_lines_is_read_whole(asterisk: Connect) -> None:
    session, _ = asterisk(b"200 result=1 (one\ntwo\nthree)\n200 result=1 (next)\n")
    assert session.get_variable("A") == "one\ntwo\nthree"
    assert session.get_variable("B") == "next"


def test_11_the_tail_of_a_value_is_not_the_next_reply(asterisk: Connect) -> None:
    session, _ = asterisk(b"200 result=1 (one)\ntwo)\n200 result=1 (next)\n")
    assert session.get_variable("A") == "one)\ntwo".partition(")")[0]
    assert session.get_variable("B") == "next"


def test_12_a_name_in_the_national_encoding_is_read(asterisk: Connect) -> None:
    session, _ = asterisk(env=ENV[:-1] + b"agi_calleridname: " + "王强".encode("gb18030") + b"\n\n")
    assert session.env["agi_calleridname"] == "王强"


@pytest.mark.parametrize(
    "env",
    [
        b"agi_network: yes\nagi_re",
        b"agi_network: yes\n\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\n",
        b"agi_network: yes\n" + b"agi_x: 1\n" * 3,
        b"agi_a" + b"x" * 5000 + b"\n\n",
        b"agi_network: yes\n" + b"".join(b"agi_%d: 1\n" % n for n in range(100)) + b"\n",
    ],
)
def test_13_what_is_no_call_is_not_taken_for_one(asterisk: Connect, env: bytes) -> None:
    assert Bare("", "agi_network: yes\nagi_re").env == {"agi_network": "yes", "agi_re": ""}
    with pytest.raises(TransportError):
        asterisk(env=env, close=True)


def test_13_an_environment_that_never_ends_is_given_up(asterisk: Connect) -> None:
    with pytest.raises(TransportError, match="does not answer"):
        asterisk(env=b"agi_network: yes\n")


def test_14_a_recording_that_ran_out_of_time_has_no_key(asterisk: Connect) -> None:
    session, _ = asterisk(
        b"200 result=0 (timeout) endpos=8160\n200 result=16117 (timeout) endpos=1\n200 result=35 (dtmf) endpos=9\n"
    )
    assert session.record_file("x") == ""
    assert session.record_file("x") == ""
    assert session.record_file("x") == "#"


def test_15_nothing_of_the_caller_is_written_anywhere(asterisk: Connect, capfd: pytest.CaptureFixture[str]) -> None:
    bare = Bare("200 result=1 (13800138000)\n")
    bare.get_variable("CALLERID(num)")
    assert "13800138000" in bare.stderr.getvalue()
    session, _ = asterisk(b"200 result=1 (13800138000)\n")
    session.get_variable("CALLERID(num)")
    shown = capfd.readouterr()
    assert "13800138000" not in shown.out + shown.err


def test_an_unknown_command_is_said_so(asterisk: Connect) -> None:
    session, _ = asterisk(b"510 Invalid or unknown command\n")
    with pytest.raises(AGIInvalidCommand):
        session.execute("NONSENSE")


def test_replies_may_come_byte_by_byte(asterisk: Connect) -> None:
    session, theirs = asterisk()

    def trickle() -> None:
        for byte in b"200 result=1 (value)\n":
            theirs.sendall(bytes([byte]))

    thread = threading.Thread(target=trickle)
    thread.start()
    assert session.get_variable("A") == "value"
    thread.join(5)


def test_a_pbx_that_does_not_answer_is_no_hang_up(asterisk: Connect) -> None:
    session, _ = asterisk()
    session.reply_timeout_s = 0.2
    with pytest.raises(TransportError):
        session.execute("NOOP")


def test_a_call_that_the_dialplan_took_back_is_no_hang_up(asterisk: Connect) -> None:
    session, theirs = asterisk(b"200 result=0\n")
    session.promise(-2)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(TransportError, match="took the call back"):
        session.execute("NOOP")


def test_a_hang_up_is_seen_while_we_are_busy(asterisk: Connect) -> None:
    session, theirs = asterisk()
    assert not session.gone()
    theirs.shutdown(socket.SHUT_WR)
    assert session.gone()
