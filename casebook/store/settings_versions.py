"""The city's files as administrators edit them: checked as a whole first, and every text that they had is kept.

The file is the truth, and what a process reads when it starts. A text that was put there by other means is kept as a
version of its own before it is overwritten.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from casebook.errors import CaseError
from casebook.store.engine import reading
from casebook.store.schema import settings_version

BY_HAND = "(文件)"
"""Who made a text that no administrator of the console wrote."""
_SUFFIXES = (".yaml", ".tsv")


@dataclass(frozen=True, slots=True)
class CityFindings:
    """What a check of the city's files found: `wrong` keeps a text from being kept, `to_do` is said and no more."""

    wrong: Sequence[str]
    to_do: Sequence[str]


@dataclass(frozen=True, slots=True)
class CityFile:
    """A file as it is now."""

    name: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Version:
    """A text that a file had."""

    id: int
    file: str
    n: int
    sha256: str
    made_by: str
    made_at: datetime
    note: str


class RefusedByCheck(Exception):
    """The files would be wrong: nothing was changed."""

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = list(findings)


class CityFiles:
    """The folder of a city."""

    def __init__(self, engine: Engine, city_dir: Path, check: Callable[[Path], CityFindings]) -> None:
        self._engine = engine
        self._dir = city_dir
        self._check = check

    def names(self) -> list[str]:
        """The files that may be edited."""
        return sorted(one.name for one in self._dir.iterdir() if one.suffix in _SUFFIXES and one.is_file())

    def read(self, name: str) -> CityFile:
        """A file as it is. Raises CaseError not_found, bad_value for one that is not UTF-8."""
        if name not in self.names():
            raise CaseError("not_found", "没有这个文件。")
        try:
            text = (self._dir / name).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise CaseError("bad_value", "这个文件不是 UTF-8 文本，请先在服务器上改好编码。") from error
        return CityFile(name, text, _digest(text))

    def versions(self, name: str = "", limit: int = 50) -> list[Version]:
        """What was kept last, of one file or of all, the latest first; without the texts."""
        columns = [settings_version.c[field] for field in Version.__dataclass_fields__]
        statement = select(*columns).order_by(settings_version.c.id.desc()).limit(limit)
        if name:
            statement = statement.where(settings_version.c.file == name)
        with reading(self._engine) as connection:
            return [Version(*row) for row in connection.execute(statement)]

    def text_of(self, version_id: int) -> str:
        """The text of a version. Raises CaseError not_found."""
        statement = select(settings_version.c.text).where(settings_version.c.id == version_id)
        with reading(self._engine) as connection:
            text: str | None = connection.execute(statement).scalar_one_or_none()
        if text is None:
            raise CaseError("not_found", "没有这个版本。")
        return text

    def try_out(self, texts: Mapping[str, str]) -> CityFindings:
        """What the check would say of the folder with these texts in it. Raises CaseError not_found."""
        for name in texts:
            self.read(name)
        with tempfile.TemporaryDirectory(prefix="hotline-city-") as folder:
            trial = Path(folder)
            for one in self._dir.iterdir():
                if one.name not in texts:
                    (trial / one.name).symlink_to(one.resolve())
            for name, text in texts.items():
                (trial / name).write_text(text, encoding="utf-8", newline="")
            return self._check(trial)

    def save(
        self, texts: Mapping[str, str], read: Mapping[str, str], actor: str, note: str, now: datetime
    ) -> CityFindings:
        """Check these texts together, keep them as versions, and write the files; each file whole or not at all.

        `read` has the digest of each text that was edited. Raises RefusedByCheck; CaseError stale_version, not_found,
        guard for a folder that cannot be written.
        """
        found = self.try_out(texts)
        if found.wrong:
            raise RefusedByCheck(found.wrong)
        try:
            with self._engine.begin() as connection:
                for name, text in texts.items():
                    before = self.read(name)
                    if before.sha256 != read.get(name):
                        raise CaseError("stale_version", "这个文件刚刚被别人改过。")
                    self._keep(connection, before, text, actor, note, now)
                # A crash from here on leaves a file without its version: the next save keeps that text first.
                self._write(texts)
        except IntegrityError as error:
            raise CaseError("stale_version", "这个文件刚刚被别人改过。") from error
        except OSError as error:
            raise CaseError("guard", "配置目录不能写入，请联系运维人员；文件没有改动。") from error
        return found

    def _keep(self, connection: Connection, before: CityFile, text: str, actor: str, note: str, now: datetime) -> None:
        last = connection.execute(
            select(settings_version.c.n, settings_version.c.sha256)
            .where(settings_version.c.file == before.name)
            .order_by(settings_version.c.n.desc())
            .limit(1)
        ).first()
        n = last.n if last else 0
        rows = []
        if last is None or last.sha256 != before.sha256:
            rows.append((before.text, BY_HAND, ""))
        if text != before.text:
            rows.append((text, actor, note))
        for kept, made_by, why in rows:
            n += 1
            values = {"file": before.name, "n": n, "text": kept, "sha256": _digest(kept), "made_by": made_by}
            connection.execute(insert(settings_version).values(**values, made_at=now, note=why[:200]))

    def _write(self, texts: Mapping[str, str]) -> None:
        """Every text lies beside its file before the first file is replaced: a full disk changes none of them."""
        made: dict[str, Path] = {}
        try:
            for name, text in texts.items():
                handle, path = tempfile.mkstemp(dir=self._dir, prefix=f".{name}.")
                made[name] = Path(path)
                with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                    out.write(text)
                    out.flush()
                    os.fsync(out.fileno())
                made[name].chmod((self._dir / name).stat().st_mode & 0o777)
            for name, path_made in made.items():
                path_made.replace(self._dir / name)
        finally:
            for path_made in made.values():
                path_made.unlink(missing_ok=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
