"""The lint of a city's folder: every finding is one sentence with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from call_router.directory import Directory, DirectoryError
from call_router.schedule import PlainWeek, Schedule, ScheduleError
from casebook.rulebook import Rulebook, RulebookError, load_rulebook
from casebook.store.settings_versions import CityFindings
from casebook.suggest.catalogue import Catalogue, CatalogueError
from config import linkage, notices, prompts
from config.city_words import load_reader
from config.settings import SettingsError
from config.suggestions import load_catalogue
from config.twilio import OUTBOUND_FLOWS
from config.wiring import HANDOVER_FLOW, load_flow, load_schedule
from ivr import flow
from ivr.flow import Flow, FlowError, Transfer
from transcription.alarms import AlarmsError
from transcription.extraction import MattersError
from transcription.gazetteer import GazetteerError

_WRONG = (
    DirectoryError,
    ScheduleError,
    SettingsError,
    FlowError,
    prompts.PromptError,
    GazetteerError,
    AlarmsError,
    MattersError,
    notices.NoticesError,
    RulebookError,
    CatalogueError,
    linkage.LinkageError,
)


READERS = {
    "agents.yaml": ("web", "agi", "router", "pbx"),
    "alarms.yaml": ("worker",),
    "callback.yaml": ("web",),
    "flow.yaml": ("web", "agi", "router"),
    "handover.yaml": ("agi",),
    "limits.yaml": ("web", "worker"),
    "lines.yaml": ("web", "agi", "router", "pbx"),
    "linkage.yaml": ("web", "worker"),
    "matters.yaml": ("web", "worker"),
    "matter_notes.tsv": ("hotline train",),
    "notices.yaml": ("web", "worker"),
    "places.yaml": ("web", "worker"),
    "prompts.zh.yaml": ("hotline prompts render",),
    "replies.yaml": ("web",),
    "roles.yaml": ("web", "worker"),
    "routing.yaml": ("web", "worker"),
    "shifts.yaml": ("web", "agi", "router"),
    "survey.yaml": ("web",),
    "units.yaml": ("web", "worker"),
}
"""The parts of `hotline run`, or the command, that read a file when they start."""


def city_findings(city_dir: Path) -> CityFindings:
    """What `check_city` finds. Audio that is still that of the text before is to be made anew, by a voice that the
    console has not: it keeps no text from being kept, or none could be changed.
    """
    found = check_city(city_dir)
    with suppress(prompts.PromptError):
        to_render = {str(one) for one in prompts.lint(city_dir) if one.is_unrendered}
        return CityFindings([one for one in found if one not in to_render], [one for one in found if one in to_render])
    return CityFindings(found, [])


def check_city(city_dir: Path) -> list[str]:
    """What is wrong with the city's files; empty when all is in order."""
    try:
        directory = Directory.load(city_dir / "lines.yaml")
        schedule: Schedule = load_schedule(city_dir, ZoneInfo("Asia/Shanghai"), PlainWeek())
        parsed = load_flow(city_dir)
        made = {
            name: load_flow(city_dir, name)
            for name in (*OUTBOUND_FLOWS.values(), HANDOVER_FLOW)
            if (city_dir / name).is_file()
        }
        texts = prompts.texts(city_dir)
        load_reader(city_dir)
        notices.load(city_dir / "notices.yaml")
        book = load_rulebook(city_dir)
        catalogue, _ = load_catalogue(city_dir)
        linkage.load(city_dir / "linkage.yaml")
    except _WRONG as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename}: {error.strerror}"]
    return [
        *directory.lint(texts, schedule.hours),
        *schedule.lint(),
        *_transfers(parsed, directory),
        *flow.lint(parsed, "flow.yaml", texts, directory.targets(), directory.emergencies()),
        *(
            finding
            for name, one in made.items()
            for finding in flow.lint(one, name, texts, directory.targets(), (), answers=False)
        ),
        *(str(finding) for finding in prompts.lint(city_dir)),
        *_strangers(catalogue, book),
    ]


def _strangers(catalogue: Catalogue, book: Rulebook) -> list[str]:
    """Matters that one of matters.yaml and routing.yaml has and the other has not."""
    accepted, routed = {one.name for one in catalogue.matters if one.accepted}, book.matters()
    return [
        *(f"matters.yaml: {name} is in no group of routing.yaml" for name in sorted(accepted - routed)),
        *(f"routing.yaml: {name} is no accepted matter of matters.yaml" for name in sorted(routed - accepted)),
    ]


def _transfers(parsed: Flow, directory: Directory) -> Iterator[str]:
    """Transfers of the flow that say or do something else than the directory's line."""
    for name, node in parsed.nodes.items():
        kind, _, target = node.target.partition(":") if isinstance(node, Transfer) else ("", "", "")
        line = directory.lines.get(target)
        if not isinstance(node, Transfer) or kind != "line" or line is None:
            continue
        where = f"flow.yaml:{parsed.lines.get(name, 1)}: node '{name}'"
        if node.prompts != (line.handover,):
            yield f"{where} is announced otherwise than the directory's '{line.handover}'"
        back = parsed.nodes[node.failed]
        if not isinstance(back, Transfer) or back.target != f"queue:{line.fallback}":
            yield f"{where} does not fall back to the queue '{line.fallback}', as the directory says"
