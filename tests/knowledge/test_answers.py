"""An answer on the spot leaves its mark in the knowledge base, in the same transaction or not at all."""

from __future__ import annotations

import pytest

from casebook import roles
from casebook.errors import CaseError
from casebook.handling.commands import AnswerNow, Register
from casebook.privacy import Privacy
from casebook.roles import Actor
from casebook.rulebook import load_rulebook
from casebook.store.casework import Casework
from tests.conftest import REPOSITORY
from tests.knowledge.conftest import Base

AGENT = Actor("zhang", roles.AGENT)
CASE_KEY = "case"


def casework(base: Base) -> Casework:
    book = load_rulebook(REPOSITORY / "config" / "city")
    return Casework(base.engine, Privacy("a secret of forty characters, for tests.."), book, lambda: base.now)


def question(work: Casework) -> str:
    command = Register(
        demand="consult", title="无人机登记", body="想问一下无人机在哪里登记", place="无地点", phone="13812345678"
    )
    return work.register(command, channel="phone", actor=AGENT, idempotency_key=CASE_KEY).case_no


def answer(work: Casework, case_no: str, entry: str) -> None:
    command = AnswerNow(answer="在网上实名登记。", entry=entry, confirmed=True)
    work.execute(case_no, command, version=None, actor=AGENT, idempotency_key="answer")


def test_an_answer_from_an_entry_counts_as_its_use(base: Base) -> None:
    entry_id, work = base.published("无人机实名登记"), casework(base)
    case_no = question(work)
    for _ in range(2):
        answer(work, case_no, str(entry_id))
    entry = base.knowledge.get(entry_id).entry
    assert (entry.uses, entry.useful) == (1, 1)
    assert base.gaps.items() == []


def test_an_answer_without_an_entry_shows_a_gap(base: Base) -> None:
    work = casework(base)
    case_no = question(work)
    for _ in range(2):
        answer(work, case_no, "")
    assert [(gap.question, gap.times) for gap in base.gaps.items()] == [("无人机登记", 1)]


@pytest.mark.parametrize("entry", ["9999", "KB-1", "-1", "9" * 30, "draft"])
def test_an_answer_from_what_is_no_entry_changes_nothing(base: Base, entry: str) -> None:
    work = casework(base)
    case_no, draft = question(work), base.draft("草稿")
    with pytest.raises(CaseError):
        answer(work, case_no, str(draft) if entry == "draft" else entry)
    answer(work, case_no, "")
    assert [gap.times for gap in base.gaps.items()] == [1]
