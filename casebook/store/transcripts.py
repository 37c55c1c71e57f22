"""What was said in a recording: written by a job's completion, read as the newest for each recording."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from casebook.store.engine import insert_for
from casebook.store.schema import transcript


def save_transcript(
    connection: Connection,
    recording_id: int,
    *,
    engine: str,
    model: str,
    text: str,
    heard: str,
    words: Sequence[Mapping[str, Any]],
    suggestions: Sequence[Mapping[str, Any]],
    quality: Mapping[str, Any],
    confidence: float | None,
    error: str | None,
    now: datetime,
) -> None:
    """The transcript of a recording, or the reason why there is none; the same engine's earlier one is replaced."""
    values = {
        "model": model,
        "text": text,
        "heard": heard,
        "words": _json(words),
        "suggestions": _json(suggestions),
        "quality": _json(quality),
        "confidence": confidence,
        "error": error,
        "created_at": now,
    }
    connection.execute(
        insert_for(connection, transcript)
        .values(recording_id=recording_id, engine=engine, **values)
        .on_conflict_do_update(index_elements=["recording_id", "engine"], set_=values)
    )


def is_newest(recording_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The transcript that counts for a recording: whichever engine wrote it last."""
    newest = (
        select(transcript.c.id)
        .where(transcript.c.recording_id == recording_id)
        .order_by(transcript.c.created_at.desc(), transcript.c.id.desc())
        .limit(1)
        .correlate_except(transcript)
        .alias("newest")
    )
    return transcript.c.id == select(newest.c.id).scalar_subquery()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
