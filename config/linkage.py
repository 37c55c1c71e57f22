"""The linkage: the city's file of platforms, their secrets and addresses, and the telling of what becomes of orders."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from casebook.linkage import Platform
from casebook.notifier import post_signed
from casebook.store.linkage import tell_platforms
from config.jobs import Writes
from config.settings import Settings
from config.wiring import utc_now

_TELL_S = 2.0


class LinkageError(Exception):
    """The file of platforms is wrong; the message is one sentence with the file's name."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    sends: tuple[Literal["call", "order", "state"], ...]
    told: bool
    trunk: str = ""


def load(file: Path) -> Mapping[str, Platform]:
    """The platforms of a city; none where there is no file. Raises LinkageError."""
    if not file.is_file():
        return {}
    try:
        entries = TypeAdapter(dict[str, _Entry]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        raise LinkageError(f"{file.name}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise LinkageError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return {name: Platform(name, entry.name, entry.sends, entry.told, entry.trunk) for name, entry in entries.items()}


def platforms(settings: Settings) -> Mapping[str, Platform]:
    """The platforms of this installation. Raises LinkageError."""
    return load(settings.city_dir / "linkage.yaml")


class LinkageDelivery:
    """Tells a platform of a change of state; what cannot be delivered is tried again, and then shown as dead."""

    def __init__(self, settings: Settings) -> None:
        self._urls = settings.linkage_addresses
        self._secrets = settings.linkage_keys

    def __call__(self, payload: Mapping[str, Any]) -> Writes:
        """Nothing is written: the job's own row says that it is done. Raises Undelivered."""
        platform = str(payload["platform"])
        names = ("id", "reference", "case_no", "state", "event", "at")
        content = {"kind": "state", **{name: str(payload[name]) for name in names}}
        post_signed(self._urls.get(platform, ""), self._secrets[platform][0], content["id"], content, utc_now)
        return lambda connection: None  # noqa: ARG005


class Telling:
    """Looks for what platforms are to be told, again and again, until stopped."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        reachable = settings.linkage_addresses.keys() & settings.linkage_keys.keys()
        self._told = frozenset(name for name, one in platforms(settings).items() if one.told and name in reachable)
        self._engine = engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="linkage", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after what is under way."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(_TELL_S):
            try:
                tell_platforms(self._engine, self._told, utc_now())
            except SQLAlchemyError as error:
                structlog.get_logger().warning("linkage waits", error=type(error).__name__)
