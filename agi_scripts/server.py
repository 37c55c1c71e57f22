"""A FastAGI server with bounded threads: one thread a call while prompts, keys and recordings run.

Full, it closes a new connection at once, and the dialplan goes on to the next server. SIGTERM drains: no new call, the
calls under way get their time, and what is left then is given back to the dialplan.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from structlog.contextvars import bound_contextvars

from agi_scripts.errors import CallerGone, TransportError
from agi_scripts.hardened import HotlineAGI

Handler = Callable[[HotlineAGI], None]
_STACK_BYTES = 512 * 1024
_BACKLOG = 1024
"""The kernel cuts it to net.core.somaxconn; Python's default of 5 loses bursts."""


@dataclass(slots=True)
class ServerStats:
    """Counters since the start."""

    active: int = 0
    accepted: int = 0
    refused_full: int = 0
    refused_peer: int = 0
    not_agi: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Calls:
    sessions: set[HotlineAGI] = field(default_factory=set)
    idle: threading.Condition = field(default_factory=threading.Condition)


class AgiServer:
    """Listens, and runs `handler` for each call.

    `allowed_peers` are the addresses of our PBXs. Raises OSError where the port cannot be had.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handler: Handler,
        *,
        allowed_peers: frozenset[str],
        max_calls: int = 600,
        env_timeout_s: float = 5,
        reply_timeout_s: float = 15,
    ) -> None:
        self.stats = ServerStats()
        self._handler = handler
        self._allowed = allowed_peers
        self._max_calls = max_calls
        self._env_timeout_s = env_timeout_s
        self._reply_timeout_s = reply_timeout_s
        self._calls = _Calls()
        self._log = structlog.get_logger()
        self._waker, self._woken = socket.socketpair()
        self._listener = socket.create_server((host, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Accept calls until `stop`."""
        threading.stack_size(_STACK_BYTES)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._woken in ready:
                    break
                self._accept()
        self._listener.close()

    def stop(self) -> None:
        """End `serve`; safe from any thread and from a signal handler, and when it has ended."""
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def drain(self, timeout_s: float) -> int:
        """Wait for the calls under way; then give the rest back to the dialplan and return how many those were."""
        deadline = time.monotonic() + timeout_s
        with self._calls.idle:
            self._calls.idle.wait_for(lambda: self.stats.active == 0, timeout=timeout_s)
            left = list(self._calls.sessions)
        for session in left:
            session.abandon()
        with self._calls.idle:
            self._calls.idle.wait_for(lambda: self.stats.active == 0, timeout=max(5.0, deadline - time.monotonic()))
        self._waker.close()
        self._woken.close()
        return len(left)

    def _accept(self) -> None:
        try:
            connection, address = self._listener.accept()
        except OSError as error:
            # The peer was gone again, or we are out of descriptors: the next call is another one.
            self._log.warning("accept failed", error=type(error).__name__)
            time.sleep(0.01)
            return
        if address[0] not in self._allowed:
            self.stats.refused_peer += 1
            self._log.warning("peer refused", peer=address[0])
            connection.close()
            return
        with self._calls.idle:
            full = self.stats.active >= self._max_calls
            if not full:
                self.stats.active += 1
                self.stats.accepted += 1
        if full:
            self.stats.refused_full += 1
            self._log.warning("call refused: full", max_calls=self._max_calls)
            connection.close()
            return
        try:
            threading.Thread(target=self._run, args=(connection,), name="agi", daemon=True).start()
        except RuntimeError:
            # No thread to be had: closing sends the caller to the next server.
            self._log.error("no thread for a call")
            self._finish(connection, None)

    def _run(self, connection: socket.socket) -> None:
        session: HotlineAGI | None = None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            session = HotlineAGI(connection, env_timeout_s=self._env_timeout_s, reply_timeout_s=self._reply_timeout_s)
            with self._calls.idle:
                self._calls.sessions.add(session)
            with bound_contextvars(call_id=session.env["agi_uniqueid"][:64]):
                self._handle(session)
        except (TransportError, CallerGone, OSError) as error:
            # Port scans, health checks, half-open connections.
            self.stats.not_agi += 1
            self._log.info("connection without a call", reason=str(error))
        finally:
            self._finish(connection, session)

    def _handle(self, session: HotlineAGI) -> None:
        try:
            self._handler(session)
        except CallerGone:
            self._log.info("caller gone")
        except TransportError as error:
            self.stats.failed += 1
            self._log.warning("call given back", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the dialplan goes on with the call on the next server
            self.stats.failed += 1
            self._log.error("call failed", error=type(error).__name__, exc_info=not _is_database(error))

    def _finish(self, connection: socket.socket, session: HotlineAGI | None) -> None:
        connection.close()
        with self._calls.idle:
            if session is not None:
                self._calls.sessions.discard(session)
            self.stats.active -= 1
            self._calls.idle.notify_all()


def _is_database(error: Exception) -> bool:
    """Database errors quote their parameters; those stay out of the log."""
    return type(error).__module__.startswith("sqlalchemy")
