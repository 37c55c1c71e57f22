"""Tables of the telephone service: visits to queues, agents' times, and the figures of each half hour.

A visit names its call without a foreign key: the PBX tells of visits before the call's own row comes from its list.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from casebook.store.schema import UtcDateTime, metadata

Id = BigInteger().with_variant(Integer, "sqlite")

queue_visit = Table(
    "queue_visit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", String(32), nullable=False),
    Column("call_id", String(64), nullable=False),
    Column("queue", String(64), nullable=False),
    Column("entered_at", UtcDateTime, nullable=False, index=True),
    Column("outcome", String(16), nullable=False),
    Column("wait_s", Integer),
    Column("answered_at", UtcDateTime),
    Column("agent", String(80), nullable=False),
    Column("talk_s", Integer),
    Column("acw_s", Integer),
    Column("left_at", UtcDateTime),
    UniqueConstraint("call_id", "queue", "entered_at"),
)
Index(
    "ix_queue_visit_open",
    queue_visit.c.id,
    sqlite_where=queue_visit.c.left_at.is_(None),
    postgresql_where=queue_visit.c.left_at.is_(None),
)
Index("ix_queue_visit_agent", queue_visit.c.agent, queue_visit.c.id)

agent_time = Table(
    "agent_time",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", String(32), nullable=False),
    Column("agent", String(80), nullable=False),
    Column("queue", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("agent", "queue", "kind", "began_at"),
)
Index("ix_agent_time_ended_at", agent_time.c.ended_at)

telephone_interval = Table(
    "telephone_interval",
    metadata,
    Column("id", Id, primary_key=True),
    # Empty for all queues together.
    Column("queue", String(64), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("definition_version", Integer, nullable=False),
    Column("cut_off", UtcDateTime, nullable=False),
    Column("figures", Text, nullable=False),
    # Of the visits that it was counted from: whoever counts again from the same gets the same.
    Column("digest", String(64), nullable=False),
)
Index("ix_telephone_interval_began_at", telephone_interval.c.began_at, telephone_interval.c.queue)

reading_position = Table(
    "reading_position",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("file", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
