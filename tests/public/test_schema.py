"""Whatever is sent to these routes, by anybody: no failure inside. Requests are generated from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error

from casebook.suggest.classifier import Classifier
from casebook.suggest.model_file import ModelInfo
from tests.public.pages import Pages
from tests.suggest.conftest import Ready

OURS = r"^/(api/v1/(knowledge|suggestions|public)|open311/)"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, trained: tuple[Classifier, ModelInfo]) -> Iterator[dict[str, Any]]:
    """The application with some content, and the cookie of a dispatcher."""
    folder: Path = tmp_path_factory.mktemp("schema")
    pages = Pages(folder, Ready(trained))
    pages.case()
    client = pages.client("li")
    app: FastAPI = client.app  # type: ignore[assignment]
    yield {"app": app, "cookies": dict(client.cookies)}
    pages.engine.dispose()


@pytest.fixture
def api_schema(served: dict[str, Any]) -> Any:
    """The document, as the application serves it."""
    document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", served["app"])
    return document.include(path_regex=OURS)


schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_anything(case: Any, served: dict[str, Any]) -> None:
    headers = {"X-Hotline-Client": "test", "Idempotency-Key": f"schema-{case.operation.label.encode().hex()[:80]}"}
    answer = case.call(headers=headers, cookies=served["cookies"])
    not_a_server_error(None, answer, case)
    assert answer.status_code < 500
