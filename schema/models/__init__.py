"""The schema `shop` as SQLAlchemy models, one module an area. `metadata` is what Alembic compares with the database.

What SQLAlchemy cannot say (triggers, functions, invariants, grants) stands in the `.sql` files beside the migrations;
the whole of it, as PostgreSQL sees it, in `schema/schema.sql`.
"""

from models import (
    accounts,
    carts,
    catalogue,
    fulfilment,
    integration,
    inventory,
    ledger,
    orders,
    payments,
    pricing,
    reference,
)
from models.base import Base, metadata

__all__ = [
    "Base",
    "accounts",
    "carts",
    "catalogue",
    "fulfilment",
    "integration",
    "inventory",
    "ledger",
    "metadata",
    "orders",
    "payments",
    "pricing",
    "reference",
]
