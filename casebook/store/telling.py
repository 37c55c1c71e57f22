"""What comes of a command is told: to units and roles in the console, to the citizen by whatever channel is set up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from casebook.handling.record import CaseRecord
from casebook.handling.scene import Told
from casebook.store.citizens import AUDIENCE
from casebook.store.notices import IN_APP, Address, Notice, send

Channels = Mapping[str, Sequence[str]]
"""The channels of `citizen` and of `unit` (units and roles of the house)."""


def tell(
    connection: Connection,
    case: CaseRecord,
    told: Iterable[Told],
    key: str,
    channels: Channels,
    now: datetime,
    children: Sequence[CaseRecord] = (),
) -> None:
    """Write an event's notices into its transaction. The citizens of merged cases hear what their master's hears, under
    the number that they know.
    """
    for one in told:
        if one.audience not in ("citizen", "merged"):
            addresses = [Address(name, one.audience) for name in channels.get("unit", (IN_APP,))]
            _send(connection, case.case_no, one, f"{key}:{one.kind}:{one.audience}", addresses, now)
            continue
        names = channels.get("citizen", ())
        for heard in (case, *children) if one.audience == "citizen" else children:
            if names and heard.citizen_id is not None:
                own = replace(one, text=one.text.replace(case.case_no, heard.case_no))
                addresses = [Address(name, f"{AUDIENCE}{heard.citizen_id}") for name in names]
                _send(connection, heard.case_no, own, f"{key}:{one.kind}:{heard.case_no}", addresses, now)


def _send(
    connection: Connection, case_no: str, told: Told, key: str, addresses: Sequence[Address], now: datetime
) -> None:
    send(connection, Notice(told.kind, key, case_no, told.title, told.text), {told.kind: addresses}, now)
