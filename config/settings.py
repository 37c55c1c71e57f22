"""Settings: environment variables HOTLINE_*, over a TOML file named by HOTLINE_CONFIG, over these defaults."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

CITY = Path(__file__).parent / "city"
_E164 = re.compile(r"\+[1-9]\d{7,14}")
_SIP_HOST = re.compile(r"[A-Za-z0-9.-]{1,100}(:\d{1,5})?")
_PROGRAM = re.compile(r"[a-z0-9_-]{1,32}")
_PEER = re.compile(r"[A-Za-z0-9_.-]+:\d{1,5}")


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it."""


class Settings(BaseSettings):
    """Where everything is. `load` builds it; nothing reads a setting at import."""

    model_config = SettingsConfigDict(env_prefix="HOTLINE_", extra="forbid", frozen=True)

    data_dir: Path = Path("var")
    city_dir: Path = CITY
    database_url: str = ""
    """SQLAlchemy address; empty: SQLite in DATA_DIR."""
    redis_url: str = ""
    """Empty: `hotline run` starts one of its own, with its data in DATA_DIR."""
    secret_key: str = ""
    """At least 32 characters; `hotline run` makes one in DATA_DIR on first start."""
    timezone: str = "Asia/Shanghai"
    log_level: str = "INFO"

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=1, le=65535)
    public_url: str = ""
    """Where browsers reach the console; https makes its cookies secure."""
    http_proxies: str = ""
    """Addresses of reverse proxies, comma-separated, whose X-Forwarded-For says where a request comes from."""
    open311_keys: str = ""
    """name=key,name=key: programs that may open cases by Open311; a key has at least 24 characters."""

    oidc_issuer: str = ""
    """The provider of the city's unified identity (OpenID Connect); empty: name and password alone."""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_claim: str = "preferred_username"
    """The claim that holds a user's name in the hotline."""

    agi_host: str = "127.0.0.1"
    agi_port: int = Field(default=4573, ge=1, le=65535)
    agi_servers: str = "127.0.0.1:4573,127.0.0.1:4574"
    """host:port,host:port - whom the dialplan tries, in this order."""
    agi_allowed: str = "127.0.0.1"
    """Addresses that may speak AGI to us, comma-separated."""
    agi_max_calls: int = Field(default=600, ge=1)

    pbx_prefix: Path | None = None
    """Where `hotline pbx install` put Asterisk; "/" for the system's own. Default: DATA_DIR/asterisk."""
    sip_host: str = "127.0.0.1"
    sip_port: int = Field(default=5060, ge=1, le=65535)
    sip_anonymous: bool = True
    """Let callers in without a password; only sensible while SIP_HOST is a loopback address."""
    rtp_ports: str = "20000-21999"
    ami_host: str = "127.0.0.1"
    ami_port: int = Field(default=5038, ge=1, le=65535)
    ami_user: str = "hotline"
    ami_secret: str = ""
    ami_tls_ca: Path | None = None
    """Certificate of whoever signed the PBX's: the manager interface is then spoken over TLS."""
    system_name: str = "lyg1"
    """Name of this PBX in call ids: two PBXs of one line must differ."""
    browser_phones: bool = True
    """Agents may telephone in the browser; the PBX then listens for them (config/softphone.py)."""
    browser_phone_host: str = "127.0.0.1"
    browser_phone_port: int = Field(default=8088, ge=1, le=65535)
    browser_phone_url: str = ""
    """ws:// or wss:// address at which browsers reach the PBX; empty: its own address."""
    browser_phone_tls_cert: Path | None = None
    browser_phone_tls_key: Path | None = None
    """With both the PBX itself speaks TLS at the port after BROWSER_PHONE_PORT; else a proxy does, or nobody."""
    browser_phone_media: str = ""
    """ours=seen, comma-separated: addresses of the PBX, and what browsers reach them by where that is another one."""
    trunks: str = ""
    """name=host:port, comma-separated: where the trunks of lines.yaml lead."""

    engine: Literal["vosk", "whisper"] = "vosk"
    """Which recogniser turns voicemails into text."""
    vosk_model: Path | None = None
    whisper_model: Path | None = None
    """The folder of a Whisper model in CTranslate2's format (extra `whisper`)."""
    worker_threads: int = Field(default=1, ge=1)
    worker_nice: int = Field(default=15, ge=0, le=19)
    """How far the transcription steps back for the calls."""

    linkage_secrets: str = ""
    """name=secret, comma-separated: what platforms of linkage.yaml sign with; a platform twice while it is changed."""
    linkage_urls: str = ""
    """name=address, comma-separated: where platforms of linkage.yaml are told of their orders."""

    notify_webhook_url: str = ""
    """Where notices are POSTed; https, but for a loopback address."""
    notify_webhook_secret: str = ""
    """Signs them; at least 16 characters."""
    notify_sms_to: str = ""
    """Numbers of whoever is on duty, in E.164, comma-separated."""
    notify_sms_from: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    """Two, comma-separated, while it is being changed."""
    twilio_api: str = "https://api.twilio.com"
    """Where its REST interface is; another host only for an account of another region."""
    twilio_number: str = ""
    """The line's number at Twilio, in E.164: it is shown to whom we dial, and calls that we make come from it."""
    twilio_pbx: str = ""
    """host[:port] at which Twilio reaches our PBX by SIP; empty: no PBX, callers wait in a queue of Twilio's."""
    twilio_peers: str = ""
    """Networks from which Twilio's SIP comes, comma-separated (54.172.60.0/30,...): the PBX listens to no others."""
    twilio_delete_recordings: bool = False
    """Delete a recording at Twilio once it is here and checked."""

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError("must have at least 32 characters")
        return value

    @field_validator("twilio_pbx")
    @classmethod
    def _sip_host(cls, value: str) -> str:
        if value and not _SIP_HOST.fullmatch(value):
            raise ValueError("must be host or host:port")
        return value

    @field_validator("twilio_number")
    @classmethod
    def _own_number(cls, value: str) -> str:
        if value and not _E164.fullmatch(value):
            raise ValueError("must be a number like +8651812345000")
        return value

    @field_validator("twilio_peers")
    @classmethod
    def _networks(cls, value: str) -> str:
        for network in filter(None, value.split(",")):
            ipaddress.ip_network(network.strip())
        return value

    @field_validator("twilio_api", "notify_webhook_url", "oidc_issuer")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if value and not _is_safe(value):
            raise ValueError("must be an https:// address")
        return value

    @field_validator("linkage_urls")
    @classmethod
    def _linked(cls, value: str) -> str:
        if not all(name and _is_safe(address) for name, address in _pairs(value)):
            raise ValueError("must be name=https://address,name=https://address")
        return value

    @field_validator("linkage_secrets")
    @classmethod
    def _keyed(cls, value: str) -> str:
        if not all(name and len(secret) >= 16 for name, secret in _pairs(value)):
            raise ValueError("must be name=secret,name=secret, each secret with at least 16 characters")
        return value

    @field_validator("notify_sms_to")
    @classmethod
    def _phones(cls, value: str) -> str:
        if value and not all(_E164.fullmatch(number.strip()) for number in value.split(",")):
            raise ValueError("must be numbers like +8613812345678, comma-separated")
        return value

    @field_validator("public_url")
    @classmethod
    def _without_a_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _signed(self) -> Settings:
        if self.notify_webhook_url and len(self.notify_webhook_secret) < 16:
            raise ValueError("NOTIFY_WEBHOOK_SECRET must have at least 16 characters when there is a webhook")
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_client_secret and self.public_url):
            raise ValueError("OIDC_ISSUER needs OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and PUBLIC_URL")
        return self

    @field_validator("open311_keys")
    @classmethod
    def _long_keys(cls, value: str) -> str:
        pairs = [pair.strip().partition("=") for pair in value.split(",")] if value else []
        if any(not _PROGRAM.fullmatch(name) or len(key) < 24 for name, _, key in pairs):
            raise ValueError("must be name=key,name=key with keys of at least 24 characters")
        if len({name for name, _, _ in pairs}) != len(pairs):
            raise ValueError("names a program twice")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"'{value}' is not a time zone") from error
        return value

    @field_validator("agi_servers")
    @classmethod
    def _peers(cls, value: str) -> str:
        if not all(_PEER.fullmatch(peer.strip()) for peer in value.split(",")):
            raise ValueError("must be host:port,host:port")
        return value

    @field_validator("rtp_ports")
    @classmethod
    def _range(cls, value: str) -> str:
        first, _, last = value.partition("-")
        if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) < int(last) <= 65535):
            raise ValueError("must be first-last, e.g. 20000-21999")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - given by the library
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = [init_settings, env_settings]
        if file := os.environ.get("HOTLINE_CONFIG"):
            if not Path(file).is_file():
                raise SettingsError(f"HOTLINE_CONFIG names {file}, which is not a file")
            sources.append(TomlConfigSettingsSource(settings_cls, Path(file)))
        return tuple(sources)

    # --- what follows from them

    @property
    def prefix(self) -> Path:
        """Where Asterisk is."""
        return (self.pbx_prefix or self.data_dir / "asterisk").absolute()

    @property
    def recordings_dir(self) -> Path:
        """The folder that the PBX records into."""
        return (self.data_dir / "recordings").absolute()

    @property
    def prompts_dir(self) -> Path:
        """The clips that callers hear."""
        return (self.city_dir / "prompts").absolute()

    @property
    def calls_dir(self) -> Path:
        """Where the PBX writes its list of calls."""
        return (self.data_dir / "calls").absolute()

    @property
    def attachments_dir(self) -> Path:
        """The files that belong to cases."""
        return (self.data_dir / "attachments").absolute()

    @property
    def pbx_log_dir(self) -> Path:
        """Where the PBX writes its log of the queues."""
        return (self.data_dir / "pbx" / "log").absolute()

    @property
    def database(self) -> str:
        """The database's SQLAlchemy address."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'hotline.db').absolute()}"

    @property
    def agi_peers(self) -> tuple[str, ...]:
        """AGI_SERVERS as a tuple."""
        return tuple(peer.strip() for peer in self.agi_servers.split(","))

    @property
    def open311_programs(self) -> dict[str, str]:
        """OPEN311_KEYS by name."""
        pairs = (pair.strip().partition("=") for pair in self.open311_keys.split(",") if pair.strip())
        return {name: key for name, _, key in pairs}

    @property
    def linkage_addresses(self) -> dict[str, str]:
        """Where each platform is told."""
        return dict(_pairs(self.linkage_urls))

    @property
    def linkage_keys(self) -> dict[str, list[str]]:
        """The secrets of each platform; the first one signs what we send."""
        keys: dict[str, list[str]] = {}
        for name, secret in _pairs(self.linkage_secrets):
            keys.setdefault(name, []).append(secret)
        return keys

    def require_secret(self) -> str:
        """SECRET_KEY. Raises SettingsError where there is none."""
        key = self.secret_key or read_secret(self.data_dir, "secret_key")
        if not key:
            raise SettingsError(
                "HOTLINE_SECRET_KEY is not set (at least 32 characters); `hotline run` makes one in DATA_DIR"
            )
        return key


def _pairs(value: str) -> list[tuple[str, str]]:
    """name=value, comma-separated."""
    found = [item.partition("=") for item in value.split(",") if item.strip()]
    return [(name.strip(), text.strip()) for name, _, text in found]


def _is_safe(value: str) -> bool:
    """An address to which something may be sent: https, or this very machine."""
    address = urlsplit(value)
    local = address.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(address.hostname) and (address.scheme == "https" or (address.scheme == "http" and local))


def read_secret(data_dir: Path, name: str) -> str:
    """A secret that `hotline run` made; empty where it made none."""
    file = data_dir / "secrets" / name
    return file.read_text(encoding="ascii").strip() if file.is_file() else ""


def load() -> Settings:
    """The settings of this process. Raises SettingsError with one sentence that names the setting."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "HOTLINE_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from error
