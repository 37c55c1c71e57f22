"""Run by alembic: migrates over the connection that `upgrade` hands over."""

from alembic import context

from casebook.store import router_tables  # noqa: F401 - its tables belong to the metadata
from casebook.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
context.run_migrations()
