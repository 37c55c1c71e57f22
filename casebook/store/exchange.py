"""Cases out to a table, numbers masked, and in from one, which is checked whole before any of it is done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from casebook.errors import CaseError
from casebook.handling import commands as do
from casebook.numbering import ZONE
from casebook.privacy import mask_text
from casebook.roles import Actor
from casebook.store.casework import Casework, Registered
from casebook.store.engine import reading
from casebook.store.queries import Cases
from casebook.store.schema import case_, citizen
from casebook.tables import read_table

DEMAND_NAMES = {
    "consult": "咨询",
    "help": "求助",
    "complaint": "投诉",
    "report": "举报",
    "opinion": "意见",
    "suggestion": "建议",
    "criticism": "批评",
    "praise": "表扬",
    "other": "其他",
}
HEADING = (
    "编号",
    "渠道",
    "状态",
    "诉求类型",
    "事项",
    "区域",
    "地点",
    "标题",
    "内容",
    "联系电话",
    "主办单位",
    "登记时间",
    "办理时限",
    "办结时间",
    "办理结果",
    "满意度",
    "公开答复",
)
MAX_EXPORTED = 50_000
_NEEDED = ("诉求类型", "标题", "内容")


@dataclass(frozen=True, slots=True)
class Period:
    """Registered in [since, until)."""

    since: datetime
    until: datetime


def export_rows(cases: Cases, actor: Actor, period: Period) -> Iterator[tuple[str, ...]]:
    """The heading, then the cases that the actor may see. Raises CaseError forbidden, bad_value."""
    rights = cases.rights(actor)
    if not rights.rule.exports:
        raise CaseError("forbidden", "您的岗位不能导出案件。")
    statement = (
        select(case_, citizen.c.phone_masked)
        .outerjoin(citizen, citizen.c.id == case_.c.citizen_id)
        .where(cases.scope(rights), case_.c.registered_at >= period.since, case_.c.registered_at < period.until)
        .order_by(case_.c.id)
        .limit(MAX_EXPORTED + 1)
    )
    with reading(cases.engine) as connection:
        rows = connection.execute(statement).all()
    if len(rows) > MAX_EXPORTED:
        raise CaseError("bad_value", f"一次最多导出 {MAX_EXPORTED} 件，请缩短时间段。")
    names = {one.code: one.name for one in cases.book.units}
    yield HEADING
    for row in rows:
        secret = rights.rule.reads == "unit" and row.secret
        yield (
            row.case_no,
            row.channel,
            row.state,
            DEMAND_NAMES.get(row.demand, row.demand),
            row.matter,
            row.region,
            row.place,
            mask_text(row.title),
            mask_text(row.body),
            "" if secret else row.phone_masked or "",
            names.get(row.lead_unit, row.lead_unit),
            _city_time(row.registered_at),
            _city_time(row.due_at),
            _city_time(row.closed_at),
            row.outcome,
            str(row.satisfied or ""),
            mask_text(row.answer) if row.closed_at is not None or rights.rule.internal else "",
        )


def _city_time(moment: datetime | None) -> str:
    return f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M}" if moment else ""


def import_cases(casework: Casework, actor: Actor, content: bytes) -> list[Registered]:
    """Register every row of a table. The same file again adds nothing, so that one that was cut off can be repeated.

    Raises CaseError bad_value with the number of the first wrong row; nothing has been registered then.
    """
    rows = read_table(content)
    if not rows:
        raise CaseError("bad_value", "表里没有数据。")
    missing = [name for name in _NEEDED if name not in rows[0]]
    if missing:
        raise CaseError("bad_value", f"表里缺少列：{'、'.join(missing)}。")
    commands = []
    for n, row in enumerate(rows, start=2):
        try:
            command = _command(row)
            casework.try_out(command, channel="import", actor=actor)
        except CaseError as error:
            raise CaseError("bad_value", f"第 {n} 行：{error}") from error
        commands.append(command)
    digest = hashlib.sha256(content).hexdigest()[:32]
    return [
        casework.register(command, channel="import", actor=actor, idempotency_key=f"import:{digest}:{n}")
        for n, command in enumerate(commands)
    ]


def _command(row: Mapping[str, str]) -> do.Register:
    demands = {name: code for code, name in DEMAND_NAMES.items()}
    demand = row["诉求类型"]
    if demand not in demands:
        raise CaseError("bad_value", f"没有诉求类型“{demand[:20]}”。")
    phone = row.get("联系电话", "")
    return do.Register(
        demand=demands[demand],
        title=row["标题"][:100],
        body=row["内容"][:5000],
        place=row.get("地点", "")[:200] or "无地点",
        matter=row.get("事项", ""),
        region=row.get("区域", ""),
        name=row.get("姓名", "")[:64],
        phone=phone[:32],
        anonymous=not phone,
        reference=row.get("渠道编号", "")[:64],
    )
