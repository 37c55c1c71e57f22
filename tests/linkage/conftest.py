"""The application, somebody who is signed in, and the store tests' databases."""

from __future__ import annotations

from tests.api.conftest import night, reviewer, visitor
from tests.store.conftest import postgres, store, url

__all__ = ["night", "postgres", "reviewer", "store", "url", "visitor"]
