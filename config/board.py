"""The live board and the telephone figures: what the router's process runs for them."""

from __future__ import annotations

from redis.asyncio import Redis

from call_router.ami import Ami
from call_router.board_feed import BoardFeed
from call_router.queue_log import QueueLog
from call_router.telephone_record import TelephoneRecord
from casebook.store.telephone import Telephone
from casebook.store.telephone_figures import TelephoneFigures
from config.wiring import Hotline, utc_now


def telephone_record(hotline: Hotline, ami: Ami) -> TelephoneRecord:
    """The record of this PBX's queues."""
    source = hotline.settings.system_name
    telephone = Telephone(hotline.engine)
    log = QueueLog(hotline.settings.pbx_log_dir, telephone, source)
    return TelephoneRecord(ami, log, telephone, TelephoneFigures(hotline.engine), source=source, clock=utc_now)


def board_feed(hotline: Hotline, ami: Ami) -> BoardFeed | None:
    """What publishes this PBX's live board; None where there is no Redis: calls go on without a board."""
    settings = hotline.settings
    if not settings.redis_url:
        return None
    redis = Redis.from_url(settings.redis_url, socket_timeout=2, socket_connect_timeout=2)
    return BoardFeed(ami, redis, settings.system_name, utc_now)
