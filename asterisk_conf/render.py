"""Writes the PBX's configuration from the templates."""

from __future__ import annotations

import ipaddress
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asterisk_conf.sounds import make_sounds

_TEMPLATES = Path(__file__).parent / "templates"
_SECRET_FILES = {"pjsip.conf", "manager.conf"}
_PACKAGED = ("stasis", "features", "udptl", "acl", "ccss", "res_parking", "say", "codecs", "cel")
"""Files that modules want to read; the packaged ones serve."""
_EMPTY = tuple(
    """
    voicemail res_odbc res_config_sqlite3 statsd geolocation
    pjproject pjsip_wizard stir_shaken aeap websocket_client chan_websocket
    res_fax pjsip_notify agents calendar res_stun_monitor sorcery
    extconfig manager_additional prometheus
    """.split()
)
_UNUSED = tuple(
    """
    chan_iax2 chan_unistim chan_console chan_motif res_xmpp pbx_dundi
    app_jack res_hep res_hep_pjsip res_hep_rtcp res_phoneprov res_pjsip_phoneprov_provider
    app_voicemail app_voicemail_odbc app_voicemail_imap res_config_ldap res_config_pgsql cdr_pgsql
    cel_pgsql cdr_radius cel_radius cdr_tds cel_tds cdr_csv
    cdr_manager res_snmp res_smdi app_alarmreceiver app_festival app_adsiprog
    res_adsi chan_audiosocket chan_websocket app_minivm pbx_lua pbx_ael
    app_amd app_followme cel_custom cel_sqlite3_custom cel_odbc cdr_odbc cdr_adaptive_odbc
    cdr_sqlite3_custom func_odbc app_getcpeid res_odbc app_page res_config_odbc
    """.split()
)
_SAFE = re.compile(r"[^\r\n;\[\]]*")


class RenderError(Exception):
    """The configuration cannot be written; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class PbxQueue:
    """A queue; one of more weight is served first by the agents that it shares."""

    name: str
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Membership:
    """A queue that rings an agent; those of a lower penalty are rung first."""

    queue: str
    penalty: int = 0


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent's telephone, and its queues; `static` where being registered means being on duty."""

    extension: str
    name: str
    secret: str
    memberships: tuple[Membership, ...] = (Membership("agents"),)
    static: bool = True
    browser_secret: str = ""
    """Password of the telephone in the browser."""


@dataclass(frozen=True, slots=True)
class BrowserPhones:
    """Where browsers reach their telephones: the HTTP server of the PBX, by a WebSocket at /ws."""

    host: str
    port: int
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_port: int = 0
    media_addresses: tuple[tuple[str, str], ...] = ()
    """(an address of this machine, what browsers see it as): for ICE, where the two differ."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where a carrier, or another switch, is reached."""

    name: str
    host: str
    port: int
    hands_over: bool = False
    """Its callers were put through by a person and go straight to one."""


@dataclass(frozen=True, slots=True)
class PbxConfig:
    """Everything that the templates need. `directory` gets etc, run, log, spool and var; paths are absolute."""

    prefix: Path
    """Where Asterisk is unpacked; "/" for the system's own."""
    directory: Path
    sip_host: str
    sip_port: int
    rtp_start: int
    rtp_end: int
    ami_port: int
    ami_secret: str
    system_name: str
    agi_servers: tuple[str, ...]
    """host:port, in the order in which the dialplan tries them."""
    prompts_dir: Path
    recordings_dir: Path
    calls_dir: Path
    """Gets calls.csv, the durable list of calls."""
    agents: tuple[Agent, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    queues: tuple[PbxQueue, ...] = (PbxQueue("agents"), PbxQueue("urgent", 10))
    announcements: tuple[str, ...] = ()
    """Prompts that a caller hears while an emergency line rings: each is a music class of its name."""
    allow_anonymous: bool = False
    """Callers without a password; for a machine that only loopback reaches."""
    twilio_peers: tuple[str, ...] = ()
    """Networks from which Twilio's SIP comes, to the agents and the linked lines; none: no way in for it."""
    ami_host: str = "127.0.0.1"
    browser_phones: BrowserPhones | None = None
    """None: agents have telephones on their desks only."""
    agi_first_answer_s: int = 15

    @property
    def etc(self) -> Path:
        """The configuration folder."""
        return self.directory / "etc"


def render(config: PbxConfig) -> None:
    """Write the configuration. Raises RenderError for values that would break out of their line."""
    _check(config)
    for name in ("etc", "run", "log", "spool", "var/keys", "cache", "moh"):
        (config.directory / name).mkdir(parents=True, exist_ok=True)
    for name in ("spool", "conversations"):
        (config.recordings_dir / name).mkdir(parents=True, exist_ok=True)
    config.calls_dir.mkdir(parents=True, exist_ok=True)
    link = config.directory / "log" / "cdr-custom"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(config.calls_dir)
    _copy_packaged(config)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=False,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - these are no web pages; `_check` keeps values on their line
    )
    values = {
        **asdict(config),
        "modules": _modules(config.prefix),
        "unused": _UNUSED,
        "loopback": ipaddress.ip_address(config.sip_host).is_loopback,
    }
    for template in sorted(_TEMPLATES.glob("*.j2")):
        name = template.stem
        text = environment.get_template(template.name).render(values)
        _write(config.etc / name, text, 0o600 if name in _SECRET_FILES else 0o644)
    make_sounds(config.prompts_dir, config.directory, config.prefix / "usr/share/asterisk", config.announcements)


def _check(config: PbxConfig) -> None:
    texts = [
        config.system_name,
        config.ami_secret,
        config.sip_host,
        str(config.prompts_dir),
        str(config.recordings_dir),
    ]
    texts += [
        value for agent in config.agents for value in (agent.extension, agent.name, agent.secret, agent.browser_secret)
    ]
    texts += [value for trunk in config.trunks for value in (trunk.name, trunk.host)]
    texts += config.twilio_peers
    if (web := config.browser_phones) is not None:
        texts += [web.host, *(str(path) for path in (web.tls_certificate, web.tls_key) if path)]
        texts += [address for pair in web.media_addresses for address in pair]
    for text in texts:
        if not _SAFE.fullmatch(text):
            raise RenderError(f"{text!r} cannot stand in the PBX's configuration")
    texts += [queue.name for queue in config.queues] + list(config.announcements)
    for agent in config.agents:
        if not agent.extension.isdecimal():
            raise RenderError(f"the extension {agent.extension!r} is no number")
    try:
        ipaddress.ip_address(config.sip_host)
    except ValueError as error:
        raise RenderError(f"the SIP address {config.sip_host!r} is no IP address") from error


def _modules(prefix: Path) -> Path:
    """Where the modules are: Debian's suites differ."""
    for pattern in ("usr/lib/asterisk/modules", "usr/lib/*/asterisk/modules"):
        for folder in sorted(prefix.glob(pattern)):
            return folder
    raise RenderError(f"there is no Asterisk in {prefix}: run `hotline pbx install`")


def _copy_packaged(config: PbxConfig) -> None:
    for name in _PACKAGED:
        packaged = config.prefix / "etc/asterisk" / f"{name}.conf"
        if packaged.is_file():
            shutil.copyfile(packaged, config.etc / f"{name}.conf")
    for name in _EMPTY:
        (config.etc / f"{name}.conf").touch()


def _write(file: Path, text: str, mode: int) -> None:
    draft = file.with_suffix(".new")
    draft.touch(mode=mode)
    draft.chmod(mode)
    draft.write_text(text, encoding="utf-8")
    draft.rename(file)
