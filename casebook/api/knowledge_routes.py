"""The knowledge base: search, entries and their versions, answers on the spot, the list of gaps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request

from casebook import knowledge as rules
from casebook.api.deps import ApiDeps, Deps, IdempotencyKey, SignedIn
from casebook.api.knowledge_deps import KnowledgeDeps
from casebook.api.knowledge_schemas import (
    AnswerBody,
    CloseGapBody,
    EntryBody,
    EntryDetailBody,
    EntryListBody,
    GapBody,
    GapListBody,
    HitListBody,
    Name,
    NewEntryBody,
    NewGapBody,
    PublishBody,
    ReviewBody,
    ReviseBody,
    UnitName,
    UseBody,
    WithdrawBody,
)
from casebook.api.problems import Problem, ProblemBody
from casebook.numbering import ZONE
from casebook.store.users import User

_PROBLEMS: dict[int | str, dict[str, object]] = {
    code: {"model": ProblemBody, "description": words}
    for code, words in (
        (400, "no usable key"),
        (401, "not signed in"),
        (403, "not for this role"),
        (404, "no such record"),
        (409, "changed meanwhile"),
        (422, "refused"),
    )
}
router = APIRouter(prefix="/api/v1", tags=["knowledge"], responses=_PROBLEMS)

EntryId = Annotated[int, Path(ge=1, le=2**53)]


async def _parts(request: Request) -> KnowledgeDeps:
    parts: KnowledgeDeps = request.app.state.deps.knowledge
    return parts


KnowledgeParts = Annotated[KnowledgeDeps, Depends(_parts)]


def only(roles: frozenset[str]) -> Callable[[User], User]:
    """A dependency that lets nobody through but people of these roles."""

    def check(user: SignedIn) -> User:
        if user.role not in roles:
            raise Problem("forbidden")
        return user

    return check


def _check_owner(user: User, owner_unit: str, deps: ApiDeps) -> None:
    """Raises Problem forbidden where somebody of a unit writes for another one."""
    if user.role in rules.UNIT_WRITERS:
        known = {one.code: one.name for one in deps.casework.book.units}
        if not user.unit or owner_unit not in (user.unit, known.get(user.unit)):
            raise Problem("forbidden")


Writer = Annotated[User, Depends(only(rules.WRITERS))]
Publisher = Annotated[User, Depends(only(rules.PUBLISHERS))]


@router.get("/knowledge")
def search_knowledge(
    _: SignedIn,
    parts: KnowledgeParts,
    *,
    q: Annotated[str, Query(max_length=2000, description="Words, pinyin initials, or the text of a demand.")],
    matter: Name | None = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> HitListBody:
    """Published entries, best first."""
    return HitListBody.model_validate({"items": parts.search.find(q, matter=matter, limit=limit)})


@router.post("/knowledge", status_code=201)
def create_entry(
    body: NewEntryBody, user: Writer, parts: KnowledgeParts, deps: Deps, key: IdempotencyKey
) -> EntryDetailBody:
    """Write a new entry, as a draft; who is of a unit, for that unit."""
    _check_owner(user, body.owner_unit, deps)
    entry_id = parts.entries.create(
        body.content.content(),
        matter=body.matter,
        owner_unit=body.owner_unit,
        review_due=body.review_due,
        actor=user.name,
        idempotency_key=key,
    )
    return EntryDetailBody.of(parts.entries.get(entry_id), everything=True)


@router.get("/knowledge-entries")
def list_entries(
    _: Writer,
    parts: KnowledgeParts,
    deps: Deps,
    *,
    state: Literal["draft", "published", "withdrawn"] | None = None,
    owner_unit: UnitName | None = None,
    overdue: Annotated[bool, Query(description="Only those that should have been looked at by today.")] = False,
) -> EntryListBody:
    """Entries by the day of their review, at most two hundred."""
    today: date = deps.clock().astimezone(ZONE).date()
    items = parts.entries.entries(state=state, owner_unit=owner_unit, review_before=today if overdue else None)
    return EntryListBody.model_validate({"items": items})


@router.get("/knowledge/{entry_id}")
def get_entry(entry_id: EntryId, user: SignedIn, parts: KnowledgeParts) -> EntryDetailBody:
    """An entry; drafts and former versions only for those who write."""
    detail, everything = parts.entries.get(entry_id), user.role in rules.WRITERS
    if not everything and detail.entry.published_n is None:
        raise Problem("not_found")
    return EntryDetailBody.of(detail, everything=everything)


@router.post("/knowledge/{entry_id}/versions", status_code=201)
def revise_entry(
    entry_id: EntryId, body: ReviseBody, user: Writer, parts: KnowledgeParts, deps: Deps, key: IdempotencyKey
) -> EntryDetailBody:
    """Write the next version; what is published stays so."""
    _check_owner(user, parts.entries.get(entry_id).entry.owner_unit, deps)
    parts.entries.revise(entry_id, body.content.content(), version=body.version, actor=user.name, idempotency_key=key)
    return EntryDetailBody.of(parts.entries.get(entry_id), everything=True)


@router.post("/knowledge/{entry_id}/publish")
def publish_entry(
    entry_id: EntryId, body: PublishBody, user: Publisher, parts: KnowledgeParts, key: IdempotencyKey
) -> EntryBody:
    """Make a version the one that is found; never by its author."""
    entry = parts.entries.publish(
        entry_id,
        n=body.n,
        review_due=body.review_due,
        version=body.version,
        actor=user.name,
        idempotency_key=key,
    )
    return EntryBody.model_validate(entry)


@router.post("/knowledge/{entry_id}/withdraw")
def withdraw_entry(
    entry_id: EntryId, body: WithdrawBody, user: Publisher, parts: KnowledgeParts, key: IdempotencyKey
) -> EntryBody:
    """Find it no more, with a reason."""
    entry = parts.entries.withdraw(
        entry_id, reason=body.reason, version=body.version, actor=user.name, idempotency_key=key
    )
    return EntryBody.model_validate(entry)


@router.post("/knowledge/{entry_id}/review")
def review_entry(
    entry_id: EntryId, body: ReviewBody, user: Writer, parts: KnowledgeParts, deps: Deps, key: IdempotencyKey
) -> EntryBody:
    """Say that it was looked at (复审) and is still true."""
    _check_owner(user, parts.entries.get(entry_id).entry.owner_unit, deps)
    entry = parts.entries.review(
        entry_id,
        review_due=body.review_due,
        note=body.note,
        version=body.version,
        actor=user.name,
        idempotency_key=key,
    )
    return EntryBody.model_validate(entry)


@router.get("/knowledge/{entry_id}/answer")
def answer_from_entry(entry_id: EntryId, _: SignedIn, parts: KnowledgeParts) -> AnswerBody:
    """What is told to the caller (现场答复); 409 where the entry is not published or not in force."""
    return AnswerBody.model_validate(parts.entries.answer(entry_id))


@router.post("/knowledge/{entry_id}/uses")
def use_entry(
    entry_id: EntryId, body: UseBody, user: SignedIn, parts: KnowledgeParts, _key: IdempotencyKey
) -> AnswerBody:
    """Count that a case was answered with it, once for each case."""
    parts.entries.use(entry_id, body.case_no, user.name, useful=body.useful)
    return AnswerBody.model_validate(parts.entries.answer(entry_id))


@router.get("/knowledge-gaps")
def list_gaps(
    _: Writer, parts: KnowledgeParts, *, state: Literal["open", "filled", "dismissed"] = "open"
) -> GapListBody:
    """Questions that no entry answers, the most asked first."""
    return GapListBody.model_validate({"items": parts.gaps.items(state)})


@router.post("/knowledge-gaps", status_code=201)
def note_gap(body: NewGapBody, user: SignedIn, parts: KnowledgeParts, key: IdempotencyKey) -> GapBody:
    """Note a question that no entry answers; a case counts once."""
    reference = body.case_no or f"{user.name}:{key}"
    return GapBody.model_validate(parts.gaps.note(body.question, body.matter, reference, user.name))


@router.post("/knowledge-gaps/{gap_id}/close")
def close_gap(
    gap_id: EntryId, body: CloseGapBody, user: Publisher, parts: KnowledgeParts, _key: IdempotencyKey
) -> GapBody:
    """Name the entry that answers it, or the reason why there is to be none."""
    if body.entry_id is not None:
        return GapBody.model_validate(parts.gaps.fill(gap_id, body.entry_id, user.name))
    return GapBody.model_validate(parts.gaps.dismiss(gap_id, body.reason, user.name))
