"""The board's tests use the store tests' databases."""

from __future__ import annotations

from tests.store.conftest import postgres, store, url

__all__ = ["postgres", "store", "url"]
