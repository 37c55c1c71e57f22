"""What a command on a case may refuse."""

from __future__ import annotations


class CaseError(Exception):
    """A refusal: `code` for programs, the message for people.

    Codes: not_found, stale_version, bad_state, forbidden, guard, missing_reason, bad_value, key_reused, name_taken,
    held, unsupported.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
