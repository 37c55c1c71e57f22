"""Attached files, kept by their SHA-256 in a folder beside the database."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

from casebook.errors import CaseError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024 * 1024


class Files:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, stream: BinaryIO, limit_bytes: int) -> tuple[str, int]:
        """Write what the stream holds, on disk when this returns; its SHA-256 and size. Raises CaseError too_large."""
        self._folder.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as out:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > limit_bytes:
                        raise CaseError("too_large", "文件太大。")
                    digest.update(chunk)
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            target = self.path(digest.hexdigest())
            target.parent.mkdir(exist_ok=True)
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return digest.hexdigest(), size

    def path(self, sha256: str) -> Path:
        """Where a file lies. Raises CaseError bad_value for what is no digest."""
        if not _DIGEST.fullmatch(sha256):
            raise CaseError("bad_value", "不是文件的摘要。")
        return self._folder / sha256[:2] / sha256

    def whole(self, sha256: str) -> bool:
        """Whether the file is there and is what it was."""
        try:
            with self.path(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False
