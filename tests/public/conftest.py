"""The application, and a store on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.public.pages import Pages
from tests.store.conftest import postgres, url
from tests.suggest.conftest import Ready, trained

__all__ = ["postgres", "trained", "url"]


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    """The pages without a model of matters: nothing here waits for one."""
    made = Pages(tmp_path, Ready(None))
    yield made
    made.engine.dispose()
