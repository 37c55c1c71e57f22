"""Run by alembic: migrates over the connection that `upgrade` hands over."""

from alembic import context

from casebook.store import casework_schema
from casebook.store.schema import metadata

assert casework_schema.order_.metadata is metadata  # noqa: S101 - its tables are known from here on

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
