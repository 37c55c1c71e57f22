"""Settings come from where they should, and a wrong one is named in one sentence."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config.pbx import load_trunks
from config.secrets_store import make_secret
from config.settings import SettingsError, load
from tests.conftest import REPOSITORY


def test_the_environment_goes_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "hotline.toml"
    file.write_text('http_port = 9001\nsystem_name = "lyg9"\n')
    monkeypatch.setenv("HOTLINE_CONFIG", str(file))
    monkeypatch.setenv("HOTLINE_HTTP_PORT", "9002")
    settings = load()
    assert (settings.http_port, settings.system_name) == (9002, "lyg9")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOTLINE_HTTP_PORT", "high"),
        ("HOTLINE_HTTP_PORT", "70000"),
        ("HOTLINE_SECRET_KEY", "short"),
        ("HOTLINE_TIMEZONE", "Mars/Olympus"),
        ("HOTLINE_AGI_SERVERS", "nonsense"),
        ("HOTLINE_RTP_PORTS", "9-5"),
        ("HOTLINE_CONFIG", "/no/such/file"),
        ("HOTLINE_OPEN311_KEYS", "app=short"),
        ("HOTLINE_OPEN311_KEYS", "a-key-without-a-name-of-any-kind"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as refused:
        load()
    assert "\n" not in str(refused.value)


def test_a_missing_secret_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsError, match="HOTLINE_SECRET_KEY"):
        load().require_secret()


def test_trunks_are_name_and_address() -> None:
    assert [
        (trunk.name, trunk.host, trunk.port) for trunk in load_trunks("psap=10.0.0.1:5060, carrier=c.example:5080")
    ] == [
        ("psap", "10.0.0.1", 5060),
        ("carrier", "c.example", 5080),
    ]
    with pytest.raises(SettingsError, match="HOTLINE_TRUNKS"):
        load_trunks("psap")


def test_a_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first, made = make_secret(tmp_path, "key")
    assert made
    assert make_secret(tmp_path, "key") == (first, False)
    assert stat.S_IMODE((tmp_path / "secrets" / "key").stat().st_mode) == 0o600
    program = (
        "import sys; from pathlib import Path; from config.secrets_store import make_secret;"
        "sys.stdout.write(make_secret(Path(sys.argv[1]), 'other')[0])"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) for _ in range(2)]
    assert len({process.communicate(timeout=120)[0] for process in both}) == 1


def hotline(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.cli", *words],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "TERM": "dumb", **environment},
        check=False,
    )


def test_the_command_line_says_what_is_wrong_in_one_sentence_and_ends_with_1(tmp_path: Path) -> None:
    data = {"HOTLINE_DATA_DIR": str(tmp_path)}
    for words, environment, sentence in (
        (("db", "upgrade"), {"HOTLINE_DATABASE_URL": "mysql://x"}, "HOTLINE_DATABASE_URL"),
        (("check",), {"HOTLINE_SIP_PORT": "x"}, "HOTLINE_SIP_PORT"),
        (("model", "info"), {**data, "HOTLINE_VOSK_MODEL": "/nowhere"}, "hotline model fetch"),
        (("transcribe", "x.wav"), {**data, "HOTLINE_VOSK_MODEL": "/nowhere"}, "HOTLINE_VOSK_MODEL"),
        (("worker",), {**data, "HOTLINE_SECRET_KEY": "x" * 40}, "HOTLINE_REDIS_URL"),
        (("pbx", "run"), data, "hotline pbx install"),
    ):
        done = hotline(*words, **environment)
        assert done.returncode == 1, words
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert hotline("nonsense").returncode == 2


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = hotline("run", HOTLINE_DATA_DIR=str(tmp_path), HOTLINE_HTTP_PORT=port)
    assert done.returncode == 1
    assert f"HOTLINE_HTTP_PORT: port {port}" in done.stderr


def test_the_city_is_checked_by_the_command(tmp_path: Path) -> None:
    assert hotline("check").returncode == 0
    (tmp_path / "lines.yaml").write_text("lines: 3")
    done = hotline("check", str(tmp_path))
    assert done.returncode == 1
    assert "lines.yaml" in done.stderr
