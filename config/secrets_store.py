"""Secrets that a first start makes for itself: files of mode 0600 in DATA_DIR/secrets."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from config.settings import read_secret


def make_secret(data_dir: Path, name: str, length: int = 32) -> tuple[str, bool]:
    """The secret `name`, made when it is missing; the second value says whether it was made now."""
    if existing := read_secret(data_dir, name):
        return existing, False
    folder = data_dir / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    value = secrets.token_urlsafe(length)[:length]
    # Written beside and linked into place: of two processes that start together, one wins and both read the same.
    draft = folder / f".{name}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(value + "\n")
    try:
        os.link(draft, folder / name)
        made = True
    except FileExistsError:
        made = False
    finally:
        draft.unlink()
    return read_secret(data_dir, name), made
