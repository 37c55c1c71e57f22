"""What the hotline needs, and what is wrong with it."""

from __future__ import annotations

import redis
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from casebook.store.engine import reading
from config.model import check_model
from config.settings import Settings
from config.wiring import Hotline
from transcription.model import ModelMissing


def readiness(hotline: Hotline) -> dict[str, str | None]:
    """Each part that the hotline needs, with what is wrong with it or None."""
    return {
        "store": _store_problem(hotline),
        "broker": _broker_problem(hotline.settings),
        "model": model_problem(hotline),
    }


def _store_problem(hotline: Hotline) -> str | None:
    try:
        with reading(hotline.engine) as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return type(error).__name__
    return None


def _broker_problem(settings: Settings) -> str | None:
    if not settings.redis_url:
        return "HOTLINE_REDIS_URL is not set"
    try:
        with redis.Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError as error:
        return type(error).__name__
    return None


def model_problem(hotline: Hotline) -> str | None:
    """Why voicemails cannot be transcribed; None where they can."""
    try:
        check_model(hotline.settings)
    except ModelMissing as error:
        return str(error)
    return None
