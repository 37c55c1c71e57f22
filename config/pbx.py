"""The PBX's configuration, from the settings and the city's files."""

from __future__ import annotations

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from asterisk_conf.render import Agent, PbxConfig, Trunk
from config.secrets_store import make_secret
from config.settings import Settings, SettingsError


class _AgentEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    extension: str
    name: str


class _AgentsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    agents: list[_AgentEntry]


def pbx_config(settings: Settings) -> PbxConfig:
    """What `hotline pbx render` writes. Makes the secrets that are missing. Raises SettingsError."""
    first, _, last = settings.rtp_ports.partition("-")
    return PbxConfig(
        prefix=settings.prefix,
        directory=(settings.data_dir / "pbx").absolute(),
        sip_host=settings.sip_host,
        sip_port=settings.sip_port,
        rtp_start=int(first),
        rtp_end=int(last),
        ami_port=settings.ami_port,
        ami_secret=ami_secret(settings),
        system_name=settings.system_name,
        agi_servers=settings.agi_peers,
        prompts_dir=settings.prompts_dir,
        recordings_dir=settings.recordings_dir,
        calls_dir=settings.calls_dir,
        agents=load_agents(settings),
        trunks=load_trunks(settings.trunks),
        allow_anonymous=settings.sip_anonymous,
        twilio_peers=tuple(peer.strip() for peer in settings.twilio_peers.split(",") if peer.strip()),
    )


def ami_secret(settings: Settings) -> str:
    """The manager interface's password."""
    return settings.ami_secret or make_secret(settings.data_dir, "ami")[0]


def load_agents(settings: Settings) -> tuple[Agent, ...]:
    """The telephones of agents.yaml, each with its password. Raises SettingsError."""
    file = settings.city_dir / "agents.yaml"
    if not file.is_file():
        return ()
    try:
        entries = _AgentsFile.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))).agents
    except (yaml.YAMLError, ValidationError) as error:
        raise SettingsError(f"{file.name} is not a list of agents with extension and name") from error
    return tuple(
        Agent(entry.extension, entry.name, make_secret(settings.data_dir, f"agent-{entry.extension}", 20)[0])
        for entry in entries
    )


def load_trunks(value: str) -> tuple[Trunk, ...]:
    """The trunks of HOTLINE_TRUNKS. Raises SettingsError."""
    trunks = []
    for item in filter(None, (part.strip() for part in value.split(","))):
        name, _, address = item.partition("=")
        host, _, port = address.rpartition(":")
        if not (name.isidentifier() and host and port.isdecimal()):
            raise SettingsError(f"HOTLINE_TRUNKS: '{item}' is not name=host:port")
        trunks.append(Trunk(name, host, int(port)))
    return tuple(trunks)
