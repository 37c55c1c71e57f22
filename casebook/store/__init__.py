"""The one store of calls and cases; the only code that speaks SQL."""

from casebook.store import (
    casework_schema,  # noqa: F401 - its tables belong to the schema
    knowledge_schema,  # noqa: F401
    linkage_tables,
    review_tables,
    router_tables,
    telephone_tables,
)
from casebook.store.engine import open_engine
from casebook.store.migrate import upgrade

__all__ = ["linkage_tables", "open_engine", "review_tables", "router_tables", "telephone_tables", "upgrade"]
