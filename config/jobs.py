"""Jobs: the outbox in SQL is the truth, dramatiq on Redis carries each job to a worker.

A relay sends what is due; the worker leases the row, works, and completes it in the transaction that writes the result.
A message that is lost costs a repeat of the sending, a message that comes twice finds no lease to take. Nothing
registers at import: `build_actors` makes the actors of a broker.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerConnectionError
from redis.exceptions import RedisError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from casebook.store.outbox import Job, Outbox

Writes = Callable[[Connection], None]
Handler = Callable[[Mapping[str, Any]], Writes]
"""Does the work of a job, holding no connection, and returns what is written together with its completion."""

LEASE_S = 20
_RENEW_S = 5
_RELAY_S = 0.5
_RETRIES_S = (5, 15, 60, 300, 900, 1800, 3600)


class Unready(Exception):
    """The worker cannot do this kind of job now (no model yet): the job waits and no attempt is counted against it."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """What runs jobs: the outbox, a handler for each kind, and the clock."""

    outbox: Outbox
    handlers: Mapping[str, Handler]
    clock: Callable[[], datetime]


def build_broker(redis_url: str) -> RedisBroker:
    """A broker that gives a killed worker's messages to the next one within seconds, and never stops a long job."""
    # No Retries, TimeLimit or AgeLimit middleware: the outbox decides when a job comes again and when it is dead.
    # maintenance_chance is out of a million: at dramatiq's default a killed worker's messages wait for minutes.
    make: Callable[..., RedisBroker] = RedisBroker
    return make(url=redis_url, middleware=[], maintenance_chance=1_000_000, heartbeat_timeout=15_000)


def build_actors(broker: dramatiq.Broker, jobs: Jobs) -> dramatiq.Actor[[str], None]:
    """The one actor: it takes the id of an outbox row."""
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

    def perform(job_id: str) -> None:
        run_job(jobs, int(job_id), f"{owner}-{threading.get_ident()}")

    return dramatiq.actor(actor_name="perform", queue_name="hotline", broker=broker)(perform)


def run_job(jobs: Jobs, job_id: int, owner: str) -> None:
    """Lease a job, do it, complete it; without the lease, leave it alone."""
    job = jobs.outbox.lease(job_id, owner, jobs.clock(), LEASE_S)
    if job is None:
        return
    log = structlog.get_logger().bind(job=job.id, kind=job.kind, attempt=job.attempts)
    with _Heartbeat(jobs, job, owner):
        try:
            writes = jobs.handlers[job.kind](job.payload)
        except Unready as error:
            log.warning("job waits", reason=str(error))
            jobs.outbox.postpone(job.id, owner, jobs.clock() + timedelta(seconds=_RELAY_S * 20))
            return
        except Exception as error:  # noqa: BLE001 - whatever a job meets, it is retried, then shown as dead
            log.warning("job failed", error=type(error).__name__)
            delay = _RETRIES_S[min(job.attempts, len(_RETRIES_S)) - 1]
            jobs.outbox.fail(job.id, owner, f"{type(error).__name__}: {error}", jobs.clock() + timedelta(seconds=delay))
            return
        done = jobs.outbox.complete(job.id, owner, jobs.clock(), writes)
    log.info("job done" if done else "job was taken over")


class _Heartbeat:
    """Renews a lease while the work goes on."""

    def __init__(self, jobs: Jobs, job: Job, owner: str) -> None:
        self._jobs, self._job, self._owner = jobs, job, owner
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._stop.wait(_RENEW_S):
            try:
                if not self._jobs.outbox.renew(self._job.id, self._owner, self._jobs.clock(), LEASE_S):
                    return
            except SQLAlchemyError:
                # The next beat tries again; if the lease runs out meanwhile, `complete` refuses.
                structlog.get_logger().warning("lease not renewed", job=self._job.id)


class Relay:
    """Sends due jobs to the broker, again and again, until stopped. Any number of relays may run."""

    def __init__(self, jobs: Jobs, actor: dramatiq.Actor[[str], None]) -> None:
        self._jobs, self._actor = jobs, actor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batch under way."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(_RELAY_S):
            try:
                for job in self._jobs.outbox.due(self._jobs.clock(), limit=100):
                    self._actor.send(str(job.id))
            except (SQLAlchemyError, RedisError, BrokerConnectionError) as error:
                # Broker or database away: the rows stay due, and nothing is lost but time.
                structlog.get_logger().warning("relay waits", error=type(error).__name__)
                self._stop.wait(2)
