"""The call server."""

from __future__ import annotations

import threading

import structlog

from agi_scripts.server import AgiServer
from config.settings import SettingsError
from config.wiring import Hotline

_DRAIN_S = 15


def serve_agi(hotline: Hotline, port: int, stop: threading.Event) -> None:
    """Answer calls until told to stop; then let those under way finish. Raises SettingsError for a taken port."""
    settings = hotline.settings
    peers = frozenset(peer.strip() for peer in settings.agi_allowed.split(","))
    driver = hotline.agi_driver
    try:
        server = AgiServer(
            settings.agi_host, port, driver.handle, allowed_peers=peers, max_calls=settings.agi_max_calls
        )
    except OSError as error:
        raise SettingsError(f"HOTLINE_AGI_PORT: port {port} cannot be used ({error.strerror})") from error

    def watch() -> None:
        stop.wait()
        server.stop()

    threading.Thread(target=watch, name="stop", daemon=True).start()
    structlog.get_logger().info("answering", port=server.port)
    server.serve()
    given_back = server.drain(_DRAIN_S)
    structlog.get_logger().info("drained", given_back=given_back)
