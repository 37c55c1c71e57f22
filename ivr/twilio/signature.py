"""Whether a request comes from Twilio: X-Twilio-Signature, over the address that Twilio was given.

The address is PUBLIC_URL and the raw path and query, never the request's own host: behind a proxy that is another one,
and X-Forwarded-* can be sent by anybody. https://www.twilio.com/docs/usage/security
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence

from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

HEADER = "X-Twilio-Signature"


class _Fields(dict[str, list[str]]):
    """A form as the library asks for it first: every value of a name by `getall`."""

    def __init__(self, form: FormData) -> None:
        super().__init__()
        for name, value in form.multi_items():
            self.setdefault(name, []).append(str(value))

    def getall(self, name: str) -> list[str]:
        """The values of a name."""
        return self[name]


class Signatures:
    """Checks requests against the account's tokens: one, or two while the token is being changed."""

    def __init__(self, tokens: Sequence[str], account_sid: str, public_url: str) -> None:
        self._validators = tuple(RequestValidator(token) for token in tokens)
        self._account_sid = account_sid
        self._public_url = public_url.rstrip("/")

    def accept(self, path: bytes, query: bytes, form: FormData, signature: str) -> bool:
        """Whether Twilio signed this request for this account. `path` and `query` are as they came, undecoded."""
        if not signature or form.get("AccountSid") != self._account_sid:
            return False
        address = self._public_url + path.decode("ascii", "replace")
        if query:
            address += "?" + query.decode("ascii", "replace")
        given = signature.encode()
        fields = _Fields(form)
        for validator in self._validators:
            # The library's own comparison goes through every letter in Python: only for the other form of a port.
            if hmac.compare_digest(validator.compute_signature(address, fields).encode(), given):
                return True
            if validator.validate(address, fields, signature):
                return True
        return False

    def sign(self, path: str, form: FormData) -> str:
        """The signature that Twilio would send with a request to `path` (and query)."""
        signature: str = self._validators[0].compute_signature(self._public_url + path, form)
        return signature

    def round_trip(self) -> str | None:
        """Sign a request as the cloud does and check it; what is wrong, or None."""
        path, query = "/twilio/voice", f"check={secrets.token_hex(4)}"
        form = FormData([("AccountSid", self._account_sid), ("Digits", ""), ("Body", "您好")])
        if not self.accept(path.encode(), query.encode(), form, self.sign(f"{path}?{query}", form)):
            return "a request that is signed with HOTLINE_TWILIO_AUTH_TOKEN is not accepted"
        if self.accept(path.encode(), query.encode(), form, ""):
            return "a request without a signature is accepted"
        return None
