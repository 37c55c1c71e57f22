"""The worker."""

from __future__ import annotations

import os
import threading

import dramatiq
import structlog

from casebook.store.nightly import plan_night
from config import twilio
from config.handlers import handlers
from config.jobs import Jobs, Relay, build_actors, build_broker
from config.linkage import Telling
from config.serving.readiness import model_problem
from config.settings import SettingsError
from config.wiring import Hotline, utc_now


def serve_worker(hotline: Hotline, stop: threading.Event) -> None:
    """Do jobs until told to stop. Raises SettingsError without a broker."""
    settings = hotline.settings
    if not settings.redis_url:
        raise SettingsError("HOTLINE_REDIS_URL is not set (`hotline run` starts a broker of its own)")
    # Calls come first: recognition takes what they leave of the processor.
    os.nice(settings.worker_nice)
    broker = build_broker(settings.redis_url)
    jobs = Jobs(hotline.outbox, {**handlers(hotline), **twilio.handlers(hotline)}, utc_now)
    reaper = twilio.reaper(hotline) if twilio.configured(settings) else None
    relay = Relay(jobs, build_actors(broker, jobs))
    telling = Telling(hotline.engine, settings)
    with hotline.engine.begin() as connection:
        plan_night(connection, utc_now())
    worker = dramatiq.Worker(broker, worker_threads=settings.worker_threads)
    worker.start()
    relay.start()
    telling.start()
    if reaper:
        reaper.start()
    if problem := model_problem(hotline):
        structlog.get_logger().warning("voicemails wait for a model", reason=problem)
    stop.wait()
    telling.stop()
    if reaper:
        reaper.stop()
    relay.stop()
    worker.stop()
    broker.close()
