"""The PBX's configuration, from the settings and the city's files."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from asterisk_conf.render import Agent, Membership, PbxConfig, PbxQueue, Trunk
from call_router.ami import Ami, Fields
from call_router.directory import Directory
from call_router.memberships import AgentQueues
from config.agents import AgentFileEntry, load_agents
from config.linkage import platforms
from config.secrets_store import make_secret
from config.settings import Settings, SettingsError
from config.softphone import browser_phones, browser_secret

RESERVE_PENALTY = 5
"""Penalty of agents who have not the queue's skill: rung when nobody who has it is free."""


def pbx_config(settings: Settings) -> PbxConfig:
    """What `hotline pbx render` writes. Makes the secrets that are missing. Raises SettingsError or DirectoryError."""
    first, _, last = settings.rtp_ports.partition("-")
    directory = Directory.load(settings.city_dir / "lines.yaml")
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
        agents=telephones(settings, directory),
        announcements=tuple(sorted({line.handover for line in directory.lines.values() if line.emergency})),
        queues=tuple(PbxQueue(name, queue.weight) for name, queue in directory.queues.items()),
        trunks=_trunks(settings),
        allow_anonymous=settings.sip_anonymous,
        browser_phones=browser_phones(settings),
        twilio_peers=tuple(peer.strip() for peer in settings.twilio_peers.split(",") if peer.strip()),
    )


def ami_secret(settings: Settings) -> str:
    """The manager interface's password."""
    return settings.ami_secret or make_secret(settings.data_dir, "ami")[0]


def telephones(settings: Settings, directory: Directory) -> tuple[Agent, ...]:
    """The telephones of agents.yaml, each with its password and its queues. Raises SettingsError."""
    return tuple(
        Agent(
            entry.extension,
            entry.name,
            make_secret(settings.data_dir, f"agent-{entry.extension}", 20)[0],
            queues_of(entry, directory),
            static=entry.duty == "phone",
            browser_secret=browser_secret(settings, entry.extension),
        )
        for entry in load_agents(settings.city_dir)
    )


def queues_of(entry: AgentFileEntry, directory: Directory) -> tuple[Membership, ...]:
    """Which queues ring an agent: those without a skill, those of the agent's skills first, others as a reserve."""
    return tuple(
        Membership(name, 0 if queue.skill is None or queue.skill in entry.skills else RESERVE_PENALTY)
        for name, queue in directory.queues.items()
        if queue.skill is None or queue.skill in entry.skills or queue.others
    )


def agent_queues(city_dir: Path, directory: Directory) -> list[AgentQueues]:
    """The agents and their queues, as the PBX is brought to have them. Raises SettingsError."""
    return [
        AgentQueues(
            entry.extension,
            entry.name,
            tuple((one.queue, one.penalty) for one in queues_of(entry, directory)),
            static=entry.duty == "phone",
        )
        for entry in load_agents(city_dir)
    ]


def manager(settings: Settings, on_event: Callable[[Fields], None] | None = None) -> Ami:
    """A client of the PBX's manager interface. Raises SettingsError for a certificate that cannot be read."""
    tls = None
    if settings.ami_tls_ca is not None:
        try:
            tls = ssl.create_default_context(cafile=str(settings.ami_tls_ca))
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"HOTLINE_AMI_TLS_CA: {settings.ami_tls_ca} is no certificate") from error
    secret = ami_secret(settings)
    return Ami(settings.ami_host, settings.ami_port, settings.ami_user, secret, on_event=on_event, tls=tls)


def _trunks(settings: Settings) -> tuple[Trunk, ...]:
    handing_over = {platform.trunk for platform in platforms(settings).values()}
    return tuple(replace(trunk, hands_over=trunk.name in handing_over) for trunk in load_trunks(settings.trunks))


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
