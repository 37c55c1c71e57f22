"""Alerts: raised once with what they were found in, told once to each addressee, answered once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from casebook.errors import CaseError
from casebook.store.alerts import Alerts, FoundAlarm, raise_alerts
from casebook.store.notices import Address, Inbox, Notice, send
from casebook.store.schema import alert, event, notice, outbox
from casebook.store.verify import verify_chains
from tests.store.conftest import NOW, Store
from tests.store.test_store import create, keep

FIRE = FoundAlarm("fire", "火情", "emergency", "着火", "找火", "sound", 0.97, 1200)
ROUTES = {"alert": (Address("in_app", "duty"), Address("webhook", "duty"), Address("sms", "duty:0"))}


def voicemail(store: Store) -> str:
    create(store)
    return keep(store).case_no


def raise_them(store: Store, *alarms: FoundAlarm, routes: Any = ROUTES) -> None:
    with store.engine.begin() as connection:
        raise_alerts(connection, 1, alarms, routes, NOW)


def rows(store: Store, statement: Any) -> list[Any]:
    with store.engine.connect() as connection:
        return list(connection.execute(statement))


def test_an_alert_stands_in_the_history_and_is_told_by_every_channel(store: Store) -> None:
    case_no = voicemail(store)
    raise_them(store, FIRE)
    [item] = Alerts(store.engine).items(unacknowledged=True)
    assert (item.case_no, item.category, item.quote, item.start_ms) == (case_no, "fire", "找火", 1200)
    assert item.masked_number == "138****5678"
    kinds = [row.type for row in rows(store, select(event.c.type).order_by(event.c.id))]
    assert kinds[-1] == "raise_alert"
    assert verify_chains(store.engine) == []
    jobs = rows(store, select(outbox.c.key, outbox.c.payload).where(outbox.c.kind == "notify").order_by(outbox.c.id))
    assert [row.key for row in jobs] == [f"notify:webhook:duty:alert:{item.id}", f"notify:sms:duty:0:alert:{item.id}"]
    for row in jobs:
        assert "13812345678" not in row.payload
        assert json.loads(row.payload)["case_no"] == case_no
    assert [one.title for one in Inbox(store.engine).items(("duty",), unread=True)] == ["留言预警：火情"]


def test_a_second_transcription_raises_only_what_is_new(store: Store) -> None:
    voicemail(store)
    raise_them(store, FIRE)
    gas = FoundAlarm("gas", "燃气", "emergency", "漏气", "漏气", "text", 1.0, 0)
    raise_them(store, FIRE, gas)
    assert [row.category for row in rows(store, select(alert.c.category).order_by(alert.c.id))] == ["fire", "gas"]
    assert len(rows(store, select(notice.c.id))) == 2
    assert len(rows(store, select(outbox.c.id).where(outbox.c.kind == "notify"))) == 4


def test_what_was_done_is_said_once(store: Store) -> None:
    voicemail(store)
    raise_them(store, FIRE)
    alerts = Alerts(store.engine, lambda: NOW)
    [item] = alerts.items(unacknowledged=True)
    with pytest.raises(CaseError) as refused:
        alerts.acknowledge(item.id, "wangmin", "  ")
    assert refused.value.code == "missing_reason"
    with pytest.raises(CaseError) as unknown:
        alerts.acknowledge(item.id + 1, "wangmin", "已转119")
    assert unknown.value.code == "not_found"
    first = alerts.acknowledge(item.id, "wangmin", "已转119")
    second = alerts.acknowledge(item.id, "lihua", "误报")
    assert (first.note, first.acknowledged_by) == ("已转119", "wangmin")
    assert second == first
    assert alerts.items(unacknowledged=True) == []
    kinds = [row.type for row in rows(store, select(event.c.type).order_by(event.c.id))]
    assert kinds.count("acknowledge_alert") == 1
    assert verify_chains(store.engine) == []


def test_a_kind_without_an_address_tells_nobody(store: Store) -> None:
    voicemail(store)
    raise_them(store, FIRE, routes={})
    assert rows(store, select(notice.c.id)) == []
    assert rows(store, select(outbox.c.id).where(outbox.c.kind == "notify")) == []
    assert len(Alerts(store.engine).items(unacknowledged=False)) == 1


def test_a_notice_is_read_by_its_audience_alone(store: Store) -> None:
    with store.engine.begin() as connection:
        for _ in range(2):
            send(connection, Notice("alert", "k1", "", "题", "文"), {"alert": (Address("in_app", "duty"),)}, NOW)
    inbox = Inbox(store.engine, lambda: NOW)
    [item] = inbox.items(("duty",), unread=True)
    assert inbox.items(("user:lihua",), unread=False) == []
    with pytest.raises(CaseError) as refused:
        inbox.read(item.id, ("user:lihua",), "lihua")
    assert refused.value.code == "not_found"
    inbox.read(item.id, ("duty",), "wangmin")
    inbox.read(item.id, ("duty",), "lihua")
    assert inbox.items(("duty",), unread=True) == []
    [read] = rows(store, select(notice.c.read_by, notice.c.read_at))
    assert (read.read_by, read.read_at) == ("wangmin", NOW)
