"""The composition root: builds the parts from the settings and hands each what it needs."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from agi_scripts.driver import AgiDriver
from call_router.directory import Directory
from call_router.plan import AgentEntry, CallRouter
from call_router.recordings import RecordingFolder
from call_router.schedule import Calendar, Rostered, Schedule
from casebook.privacy import Privacy
from casebook.rulebook import Rulebook, load_rulebook
from casebook.store import open_engine, upgrade
from casebook.store.callbacks import Callbacks
from casebook.store.calls import SqlCallStore
from casebook.store.casework import Casework
from casebook.store.files import Files
from casebook.store.outbox import Outbox
from casebook.store.people import People
from casebook.store.presence import Presence
from casebook.store.queries import Cases
from casebook.store.recounting import give_limits, without_limits
from casebook.store.users import Users
from casebook.store.voicemails import Voicemails
from config.agents import load_agents
from config.clock import utc_now
from config.notices import case_channels
from config.settings import Settings
from config.staff import StoredCalendar, StoredStaff
from ivr.flow import Flow, parse
from ivr.service import CallService
from transcription.audio import probe

__all__ = ["Hotline", "load_flow", "utc_now"]


HANDOVER_FLOW = "handover.yaml"


class Hotline:
    """The parts of one process, each built when it is first asked for. `on_loop`: see open_engine."""

    def __init__(self, settings: Settings, *, on_loop: bool = False) -> None:
        self.settings = settings
        self._on_loop = on_loop

    @cached_property
    def engine(self) -> Engine:
        """The database. Raises SettingsError for an address that cannot be used."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        return open_engine(self.settings.database, on_loop=self._on_loop)

    @cached_property
    def privacy(self) -> Privacy:
        """Keys of the encrypted columns. Raises SettingsError without a SECRET_KEY."""
        return Privacy(self.settings.require_secret())

    @cached_property
    def store(self) -> SqlCallStore:
        """Calls, sessions and the cases that calls open."""
        return SqlCallStore(self.engine, self.privacy)

    @cached_property
    def voicemails(self) -> Voicemails:
        """What the reviewer sees and does."""
        return Voicemails(self.engine, self.privacy, self.casework)

    @cached_property
    def book(self) -> Rulebook:
        """The city's rules. Raises RulebookError."""
        return load_rulebook(self.settings.city_dir)

    @cached_property
    def casework(self) -> Casework:
        """Commands on cases."""
        return Casework(self.engine, self.privacy, self.book, utc_now, case_channels(self.settings))

    @cached_property
    def cases(self) -> Cases:
        """Cases as people read them."""
        return Cases(self.engine, self.privacy, self.book, utc_now)

    @cached_property
    def files(self) -> Files:
        """Attached files."""
        return Files(self.settings.attachments_dir)

    @cached_property
    def people(self) -> People:
        """Posts in the units."""
        return People(self.engine, self.book)

    @cached_property
    def users(self) -> Users:
        """Who may sign in."""
        return Users(self.engine)

    @cached_property
    def outbox(self) -> Outbox:
        """Work that can wait."""
        return Outbox(self.engine)

    @cached_property
    def directory(self) -> Directory:
        """The lines and queues of the city."""
        return Directory.load(self.settings.city_dir / "lines.yaml")

    @cached_property
    def schedule(self) -> Schedule:
        """The city's shifts. Raises ScheduleError or SettingsError."""
        return load_schedule(self.settings.city_dir, ZoneInfo(self.settings.timezone), StoredCalendar(self.engine))

    @cached_property
    def router(self) -> CallRouter:
        """Where a call goes."""
        entries = load_agents(self.settings.city_dir)
        agents = {
            one.extension: AgentEntry(one.extension, one.name, frozenset(one.skills), one.duty == "phone")
            for one in entries
        }
        return CallRouter(self.directory, self.schedule, agents, StoredStaff(self.presence))

    @cached_property
    def presence(self) -> Presence:
        """Who is there."""
        return Presence(self.engine)

    @cached_property
    def callbacks(self) -> Callbacks:
        """Who is to be called back."""
        return Callbacks(self.engine, self.privacy)

    @cached_property
    def flow(self) -> Flow:
        """The city's flow. Raises FlowError."""
        return load_flow(self.settings.city_dir)

    @cached_property
    def service(self) -> CallService:
        """The calls of this line."""
        return CallService(self.store, self.router, self.flow, utc_now)

    @cached_property
    def recordings(self) -> RecordingFolder:
        """The folder that the PBX records into."""
        self.settings.recordings_dir.mkdir(parents=True, exist_ok=True)
        return RecordingFolder(self.settings.recordings_dir, probe)

    @cached_property
    def agi_driver(self) -> AgiDriver:
        """The Asterisk driver."""
        city_dir = self.settings.city_dir
        handed_over = (
            CallService(self.store, self.router, load_flow(city_dir, HANDOVER_FLOW), utc_now)
            if (city_dir / HANDOVER_FLOW).is_file()
            else None
        )
        return AgiDriver(self.service, self.recordings, self.settings.prompts_dir, utc_now, handed_over)

    def upgrade(self) -> None:
        """Bring the database to the current schema, and cases of an older version to the current rules."""
        upgrade(self.engine)
        # Most have none: then neither the keys nor the rulebook are needed.
        if numbers := without_limits(self.engine):
            give_limits(self.casework, numbers)

    def close(self) -> None:
        """Let go of the database."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def load_flow(city_dir: Path, name: str = "flow.yaml") -> Flow:
    """A flow of a city. Raises FlowError with file and line."""
    file = city_dir / name
    return parse(file.read_text(encoding="utf-8"), file.name)


def load_schedule(city_dir: Path, zone: ZoneInfo, calendar: Calendar) -> Schedule:
    """The shifts of a city. Raises ScheduleError or SettingsError."""
    rostered = (Rostered(one.extension, frozenset(one.shifts), frozenset(one.skills)) for one in load_agents(city_dir))
    return Schedule.load(city_dir / "shifts.yaml", rostered, calendar, zone)
