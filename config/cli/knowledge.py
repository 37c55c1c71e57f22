"""`hotline train` and `hotline kb ...`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from casebook.errors import CaseError
from casebook.knowledge_file import ImportedEntry, read_entries
from casebook.numbering import ZONE
from casebook.store.knowledge import Knowledge
from casebook.suggest.catalogue import CatalogueError
from config.cli import context
from config.wiring import utc_now

kb = typer.Typer(help="The knowledge base.", no_args_is_help=True)
_AUTHOR = "import"


@kb.callback()
def _group() -> None:
    """Keeps `import` a sub-command."""


def train() -> None:
    """Train the model that suggests matters, from the city's notes and from what people decided."""
    # The models are slow to import; no other command needs them.
    from config.suggestions import model_file  # noqa: PLC0415

    with context.hotline() as parts:
        parts.upgrade()
        try:
            info = model_file(parts).train()
        except (CatalogueError, OSError) as error:
            raise context.CommandError(str(error)) from error
    typer.echo(f"Learned from {info.examples} notes; scikit-learn {info.scikit_learn}, SHA-256 {info.sha256}.")


@kb.command(name="import")
def import_entries(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8) or XLSX, see docs/knowledge.md.")],
    published_by: Annotated[
        str, typer.Option(help="Who has approved them: they are published at once. Without it, they are drafts.")
    ] = "",
) -> None:
    """Take in entries from a table. A table taken in again makes no entry twice."""
    with context.hotline() as parts:
        parts.upgrade()
        knowledge = Knowledge(parts.engine)
        try:
            entries = read_entries(file)
            _check(entries, published_by, file)
            for entry in entries:
                _take_in(knowledge, entry, published_by)
        except CaseError as error:
            raise context.CommandError(str(error)) from error
    state = "published" if published_by else "waiting for somebody who publishes them"
    typer.echo(f"{len(entries)} entries are in, {state}.")


def _check(entries: list[ImportedEntry], published_by: str, file: Path) -> None:
    """Before anything is written. Raises CaseError."""
    tomorrow = utc_now().astimezone(ZONE).date() + timedelta(days=1)
    if published_by and (late := [one for one in entries if one.review_due < tomorrow]):
        title = late[0].content.title
        raise CaseError("bad_value", f"{file.name}: {title} cannot be published, its 复审日期 is over")
    if published_by == _AUTHOR:
        raise CaseError("bad_value", f"--published-by must name a person, not {_AUTHOR}")


def _take_in(knowledge: Knowledge, entry: ImportedEntry, published_by: str) -> None:
    entry_id = knowledge.create(
        entry.content,
        matter=entry.matter,
        owner_unit=entry.owner_unit,
        review_due=entry.review_due,
        actor=_AUTHOR,
        idempotency_key=entry.key,
    )
    known = knowledge.get(entry_id).entry
    if published_by and known.state == "draft":
        knowledge.publish(
            entry_id,
            n=known.latest_n,
            review_due=entry.review_due,
            version=known.version,
            actor=published_by,
            idempotency_key=f"publish:{entry.key}",
        )
