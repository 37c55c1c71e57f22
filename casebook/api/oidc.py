"""Signing in by the city's unified identity: OpenID Connect Core 1.0, authorization code with PKCE (RFC 7636).

The provider says who somebody is; whether that person may use the hotline, and as what, says the account of that name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
import jwt

_TIMEOUT_S = 10
_KEYS_AGE_S = 600
_FEWEST_S_BETWEEN_FETCHES = 10
_LEEWAY_S = 60
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")


class OidcError(Exception):
    """The provider cannot be reached, or what it says is not to be believed."""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider, and who we are to it."""

    issuer: str
    client_id: str
    client_secret: str
    claim: str
    """The claim that holds the user's name in the hotline."""
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What has to come back unchanged; the browser keeps it in a cookie of its own, for some minutes."""

    state: str
    nonce: str
    verifier: str

    def spelled(self) -> str:
        """As the cookie has it."""
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @classmethod
    def read(cls, cookie: str, state: str) -> Attempt:
        """The attempt that a state belongs to. Raises OidcError."""
        parts = cookie.split(".")
        if len(parts) != 3 or not all(parts) or not hmac.compare_digest(parts[0].encode(), state.encode()):
            raise OidcError("the answer belongs to no sign-in of this browser")
        return cls(*parts)


class Oidc:
    """A client of one provider."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._endpoints: dict[str, Any] | None = None
        self._keys: dict[str, Any] = {}
        self._keys_at = float("-inf")

    def begin(self) -> tuple[str, Attempt]:
        """The address that the browser is sent to, and what has to come back. Raises OidcError."""
        attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        query = urlencode(
            {
                "response_type": "code",
                "scope": "openid profile",
                "client_id": self._settings.client_id,
                "redirect_uri": self._settings.redirect_uri,
                "state": attempt.state,
                "nonce": attempt.nonce,
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        )
        address = self._endpoint("authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{query}", attempt

    def finish(self, code: str, attempt: Attempt) -> str:
        """Whom the provider vouches for: the name of an account. Raises OidcError."""
        settings = self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        answer = self._fetch(
            "POST", self._endpoint("token_endpoint"), data=form, auth=(settings.client_id, settings.client_secret)
        )
        claims = self._believed(str(answer.get("id_token", "")))
        if not hmac.compare_digest(str(claims["nonce"]).encode(), attempt.nonce.encode()):
            raise OidcError("the token belongs to another sign-in")
        name = claims.get(settings.claim)
        if not isinstance(name, str) or not name:
            raise OidcError(f"the token has no claim '{settings.claim}'")
        return name

    def _believed(self, token: str) -> dict[str, Any]:
        settings = self._settings
        try:
            key = self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=settings.client_id,
                issuer=settings.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "sub", "nonce", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise OidcError(f"the token is not valid: {error}") from error
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != settings.client_id:
            raise OidcError("the token was made for somebody else")
        return claims

    def _key(self, kid: str) -> Any:
        with self._lock:
            age = time.monotonic() - self._keys_at
            if age > _KEYS_AGE_S or (kid not in self._keys and age > _FEWEST_S_BETWEEN_FETCHES):
                found = self._fetch("GET", self._endpoint("jwks_uri")).get("keys", [])
                self._keys = {one.key_id or "": one.key for one in jwt.PyJWKSet(found).keys}
                self._keys_at = time.monotonic()
            if kid not in self._keys:
                raise OidcError("the token is signed with an unknown key")
            return self._keys[kid]

    def _endpoint(self, name: str) -> str:
        if self._endpoints is None:
            found = self._fetch("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                raise OidcError("the provider calls itself otherwise than HOTLINE_OIDC_ISSUER")
            self._endpoints = found
        address = self._endpoints.get(name)
        if not isinstance(address, str):
            raise OidcError(f"the provider names no {name}")
        return address

    def _fetch(self, method: str, address: str, **what: Any) -> dict[str, Any]:
        try:
            answer = httpx2.request(method, address, timeout=_TIMEOUT_S, **what)
            answer.raise_for_status()
            found = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise OidcError(f"the provider does not answer as it should ({type(error).__name__})") from error
        if not isinstance(found, dict):
            raise OidcError("the provider does not answer as it should")
        return found
