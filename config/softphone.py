"""The telephones in the agents' browsers: what the PBX and the web server have to know of them."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from asterisk_conf.render import BrowserPhones
from call_router.telephones import BROWSER
from casebook.api.desk_parts import BrowserPhone
from config.secrets_store import make_secret
from config.settings import Settings, SettingsError


def browser_phones(settings: Settings) -> BrowserPhones | None:
    """For the PBX; None where agents have telephones on their desks only. Raises SettingsError."""
    if not settings.browser_phones:
        return None
    certificate, key = settings.browser_phone_tls_cert, settings.browser_phone_tls_key
    if (certificate is None) != (key is None):
        raise SettingsError("HOTLINE_BROWSER_PHONE_TLS_CERT and HOTLINE_BROWSER_PHONE_TLS_KEY go together")
    return BrowserPhones(
        host=settings.browser_phone_host,
        port=settings.browser_phone_port,
        tls_certificate=certificate.absolute() if certificate else None,
        tls_key=key.absolute() if key else None,
        tls_port=settings.browser_phone_port + 1,
        media_addresses=_media_addresses(settings),
    )


def socket_url(settings: Settings) -> str:
    """Where a browser opens its WebSocket; empty where it may not. Raises SettingsError."""
    if not settings.browser_phones:
        return ""
    tls = settings.browser_phone_tls_cert is not None
    port = settings.browser_phone_port + (1 if tls else 0)
    url = settings.browser_phone_url or f"{'wss' if tls else 'ws'}://{settings.browser_phone_host}:{port}/ws"
    address = urlsplit(url)
    if address.scheme not in ("ws", "wss") or not address.hostname or any(mark in url for mark in " ;,\r\n"):
        raise SettingsError("HOTLINE_BROWSER_PHONE_URL must be a ws:// or wss:// address")
    return url


def socket_origin(url: str) -> str:
    """The one foreign address that the content security policy lets our pages connect to."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc}" if url else ""


def browser_phone(settings: Settings, extension: str) -> BrowserPhone | None:
    """What the browser of the agent at `extension` registers with."""
    url = socket_url(settings)
    if not url:
        return None
    name = extension + BROWSER
    return BrowserPhone(url, f"sip:{name}@{settings.sip_host}", name, browser_secret(settings, extension))


def browser_secret(settings: Settings, extension: str) -> str:
    """The password of the telephone in the browser; made when it is missing."""
    return make_secret(settings.data_dir, f"agent-{extension}-browser", 24)[0]


def _media_addresses(settings: Settings) -> tuple[tuple[str, str], ...]:
    """What is set; else, on a machine that only loopback reaches, its own address as loopback."""
    pairs = [pair.strip().partition("=") for pair in settings.browser_phone_media.split(",") if pair.strip()]
    try:
        found = [(str(ipaddress.ip_address(ours)), str(ipaddress.ip_address(seen))) for ours, _, seen in pairs]
        loopback = ipaddress.ip_address(settings.sip_host).is_loopback
    except ValueError as error:
        raise SettingsError("HOTLINE_BROWSER_PHONE_MEDIA must be address=address,address=address") from error
    if not found and loopback and (own := _own_address()):
        return ((own, settings.sip_host),)
    return tuple(found)


def _own_address() -> str:
    """This machine's address on its network; nothing is sent to find it. Empty for none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
