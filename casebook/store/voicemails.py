"""What the reviewer of the night's voicemails sees and does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    Engine,
    insert,
    literal,
    select,
    tuple_,
)
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.handling.record import whole_ms
from casebook.hashchain import first_break
from casebook.privacy import Privacy
from casebook.rights import NOBODY, Rights
from casebook.roles import BACK_OFFICE, Actor
from casebook.states import DRAFT
from casebook.store.alerts import AlertItem, alerts_of
from casebook.store.casework import Casework
from casebook.store.cursors import make_cursor, make_place_cursor, read_cursor, read_place_cursor
from casebook.store.engine import reading
from casebook.store.history import HistoryEvent, body_of, read_history
from casebook.store.review_tables import review_claim, transcript_correction
from casebook.store.reviews import Claim, Reviews
from casebook.store.schema import access_log, call, case_, event, recording
from casebook.store.voicemail_rows import WAITING, item_values, lines, place_in_review

_TRIED = 20
Order = Literal["newest", "worst"]


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of the written text; times from the start of the recording, confidence 0 to 1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None
    heard: str = ""
    """What the recogniser heard there; the same as `text` where nothing was mended."""
    after: str = ""
    """The punctuation behind it."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value for a field of the case (phone, place, matter, time), and the words that it came from."""

    kind: str
    value: str
    quote: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailItem:
    """A line of the list."""

    case_no: str
    state: str
    demand: str
    call_id: str
    masked_number: str
    started_at: datetime
    ended_at: datetime | None
    recording_id: str | None
    sound_deleted: bool
    """By age."""
    duration_ms: int
    transcript_text: str | None
    transcript_state: str
    """pending, done, rejected (the recording is no sound: see transcript_error) or failed."""
    transcript_error: str | None
    """missing, empty, not_audio or broken, where the state is rejected."""
    transcript_confidence: float | None
    title: str
    body: str
    version: int
    matter: str
    region: str
    place: str
    alerts: tuple[AlertItem, ...]
    claim: Claim | None
    """Who is reviewing it now."""
    call_back: bool
    """An agent is to call this number back, or does so now."""


@dataclass(frozen=True, slots=True)
class Correction:
    """The text as a person heard it."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailDetail(VoicemailItem):
    """A voicemail in full."""

    words: tuple[Word, ...]
    heard: str | None
    """The recogniser's own text, nothing mended."""
    engine: str | None
    model: str | None
    quality: dict[str, Any]
    """speech_ms, speech_dbfs, noise_dbfs, clipped_share; empty before the transcription."""
    suggestions: tuple[Suggestion, ...]
    correction: Correction | None
    """The last one."""
    events: tuple[HistoryEvent, ...]
    chain_ok: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `next_cursor` is None on the last one. `waiting`: how many wait for a review at all."""

    items: list[VoicemailItem]
    next_cursor: str | None
    waiting: int


class Voicemails:
    """Cases that began as a voicemail."""

    def __init__(
        self,
        engine: Engine,
        privacy: Privacy,
        casework: Casework,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._casework = casework
        self._privacy = privacy
        self._clock = clock
        self.reviews = Reviews(engine, clock)

    def page(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        state: str | None,
        cursor: str | None,
        limit: int,
        order: Order = "newest",
    ) -> Page:
        """Voicemails whose call began in [since, until). Raises CaseError bad_value for a cursor that is none.

        `worst`: what waits before what is decided, and by `place_in_review` among what waits.
        """
        statement = lines(self._clock()).limit(limit + 1)
        if since is not None:
            statement = statement.where(call.c.started_at >= since)
        if until is not None:
            statement = statement.where(call.c.started_at < until)
        if state is not None:
            statement = statement.where(case_.c.state == state)
        if order == "worst":
            place = place_in_review()
            statement = statement.add_columns(*place).order_by(*place)
            if cursor is not None:
                statement = statement.where(
                    tuple_(*place) > tuple_(*map(literal, read_place_cursor(cursor, len(place))))
                )
        else:
            statement = statement.order_by(case_.c.id.desc())
            if cursor is not None:
                statement = statement.where(case_.c.id < read_cursor(cursor))
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
            shown, more = rows[:limit], len(rows) > limit
            alerts = alerts_of(connection, [row.id for row in shown])
            waiting = connection.execute(WAITING).scalar_one()
        items = [VoicemailItem(**item_values(row, alerts)) for row in shown]
        if not more:
            return Page(items, None, waiting)
        last = shown[-1]
        behind = make_place_cursor(last[-len(place_in_review()) :]) if order == "worst" else make_cursor(last.id)
        return Page(items, behind, waiting)

    def next(self, reviewer: str, skip: Sequence[str] = ()) -> str | None:
        """The voicemail that this reviewer holds, or else the worst that nobody holds, which is held from now on.

        One that is in `skip` is given back and not chosen. None where nothing is left.
        """
        held = self.reviews.mine(reviewer, skip)
        if held is not None:
            return held
        while waiting := self._free(reviewer, skip):
            for case_no in waiting:
                claim = self.reviews.take(case_no, reviewer)
                if claim is not None and claim.reviewer == reviewer:
                    return case_no
        return None

    def _free(self, reviewer: str, skip: Sequence[str]) -> Sequence[str]:
        now = self._clock()
        held = select(review_claim.c.case_id).where(
            review_claim.c.expires_at > now, review_claim.c.reviewer != reviewer
        )
        statement = (
            lines(now)
            .with_only_columns(case_.c.case_no)
            .where(case_.c.state == DRAFT, case_.c.id.not_in(held), case_.c.case_no.not_in(skip))
            .order_by(*place_in_review())
            .limit(_TRIED)
        )
        with reading(self._engine) as connection:
            return connection.execute(statement).scalars().all()

    def get(self, case_no: str, rights: Rights = NOBODY) -> VoicemailDetail:
        """One voicemail, with as much of its history as the reader may see. Raises CaseError not_found."""
        with reading(self._engine) as connection:
            row = connection.execute(lines(self._clock()).where(case_.c.case_no == case_no)).first()
            if row is None:
                raise CaseError("not_found", "没有这个编号的留言。")
            events = connection.execute(select(event).where(event.c.case_id == row.id).order_by(event.c.seq)).all()
            alerts = alerts_of(connection, [row.id])
            corrected = connection.execute(
                select(
                    transcript_correction.c.corrected,
                    transcript_correction.c.corrected_by,
                    transcript_correction.c.corrected_at,
                )
                .where(transcript_correction.c.recording_id == row.recording_id)
                .order_by(transcript_correction.c.id.desc())
                .limit(1)
            ).first()
        chain = ((body_of(case_no, one), one.prev_hash, one.hash) for one in events)
        return VoicemailDetail(
            **item_values(row, alerts),
            words=tuple(Word(**word) for word in json.loads(row.words or "[]")),
            heard=row.heard,
            engine=row.engine,
            model=row.model,
            quality=json.loads(row.quality or "{}"),
            suggestions=tuple(Suggestion(**one) for one in json.loads(row.suggestions or "[]")),
            correction=Correction(*corrected) if corrected else None,
            events=tuple(read_history(one, rights) for one in events),
            chain_ok=bool(events) and first_break(chain) is None,
        )

    def register(
        self,
        case_no: str,
        *,
        version: int,
        actor: Actor,
        title: str,
        body: str,
        demand: str,
        idempotency_key: str,
        **more: str,
    ) -> None:
        """Register (登记) the demand; `more` are further fields of `Register`.

        Raises CaseError not_found, stale_version, bad_state, bad_value, key_reused, held.
        """
        self.reviews.check_free(case_no, actor.name)
        command = do.Register(demand=demand, title=title, body=body, **more)  # type: ignore[arg-type]
        self._casework.execute(case_no, command, version=version, actor=actor, idempotency_key=idempotency_key)
        self.reviews.release(case_no, actor.name)

    def register_again(
        self, case_no: str, *, version: int, actor: Actor, command: do.Register, master_no: str, idempotency_key: str
    ) -> None:
        """Register a demand that another case has already. The back office merges (并单) it at once; what somebody else
        registers goes to its triage with the advice to merge. In one transaction. Raises as `register`, and guard.
        """
        self.reviews.check_free(case_no, actor.name)
        reason = f"与 {master_no} 为同一诉求"
        then: do.Command = do.ToTriage(note=f"{reason}，建议并单")
        if actor.role in BACK_OFFICE:
            then = do.Merge(master_no=master_no, reason=reason)
        now = whole_ms(self._clock())
        key = f"{actor.name}:{idempotency_key}"
        steps: tuple[tuple[do.Command, int | None, str], ...] = ((command, version, key), (then, None, f"{key}:2"))
        try:
            with self._engine.begin() as connection:
                known = select(case_.c.id).where(case_.c.case_no == master_no, case_.c.case_no != case_no)
                if connection.execute(known).first() is None:
                    raise CaseError("bad_value", "没有这个编号的案件，请核对编号。")
                for step, read, step_key in steps:
                    self._casework.apply(connection, case_no, step, version=read, actor=actor, key=step_key, now=now)
        except IntegrityError as error:
            raise CaseError("stale_version", "案件已被他人修改，请刷新后再操作。") from error
        self.reviews.release(case_no, actor.name)

    def discard(self, case_no: str, *, version: int, actor: Actor, reason: str, idempotency_key: str) -> None:
        """Discard (作废) a voicemail without a demand. Raises as `register`, and missing_reason."""
        self.reviews.check_free(case_no, actor.name)
        command = do.Discard(reason=reason)
        self._casework.execute(case_no, command, version=version, actor=actor, idempotency_key=idempotency_key)
        self.reviews.release(case_no, actor.name)

    def reveal_number(self, case_no: str, actor: str, reason: str) -> str:
        """The caller's number in full; who asked, and why, is logged. Raises CaseError not_found, missing_reason."""
        if not reason.strip():
            raise CaseError("missing_reason", "请填写查看原因。")
        with self._engine.begin() as connection:
            row = connection.execute(
                select(call.c.call_id, call.c.ani_enc)
                .join(case_, case_.c.call_id == call.c.call_id)
                .where(case_.c.case_no == case_no)
            ).first()
            if row is None or row.ani_enc is None:
                raise CaseError("not_found", "没有可查看的来电号码。")
            connection.execute(
                insert(access_log).values(
                    actor=actor, case_no=case_no, what="caller_number", reason=reason, at=self._clock()
                )
            )
        return self._privacy.decrypt(row.ani_enc, f"call.ani:{row.call_id}")

    def recording_path(self, recording_id: str) -> str | None:
        """Where a recording lies, relative to the recordings folder."""
        if not recording_id.isdecimal() or len(recording_id) > 18:
            return None
        with reading(self._engine) as connection:
            path: str | None = connection.execute(
                select(recording.c.path).where(recording.c.id == int(recording_id))
            ).scalar_one_or_none()
        return path
