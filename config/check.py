"""The lint of a city's folder: every finding is one sentence with file and line."""

from __future__ import annotations

from pathlib import Path

from call_router.directory import Directory, DirectoryError
from config import linkage, notices, prompts
from config.city_words import load_reader
from config.wiring import load_flow
from ivr import flow
from ivr.flow import FlowError
from transcription.alarms import AlarmsError
from transcription.extraction import MattersError
from transcription.gazetteer import GazetteerError

_WRONG = (
    DirectoryError,
    FlowError,
    prompts.PromptError,
    GazetteerError,
    AlarmsError,
    MattersError,
    notices.NoticesError,
    linkage.LinkageError,
)


def check_city(city_dir: Path) -> list[str]:
    """What is wrong with the city's files; empty when all is in order."""
    try:
        directory = Directory.load(city_dir / "lines.yaml")
        parsed = load_flow(city_dir)
        texts = prompts.texts(city_dir)
        load_reader(city_dir)
        notices.load(city_dir / "notices.yaml")
        linkage.load(city_dir / "linkage.yaml")
    except _WRONG as error:
        return [str(error)]
    except OSError as error:
        return [f"{error.filename}: {error.strerror}"]
    return [
        *directory.lint(),
        *flow.lint(parsed, "flow.yaml", texts, directory.targets(), directory.emergencies()),
        *(str(finding) for finding in prompts.lint(city_dir)),
    ]
