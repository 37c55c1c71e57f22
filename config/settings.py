"""Settings: environment variables HOTLINE_*, over a TOML file named by HOTLINE_CONFIG, over these defaults."""

from __future__ import annotations

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

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError("must have at least 32 characters")
        return value

    @field_validator("notify_webhook_url")
    @classmethod
    def _reachable(cls, value: str) -> str:
        address = urlsplit(value)
        local = address.hostname in ("127.0.0.1", "::1", "localhost")
        if value and not (address.hostname and (address.scheme == "https" or (address.scheme == "http" and local))):
            raise ValueError("must be an https:// address")
        return value

    @field_validator("notify_sms_to")
    @classmethod
    def _phones(cls, value: str) -> str:
        if value and not all(_E164.fullmatch(number.strip()) for number in value.split(",")):
            raise ValueError("must be numbers like +8613812345678, comma-separated")
        return value

    @model_validator(mode="after")
    def _signed(self) -> Settings:
        if self.notify_webhook_url and len(self.notify_webhook_secret) < 16:
            raise ValueError("NOTIFY_WEBHOOK_SECRET must have at least 16 characters when there is a webhook")
        return self

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
    def database(self) -> str:
        """The database's SQLAlchemy address."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'hotline.db').absolute()}"

    @property
    def agi_peers(self) -> tuple[str, ...]:
        """AGI_SERVERS as a tuple."""
        return tuple(peer.strip() for peer in self.agi_servers.split(","))

    def require_secret(self) -> str:
        """SECRET_KEY. Raises SettingsError where there is none."""
        key = self.secret_key or read_secret(self.data_dir, "secret_key")
        if not key:
            raise SettingsError(
                "HOTLINE_SECRET_KEY is not set (at least 32 characters); `hotline run` makes one in DATA_DIR"
            )
        return key


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
