"""Whatever is sent to these routes, by anybody: no failure inside. Requests are generated from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.core.result import Ok

from casebook.suggest.classifier import Classifier
from casebook.suggest.model_file import ModelInfo
from tests.public.pages import KEY, Pages
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
    yield {"pages": pages, "app": app, "cookies": dict(client.cookies)}
    pages.engine.dispose()


def test_no_request_breaks_anything(served: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", served["app"]).include(path_regex=OURS)
    found = list(schema.get_all_operations())
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == len(found)
    assert len(operations) > 20
    statuses: set[int] = set()
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=12, database=None, suppress_health_check=list(HealthCheck))
        @seed(20261124)
        def send(case: Any) -> None:
            served["pages"].now += timedelta(seconds=2)  # or the limits of reading answer all of it
            if isinstance(case.body, dict) and "api_key" in case.body:
                case.body["api_key"] = KEY
            headers = {"X-Hotline-Client": "test", "Idempotency-Key": uuid4().hex, **(case.headers or {})}
            answer = case.call(headers=headers, cookies=served["cookies"])
            assert answer.status_code < 500, case.as_curl_command()
            statuses.add(answer.status_code)

        send()
    assert {200, 404, 422} <= statuses
