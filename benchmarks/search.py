"""How well entries of the knowledge base are found, beside what a bare SQLite index finds, in one run.

    python -m benchmarks.search [--data FILE]

FILE is a table with the columns title and text (evaluation data, kept beside the project): the texts are the entries,
the titles are what somebody types, and the entry of its own is to be found (known-item search). Then words of two
characters: of the entries that hold a word, the share that is found. Bare: FTS5's trigram index, and FTS5 over words
cut by jieba.
"""

from __future__ import annotations

import argparse
import logging
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jieba

from benchmarks.suggest import default_data, read
from casebook.knowledge import Content
from casebook.store import open_engine, upgrade
from casebook.store.knowledge import Knowledge
from casebook.store.knowledge_index import KnowledgeSearch

jieba.setLogLevel(logging.WARNING)
_HAN = re.compile(r"^[\u4e00-\u9fff]{2}$")
_WORDS = 100
_ALL = 1000

Find = Callable[[str, int], list[int]]
"""A query and how many are wanted: numbers of entries, best first."""


def product(texts: Sequence[str], folder: Path) -> Find:
    """The product's search over a SQLite file."""
    engine = open_engine(f"sqlite:///{folder / 'search.db'}")
    upgrade(engine)
    knowledge, ids = Knowledge(engine), {}
    due = (datetime.now(UTC) + timedelta(days=400)).date()
    for n, text in enumerate(texts):
        # A title of its own would give the answer away: the first words of the text are it.
        content = Content(title=text[:12], answer=text)
        entry = knowledge.create(content, matter="", owner_unit="-", review_due=due, actor="a", idempotency_key=str(n))
        knowledge.publish(entry, n=1, review_due=due, version=1, actor="b", idempotency_key=str(n))
        ids[entry] = n
    search = KnowledgeSearch(engine)
    return lambda query, most: [ids[hit.id] for hit in search.find(query, limit=most)]


def fts(texts: Sequence[str], tokenizer: str, cut: Callable[[str], list[str]] | None) -> Find:
    """A bare FTS5 table, ranked by its own BM25."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE entry USING fts5(text, tokenize='{tokenizer}')")
    rows = [(n, " ".join(cut(text)) if cut else text) for n, text in enumerate(texts)]
    connection.executemany("INSERT INTO entry(rowid, text) VALUES (?, ?)", rows)

    def find(query: str, most: int) -> list[int]:
        pieces = cut(query) if cut else [query[at : at + 3] for at in range(max(1, len(query) - 2))]
        terms = [piece.replace('"', "") for piece in pieces]
        match = " OR ".join(f'"{term}"' for term in terms if term.strip())
        if not match:
            return []
        found = connection.execute("SELECT rowid FROM entry WHERE entry MATCH ? ORDER BY rank LIMIT ?", (match, most))
        return [row[0] for row in found]

    return find


def known_item(find: Find, titles: Sequence[str]) -> tuple[float, float, float]:
    """Shares of titles whose own text comes first, and among the first three; milliseconds a query."""
    began, first, among = time.perf_counter(), 0, 0
    for n, title in enumerate(titles):
        found = find(title, 3)
        first += found[:1] == [n]
        among += n in found
    return first / len(titles), among / len(titles), 1000 * (time.perf_counter() - began) / len(titles)


def recall(find: Find, texts: Sequence[str], words: Sequence[str]) -> float:
    """Mean share, over words, of the entries holding the word that are found."""
    shares = []
    for word in words:
        holding = {n for n, text in enumerate(texts) if word in text}
        shares.append(len(holding & set(find(word, _ALL))) / len(holding))
    return sum(shares) / len(shares)


def two_character_words(texts: Sequence[str]) -> list[str]:
    """Every so-and-so-many-th word of two characters that two to fifty entries hold, in the order of the alphabet."""
    known = sorted({word for text in texts for word in jieba.cut(text) if _HAN.match(word)})
    usual = [word for word in known if 2 <= sum(word in text for text in texts) <= 50]
    return usual[:: max(1, len(usual) // _WORDS)][:_WORDS]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data())
    both = [text.split("\n", 1) for text in read(parser.parse_args().data)[0]]
    titles, texts = [title for title, _ in both], [text for _, text in both]
    words = two_character_words(texts)
    print(f"{len(texts)} entries, their titles as queries; {len(words)} words of two characters")
    with tempfile.TemporaryDirectory() as folder:
        finders = {
            "this project": product(texts, Path(folder)),
            "FTS5 trigram": fts(texts, "trigram", None),
            "FTS5 of jieba's words": fts(texts, "unicode61", lambda text: list(jieba.cut_for_search(text))),
        }
        for name, find in finders.items():
            first, among, ms = known_item(find, titles)
            share = recall(find, texts, words)
            print(f"  {name:22} first {first:.3f}   top-3 {among:.3f}   words {share:.3f}   {ms:5.1f} ms a query")


if __name__ == "__main__":
    main()
