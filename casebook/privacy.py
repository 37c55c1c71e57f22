"""Personal data at rest: encrypted values, look-up indexes and masked forms.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce; HMAC-SHA256 for look-ups; both keys from SECRET_KEY by HKDF
(RFC 5869). A value is bound to its place (table, column, row), so that one cannot be moved to another row.
"""

from __future__ import annotations

import hmac
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_ID = b"\x01"
_NONCE_BYTES = 12
_COUNTRY = "86"


class PrivacyError(Exception):
    """A value cannot be read: another SECRET_KEY wrote it, or it was changed."""


class Privacy:
    """The keys of one installation."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESGCM(_derive(secret, b"hotline column encryption v1"))
        self._index_key = _derive(secret, b"hotline lookup index v1")

    def encrypt(self, value: str, place: str) -> bytes:
        """The value, readable only with the key and at `place` ("call.ani:<call id>")."""
        nonce = os.urandom(_NONCE_BYTES)
        return _KEY_ID + nonce + self._cipher.encrypt(nonce, value.encode(), place.encode())

    def decrypt(self, data: bytes, place: str) -> str:
        """The value that `encrypt` wrote for this place. Raises PrivacyError."""
        if data[:1] != _KEY_ID:
            raise PrivacyError("a protected value was written with an unknown key")
        nonce, body = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, place.encode()).decode()
        except InvalidTag as error:
            raise PrivacyError(
                "a protected value cannot be read: HOTLINE_SECRET_KEY is not the one that wrote it"
            ) from error

    def index(self, value: str, purpose: str) -> str:
        """A digest by which equal values of one purpose are found, and nothing else."""
        return hmac.digest(self._index_key, f"{purpose}\0{value}".encode(), "sha256").hex()

    def same(self, value: str, index: str, purpose: str) -> bool:
        """Whether `index` belongs to `value`, in constant time."""
        return hmac.compare_digest(self.index(value, purpose), index)


def normalise_number(number: str) -> str:
    """A telephone number in E.164 where it can be told, else its digits; empty for none."""
    digits = re.sub(r"\D", "", number)
    if number.strip().startswith("+") or not digits:
        return f"+{digits}" if digits else ""
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    if re.fullmatch(r"1[3-9]\d{9}", digits):
        return f"+{_COUNTRY}{digits}"
    if re.fullmatch(r"0\d{9,11}", digits):
        return f"+{_COUNTRY}{digits[1:]}"
    return digits


def mask_number(number: str) -> str:
    """138****5678; short numbers show their last two digits only."""
    digits = normalise_number(number).removeprefix(f"+{_COUNTRY}")
    if len(digits) >= 8:
        return f"{digits[:3]}****{digits[-4:]}"
    return f"****{digits[-2:]}" if digits else ""


_IN_TEXT = re.compile(
    r"(?<!\d)(?:(?P<identity>\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx])"
    r"|(?P<mobile>1[3-9]\d{9})|(?P<card>[3-6]\d{15,18}))(?!\d)"
)


def mask_text(text: str) -> str:
    """Free text with identity, mobile and bank card numbers masked: their last four digits stay."""
    return _IN_TEXT.sub(lambda found: "*" * (len(found[0]) - 4) + found[0][-4:], text)


def _derive(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
