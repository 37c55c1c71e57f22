"""Who is told of what: the city's file and the settings become routes for the store and channels for the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from casebook.notifier import Channel, Notifier, TwilioSms, Webhook
from casebook.store.notices import IN_APP, Address, Routes
from casebook.store.telling import Channels
from config.clock import utc_now
from config.settings import Settings

DUTY = "duty"
_CHANNELS = (IN_APP, "webhook", "sms")


class NoticesError(Exception):
    """The file of notices is wrong; the message is one sentence with the file's name."""


def routes(settings: Settings) -> Routes:
    """The addresses of each kind of notice. Raises NoticesError."""
    addresses = {
        IN_APP: [Address(IN_APP, DUTY)],
        "webhook": [Address("webhook", DUTY)] if settings.notify_webhook_url else [],
        # A number is a setting; the outbox holds only whose turn it is.
        "sms": [Address("sms", name) for name in _duty_phones(settings)] if _can_text(settings) else [],
    }
    return {
        kind: tuple(address for channel in channels for address in addresses[channel])
        for kind, channels in load(settings.city_dir / "notices.yaml").items()
    }


def case_channels(settings: Settings) -> Channels:
    """How units and citizens are told what becomes of a case. Raises NoticesError."""
    ready = {IN_APP: True, "webhook": bool(settings.notify_webhook_url), "sms": _can_text(settings)}
    kinds = load(settings.city_dir / "notices.yaml")
    return {kind: tuple(one for one in kinds.get(kind, ()) if ready[one]) for kind in ("unit", "citizen")}


def notifier(settings: Settings, citizens: Mapping[str, str]) -> Notifier:
    """The channels that are set up. `citizens` has the number behind each name that a citizen's notice goes to."""
    channels: dict[str, Channel] = {}
    if settings.notify_webhook_url:
        channels["webhook"] = Webhook(settings.notify_webhook_url, settings.notify_webhook_secret, utc_now)
    if _can_text(settings):
        channels["sms"] = TwilioSms(
            settings.twilio_account_sid,
            settings.twilio_auth_token.split(",")[0].strip(),
            settings.notify_sms_from,
            _Phones(_duty_phones(settings), citizens),
            settings.twilio_api,
        )
    return Notifier(channels)


def load(path: Path) -> Mapping[str, tuple[str, ...]]:
    """The channels of each kind. Raises NoticesError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise NoticesError(f"{path.name}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise NoticesError(f"{path.name}: must name the channels of each kind of notice")
    for kind, channels in content.items():
        if not isinstance(channels, list) or not set(channels) <= set(_CHANNELS):
            raise NoticesError(f"{path.name}: {kind} must be a list of {', '.join(_CHANNELS)}")
    return {str(kind): tuple(channels) for kind, channels in content.items()}


class _Phones(Mapping[str, str]):
    """The numbers of those on duty, and of citizens."""

    def __init__(self, duty: Mapping[str, str], citizens: Mapping[str, str]) -> None:
        self._duty, self._citizens = duty, citizens

    def __getitem__(self, name: str) -> str:
        return self._duty[name] if name in self._duty else self._citizens[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._duty
        yield from self._citizens

    def __len__(self) -> int:
        return len(self._duty) + len(self._citizens)


def _can_text(settings: Settings) -> bool:
    return bool(settings.twilio_account_sid and settings.twilio_auth_token and settings.notify_sms_from)


def _duty_phones(settings: Settings) -> dict[str, str]:
    numbers = [number.strip() for number in settings.notify_sms_to.split(",") if number.strip()]
    return {f"{DUTY}:{n}": number for n, number in enumerate(numbers)}
