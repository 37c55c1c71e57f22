"""Who may speak to the webhooks: Twilio, for this account, over the address that it was given. Everybody else: 403."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from ivr.twilio.signature import Signatures
from tests.twilio.conftest import TwilioLine
from tests.twilio.fake_cloud import ACCOUNT_SID, TOKEN
from tests.twilio.fake_twilio import PUBLIC_URL

ROUTES = [
    "/twilio/voice",
    "/twilio/step/1/gather",
    "/twilio/step/1/beep",
    "/twilio/step/1/record",
    "/twilio/step/1/dial",
    "/twilio/step/1/queue",
    "/twilio/recording",
    "/twilio/status",
    "/twilio/made/call_back",
    "/twilio/made/survey",
    "/twilio/fallback",
    "/twilio/hold?limit=60",
    "/twilio/whisper",
]
FIELDS = {"AccountSid": ACCOUNT_SID, "CallSid": "CA" + "7" * 32, "From": "+8613812345678", "Digits": ""}


def post(line: TwilioLine, path: str, fields: Any, signature: str | None, **headers: str) -> Any:
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    if signature is not None:
        sent["X-Twilio-Signature"] = signature
    return line.send("POST", path, sent, urlencode(fields).encode())


def sign(path: str, fields: Any, token: str = TOKEN, at: str = PUBLIC_URL) -> str:
    signature: str = RequestValidator(token).compute_signature(at + path, fields)
    return signature


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_refuses_what_is_not_signed_and_answers_what_is(line: TwilioLine, path: str) -> None:
    assert post(line, path, FIELDS, None).status_code == 403
    assert post(line, path, FIELDS, "").status_code == 403
    assert post(line, path, FIELDS, sign(path, FIELDS, "another token of the same length")).status_code == 403
    answer = post(line, path, FIELDS, sign(path, FIELDS))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")


def test_a_field_that_was_changed_added_or_left_out_is_refused(line: TwilioLine) -> None:
    path, signature = "/twilio/voice", sign("/twilio/voice", FIELDS)
    assert post(line, path, {**FIELDS, "From": "+8613800000000"}, signature).status_code == 403
    assert post(line, path, {**FIELDS, "Extra": ""}, signature).status_code == 403
    without_blank = {name: value for name, value in FIELDS.items() if value}
    assert post(line, path, without_blank, signature).status_code == 403
    assert post(line, path + "?x=1", FIELDS, signature).status_code == 403


def test_blank_and_repeated_fields_are_part_of_what_is_signed(line: TwilioLine) -> None:
    path = "/twilio/voice"
    pairs = [*FIELDS.items(), ("Tag", "b"), ("Tag", "a"), ("Tag", "b"), ("Empty", "")]
    joined = "".join(name + value for name, value in sorted({*pairs}))
    made = base64.b64encode(hmac.new(TOKEN.encode(), (PUBLIC_URL + path + joined).encode(), hashlib.sha1).digest())
    assert post(line, path, pairs, made.decode()).status_code == 200


def test_the_address_counts_as_it_was_sent_and_no_header_of_a_proxy_is_believed(line: TwilioLine) -> None:
    path = "/twilio/hold?limit=60&note=%E6%82%A8+%20a"
    assert post(line, path, FIELDS, sign(path, FIELDS)).status_code == 200
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Host": "evil.example"}
    assert post(line, path, FIELDS, sign(path, FIELDS), **forged).status_code == 200
    at_the_forged_host = sign(path, FIELDS, at="http://evil.example")
    assert post(line, path, FIELDS, at_the_forged_host, **forged).status_code == 403


def test_the_port_may_be_signed_or_not(line: TwilioLine) -> None:
    assert post(line, "/twilio/voice", FIELDS, sign("/twilio/voice", FIELDS, at=PUBLIC_URL + ":443")).status_code == 200


@pytest.mark.parametrize("account", ["AC" + "6" * 32, ""])
def test_another_account_is_refused_though_the_signature_is_right(line: TwilioLine, account: str) -> None:
    fields = {**FIELDS, "AccountSid": account}
    assert post(line, "/twilio/voice", fields, sign("/twilio/voice", fields)).status_code == 403


@pytest.mark.parametrize("line", [{"twilio_auth_token": f"the new token, {TOKEN}"}], indirect=True)
def test_two_tokens_are_accepted_while_the_token_is_being_changed(line: TwilioLine) -> None:
    for token, status in ((TOKEN, 200), ("the new token", 200), ("neither", 403)):
        assert post(line, "/twilio/voice", FIELDS, sign("/twilio/voice", FIELDS, token)).status_code == status


def test_a_body_that_is_too_long_or_has_too_many_fields_is_refused(line: TwilioLine) -> None:
    for fields in ({**FIELDS, "Body": "x" * 70_000}, {**FIELDS, **{f"f{n}": "" for n in range(300)}}):
        assert post(line, "/twilio/voice", fields, sign("/twilio/voice", fields)).status_code == 403


def test_a_signed_request_without_a_call_or_with_a_nonsense_step_keeps_the_citizen(line: TwilioLine) -> None:
    for path, fields in (
        ("/twilio/voice", {"AccountSid": ACCOUNT_SID}),
        ("/twilio/voice", {**FIELDS, "CallSid": "../../etc/passwd"}),
        ("/twilio/step/minus/gather", FIELDS),
        ("/twilio/step/99999999999999999999/gather", FIELDS),
        ("/twilio/step/1/dance", FIELDS),
    ):
        answer = post(line, path, fields, sign(path, fields))
        assert answer.status_code == 200
        assert "<Dial" in answer.text


def test_the_round_trip_of_the_check() -> None:
    assert Signatures((TOKEN,), ACCOUNT_SID, PUBLIC_URL).round_trip() is None
    assert Signatures(("你好",), ACCOUNT_SID, PUBLIC_URL + "/").round_trip() is None


def test_prompts_are_served_to_be_kept_and_nothing_else_is(line: TwilioLine) -> None:
    answer = line.send("GET", "/twilio/prompts/digits/3.wav?v=1", {}, b"")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert "max-age=604800" in answer.headers["cache-control"]
    assert answer.headers["etag"]
    for path in ("/twilio/prompts/nothing.wav", "/twilio/prompts/..%2Fflow.yaml.wav", "/twilio/prompts/manifest.json"):
        assert line.send("GET", path, {}, b"").status_code == 404


def test_a_recording_is_played_to_nobody_who_guesses_its_address(line: TwilioLine) -> None:
    made = line.call("2", "busy", ("say", 3), "2", "1", "")
    (row,) = line.recordings(made.call_sid)
    seal = line.hotline.privacy.index(row.path, "twilio.playback")[:32]
    assert line.send("GET", f"/twilio/playback/{seal}/{row.path}", {}, b"").status_code == 200
    assert line.send("GET", f"/twilio/playback/{'0' * 32}/{row.path}", {}, b"").status_code == 403
