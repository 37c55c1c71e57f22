"""The agents of a city: agents.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from config.settings import SettingsError

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]


class AgentFileEntry(BaseModel):
    """An agent's telephone, what the agent can do, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    extension: Annotated[str, StringConstraints(pattern=r"^[0-9]{2,8}$")]
    name: str
    skills: tuple[_Name, ...] = ()
    shifts: tuple[_Name, ...] = ()
    duty: Literal["phone", "login"] = "phone"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    agents: list[AgentFileEntry]


def load_agents(city_dir: Path) -> tuple[AgentFileEntry, ...]:
    """The agents, none where there is no file. Raises SettingsError."""
    file = city_dir / "agents.yaml"
    if not file.is_file():
        return ()
    try:
        agents = _File.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))).agents
    except yaml.YAMLError as error:
        raise SettingsError(f"{file.name} is not YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    extensions = [agent.extension for agent in agents]
    if len(set(extensions)) != len(extensions):
        raise SettingsError(f"{file.name}: an extension is there twice")
    return tuple(agents)
