"""What Twilio's cloud is asked for: recordings, the state of calls, calls to make. REST API 2010-04-01.

Every address is built here from settings and from identifiers that were checked: no address in a form field is ever
opened, so the account's token goes to Twilio's host alone.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from ivr.twilio.outcomes import OVER

HOST = "https://api.twilio.com"
_PATH = re.compile(r"twilio/[0-9a-fA-F]{2}/(?P<call>CA[0-9a-fA-F]{32})-(?P<recording>RE[0-9a-fA-F]{32})\.wav")
_TIMEOUT_S = 10
_LARGEST_BYTES = 64 * 1024 * 1024
_SOUND = ("audio/x-wav", "audio/wav", "audio/wave", "audio/vnd.wave")
_FETCHED_AT_ONCE = 200
_LISTED_AT_ONCE = 1000
_CLOCKS_DIFFER_BY = timedelta(minutes=2)


class CloudError(Exception):
    """Twilio could not be asked, or has not got it (yet); the message names no number and no secret."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account, and where its REST API is. Two tokens while the token is being changed."""

    sid: str
    tokens: tuple[str, ...]
    api: str = HOST


@dataclass(frozen=True, slots=True)
class CloudCall:
    """A call as Twilio has it."""

    status: str
    caller: str
    dialled: str
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call to the line that is over at Twilio. `lasted_s` is 0 for one that was never answered."""

    call_sid: str
    caller: str
    dialled: str
    started_at: datetime
    lasted_s: int


@dataclass(frozen=True, slots=True)
class CloudRecording:
    """A recording that Twilio holds."""

    call_sid: str
    recording_sid: str


class Media:
    """Brings recordings into the folder."""

    def __init__(self, account: Account, folder: Path, usable: Callable[[Path], bool]) -> None:
        """`usable` says whether a file is sound that can be read."""
        self._account = account
        self._folder = folder
        self._usable = usable

    def bring(self, path: str, timeout_s: float = _TIMEOUT_S) -> Path:
        """The file of a recording, fetched where it is not here. Raises CloudError."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise CloudError("not the path of a recording")
        target = self._folder / path
        if target.is_file():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
        try:
            self._download(match["recording"], partial, timeout_s)
            if not self._usable(partial):
                raise CloudError("what Twilio sent is no sound")
            partial.replace(target)
            _sync(target.parent)
        finally:
            partial.unlink(missing_ok=True)
        return target

    def _download(self, recording_sid: str, file: Path, timeout_s: float) -> None:
        account = self._account
        url = f"{account.api}/2010-04-01/Accounts/{account.sid}/Recordings/{recording_sid}.wav"
        for token in account.tokens:
            try:
                with httpx2.stream(
                    "GET", url, auth=(account.sid, token), timeout=timeout_s, follow_redirects=False
                ) as answer:
                    if answer.status_code == 401 and token != account.tokens[-1]:
                        continue
                    _check(answer)
                    _write(answer, file)
                    return
            except httpx2.HTTPError as error:
                raise CloudError(f"the recording cannot be fetched: {type(error).__name__}") from error


class Cloud:
    """The account's calls and recordings, by Twilio's own client."""

    def __init__(self, account: Account) -> None:
        self._clients = [_client(account, token) for token in account.tokens]

    def call(self, call_sid: str) -> CloudCall:
        """One call. Raises CloudError."""
        found = self._ask(lambda client: client.calls(call_sid).fetch())
        return CloudCall(str(found.status), found._from or "", found.to or "", found.start_time)

    def calls_to(self, number: str, since: datetime) -> list[EndedCall]:
        """Calls that came in to a number since a moment and are over. Raises CloudError."""
        found = self._ask(
            lambda client: client.calls.list(to=number, start_time_after=since, page_size=_LISTED_AT_ONCE)
        )
        over = [one for one in found if one.direction == "inbound" and str(one.status) in OVER]
        return [
            EndedCall(
                one.sid, one._from or "", one.to or "", one.start_time or one.date_created, int(one.duration or 0)
            )
            for one in over
        ]

    def recordings_since(self, moment: datetime) -> list[CloudRecording]:
        """Recordings made since a moment, the newest first. Raises CloudError."""
        found = self._ask(lambda client: client.recordings.list(date_created_after=moment, page_size=_FETCHED_AT_ONCE))
        return [CloudRecording(one.call_sid, one.sid) for one in found]

    def delete_recording(self, recording_sid: str) -> None:
        """Delete a recording there; one that is gone already is no error. Raises CloudError."""
        try:
            self._ask(lambda client: client.recordings(recording_sid).delete())
        except CloudError as error:
            if not isinstance(error.__cause__, TwilioRestException) or error.__cause__.status != 404:
                raise

    def make_call(self, *, to: str, sender: str, url: str, status_url: str, ring_s: int) -> str:
        """Call somebody; what they hear is asked for at `url`. Returns the CallSid. Raises CloudError."""
        made = self._ask(
            lambda client: client.calls.create(
                to=to,
                from_=sender,
                url=url,
                method="POST",
                status_callback=status_url,
                status_callback_event=["completed"],
                status_callback_method="POST",
                timeout=ring_s,
                machine_detection="Enable",
            )
        )
        return str(made.sid)

    def calls_made(self, *, to: str, sender: str, since: datetime) -> list[str]:
        """CallSids of the calls that were made to a number, perhaps by a process that died. Raises CloudError."""
        since -= _CLOCKS_DIFFER_BY
        found = self._ask(lambda client: client.calls.list(to=to, from_=sender, start_time_after=since, limit=20))
        return [one.sid for one in found if one.date_created >= since and one.direction == "outbound-api"]

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """Ask with the first token, and with the second where the first is not accepted (any more)."""
        for client in self._clients:
            try:
                return question(client)
            except TwilioException as error:
                refused = isinstance(error, TwilioRestException) and error.status == 401
                if refused and client is not self._clients[-1]:
                    continue
                code = f"status {error.status}" if isinstance(error, TwilioRestException) else type(error).__name__
                raise CloudError(f"Twilio did not answer as asked: {code}") from error
            except OSError as error:
                # What the client's own transport raises is a kind of OSError.
                raise CloudError(f"Twilio cannot be reached: {type(error).__name__}") from error
        raise CloudError("there is no token")


class _Transport(TwilioHttpClient):  # type: ignore[misc]
    """The client's transport, to the host of the settings."""

    def __init__(self, api: str) -> None:
        super().__init__(timeout=_TIMEOUT_S)
        self._api = api

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Raises OSError where there is no answer."""
        return super().request(method, url.replace(HOST, self._api, 1), *args, **kwargs)


def _client(account: Account, token: str) -> Any:
    return Client(account.sid, token, http_client=_Transport(account.api.rstrip("/")))


def _check(answer: httpx2.Response) -> None:
    if answer.status_code != 200:
        raise CloudError(f"the recording cannot be fetched: status {answer.status_code}")
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in _SOUND:
        raise CloudError("what Twilio sent is no sound by its own word")


def _write(answer: httpx2.Response, file: Path) -> None:
    """Every byte that was announced, or CloudError."""
    size = 0
    with file.open("wb") as out:
        for chunk in answer.iter_bytes():
            size += len(chunk)
            if size > _LARGEST_BYTES:
                raise CloudError("the recording is larger than any recording may be")
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    announced = answer.headers.get("Content-Length")
    if not size or (announced is not None and announced != str(size)):
        raise CloudError("the recording broke off on its way")


def _sync(folder: Path) -> None:
    """A name survives a power cut only when its folder is synced too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
