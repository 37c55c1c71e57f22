"""Signing in by a unified identity: a real provider on a port of its own, and what it must not get away with."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Form, HTTPException, Request
from starlette.testclient import TestClient

from casebook import roles
from casebook.api.app import create_app
from casebook.api.oidc import Oidc, OidcSettings
from casebook.store.accounts import Profile
from tests.api.conftest import OWN_PAGE
from tests.api.night import PASSWORD, REVIEWER, Night
from tests.conftest import free_port

CLIENT, SECRET = "hotline", "a secret of the provider"


@dataclass
class Provider:
    """An OpenID provider that says what a test wants it to say."""

    url: str
    name: str = REVIEWER
    claims: dict[str, Any] = field(default_factory=dict)
    """Instead of what is right."""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    other_key: rsa.RSAPrivateKey | None = None
    """Signs instead of the key that is published."""
    algorithm: str = "RS256"
    asked: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, address: str) -> dict[str, str]:
        """The browser goes to the provider and agrees: what it comes back with."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.asked)}"
        self.asked[code] = query
        return {"code": code, "state": query["state"]}

    def app(self) -> FastAPI:
        """Its endpoints."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def configuration() -> dict[str, str]:
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}

        @app.post("/token")
        def token(
            request: Request, code: Annotated[str, Form()], code_verifier: Annotated[str, Form()]
        ) -> dict[str, str]:
            given = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
            asked = self.asked.pop(code, None)
            digest = hashlib.sha256(code_verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if given != f"{CLIENT}:{SECRET}" or asked is None or asked["code_challenge"] != challenge:
                raise HTTPException(400)
            now = int(time.time())
            claims = {
                "iss": self.url,
                "aud": CLIENT,
                "sub": "4711",
                "iat": now,
                "exp": now + 300,
                "nonce": asked["nonce"],
                "preferred_username": self.name,
                **self.claims,
            }
            claims = {name: value for name, value in claims.items() if value is not None}
            key: Any = "x" * 32 if self.algorithm == "HS256" else self.other_key or self.key
            key = None if self.algorithm == "none" else key
            return {"id_token": jwt.encode(claims, key, self.algorithm, headers={"kid": "one"})}

        return app


@pytest.fixture
def provider() -> Iterator[Provider]:
    """It runs."""
    port = free_port()
    made = Provider(f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(made.app(), host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    yield made
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def client(night: Night, provider: Provider) -> Iterator[TestClient]:
    """A browser before the sign-in."""
    settings = OidcSettings(provider.url, CLIENT, SECRET, "preferred_username", "http://testserver/back")
    app = create_app(replace(night.deps(), oidc=Oidc(settings)))
    with TestClient(app, headers=OWN_PAGE, follow_redirects=False) as made:
        yield made


def come_back(client: TestClient, provider: Provider, **changed: str) -> str:
    """Begin, agree, come back: where the browser is sent then."""
    begun = client.get("/api/v1/session/oidc")
    assert begun.status_code == 303
    back = provider.authorize(begun.headers["location"]) | changed
    return str(client.get("/api/v1/session/oidc/back", params=back).headers["location"])


def signed_in(client: TestClient) -> bool:
    return client.get("/api/v1/session").status_code == 200


def test_whoever_the_provider_vouches_for_is_signed_in(client: TestClient, provider: Provider) -> None:
    assert client.get("/api/v1/session/ways").json() == {"oidc": True}
    assert come_back(client, provider) == "/"
    assert client.get("/api/v1/session").json()["user"]["name"] == REVIEWER


def test_a_stranger_and_whoever_is_disabled_get_no_session(
    client: TestClient, provider: Provider, night: Night
) -> None:
    provider.name = "stranger"
    assert come_back(client, provider) == "/?sign-in=unknown"
    admin = night.deps().admin
    assert admin
    admin.accounts.disable(REVIEWER, "boss", night.clock())
    provider.name = REVIEWER
    assert come_back(client, provider) == "/?sign-in=unknown"
    assert not signed_in(client)


def test_a_one_time_password_that_was_not_used_opens_nothing_then(
    client: TestClient, provider: Provider, night: Night
) -> None:
    admin = night.deps().admin
    assert admin
    profile = Profile(display_name="李", role=roles.AGENT)
    password = admin.accounts.add("li", profile, "boss", night.clock())
    provider.name = "li"
    assert come_back(client, provider) == "/"
    assert client.get("/api/v1/session").json()["user"]["must_change"] is False
    assert night.users.authenticate("li", password, night.clock()) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"]},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"exp": None},
        {"preferred_username": None},
        {"preferred_username": ["wangmin"]},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_not_believed(
    client: TestClient, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    assert come_back(client, provider) == "/?sign-in=failed"
    assert not signed_in(client)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_token_signed_by_anybody_is_not_believed(client: TestClient, provider: Provider, algorithm: str) -> None:
    provider.algorithm = algorithm
    assert come_back(client, provider) == "/?sign-in=failed"
    assert not signed_in(client)


def test_a_token_signed_with_another_key_is_not_believed(client: TestClient, provider: Provider) -> None:
    provider.other_key = rsa.generate_private_key(65537, 2048)
    assert come_back(client, provider) == "/?sign-in=failed"
    assert not signed_in(client)


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(client: TestClient, provider: Provider) -> None:
    assert come_back(client, provider, state="x" * 43) == "/?sign-in=failed"
    client.cookies.clear()
    begun = client.get("/api/v1/session/oidc")
    back = provider.authorize(begun.headers["location"])
    client.cookies.clear()
    answer = client.get("/api/v1/session/oidc/back", params=back)
    assert answer.headers["location"] == "/?sign-in=failed"
    assert not signed_in(client)


def test_a_provider_that_is_away_is_said_and_the_password_works(night: Night) -> None:
    settings = OidcSettings(f"http://127.0.0.1:{free_port()}", CLIENT, SECRET, "preferred_username", "http://x/back")
    app = create_app(replace(night.deps(), oidc=Oidc(settings)))
    with TestClient(app, headers=OWN_PAGE, follow_redirects=False) as client:
        assert client.get("/api/v1/session/oidc").headers["location"] == "/?sign-in=failed"
        assert client.post("/api/v1/session", json={"name": REVIEWER, "password": PASSWORD}).status_code == 200


def test_without_a_provider_there_is_no_such_way(visitor: TestClient) -> None:
    assert visitor.get("/api/v1/session/ways").json() == {"oidc": False}
    assert visitor.get("/api/v1/session/oidc", follow_redirects=False).status_code == 404
    assert visitor.get("/api/v1/session/oidc/back", follow_redirects=False).status_code == 404
