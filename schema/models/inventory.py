"""Inventory: warehouses, stock levels, and the movements that alone change them."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Index, Integer, SmallInteger, text
from sqlalchemy.orm import mapped_column

from models.base import (
    Base,
    Mapped,
    enum_type,
    identity_key,
    length_check,
    line_of_text,
    moment,
    not_negative,
    reference,
)

stock_movement_kind = enum_type(
    "stock_movement_kind", "receipt", "reservation", "release", "shipment", "return", "adjustment", "transfer"
)


class Warehouse(Base):
    """A place from which goods are sent."""

    __tablename__ = "warehouses"
    __table_args__ = (
        CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'", name="code_format"),
        length_check("name", 100),
        CheckConstraint("priority BETWEEN 1 AND 1000", name="priority_range"),
        reference("country", "countries", "code"),
        Index("uq_warehouses_code", "code", unique=True),
        {"comment": "Warehouses. Stock is reserved by priority, lowest number first."},
    )

    warehouse_id: Mapped[int] = identity_key("Key of the warehouse.")
    code: Mapped[str] = line_of_text("Short code staff use, such as DUB1.")
    name: Mapped[str] = line_of_text("Name of the place.")
    country: Mapped[str] = line_of_text("Country it stands in.")
    priority: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("100"),
        comment="Order in which stock is taken, lowest first.",
    )
    is_active: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="Whether new orders may be served from it.",
    )


class StockLevel(Base):
    """How many units of a variant lie in a slot of a warehouse, and how many of them are promised."""

    __tablename__ = "stock_levels"
    __table_args__ = (
        not_negative("slot"),
        CheckConstraint("reserved BETWEEN 0 AND on_hand", name="reserved_within_on_hand"),
        reference("variant_id", "product_variants"),
        reference("warehouse_id", "warehouses"),
        Index("ix_stock_levels_warehouse_id", "warehouse_id"),
        {
            "comment": "Stock by variant, warehouse and slot: always the sum of its movements, which alone may change it."
            " A hot product is spread over several slots, so that buyers do not queue behind one row.",
            # Counters change often and stand in no index: room on the page keeps updates heap-only.
            "postgresql_with": {"fillfactor": "70"},
        },
    )

    variant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The variant.")
    warehouse_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The warehouse.")
    slot: Mapped[int] = mapped_column(
        SmallInteger,
        primary_key=True,
        server_default=text("0"),
        comment="0 unless the stock is split over slots.",
    )
    on_hand: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Units physically there. Kept by trigger."
    )
    reserved: Mapped[int] = mapped_column(
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Units promised to orders. Kept by trigger.",
    )


class StockMovement(Base):
    """One change of a stock level. Append-only: inserting it is the only way to change stock."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        # One row a kind says which of the two numbers may move, and which way.
        CheckConstraint(
            "CASE kind"
            " WHEN 'receipt' THEN on_hand_delta > 0 AND reserved_delta = 0"
            " WHEN 'reservation' THEN on_hand_delta = 0 AND reserved_delta > 0"
            " WHEN 'release' THEN on_hand_delta = 0 AND reserved_delta < 0"
            " WHEN 'shipment' THEN on_hand_delta < 0 AND reserved_delta = on_hand_delta"
            " WHEN 'return' THEN on_hand_delta > 0 AND reserved_delta = 0"
            " WHEN 'adjustment' THEN on_hand_delta <> 0 AND reserved_delta = 0"
            " WHEN 'transfer' THEN on_hand_delta <> 0 AND reserved_delta = 0"
            " END",
            name="deltas_fit_kind",
        ),
        CheckConstraint(
            "(order_id IS NULL) = (line_number IS NULL)"
            " AND (order_id IS NOT NULL) = (kind IN ('reservation', 'release', 'shipment', 'return'))",
            name="order_line_fits_kind",
        ),
        length_check("reason", 500),
        CheckConstraint("reason IS NOT NULL OR kind <> 'adjustment'", name="adjustment_has_reason"),
        reference(["variant_id", "warehouse_id", "slot"], "stock_levels"),
        reference(["order_id", "line_number"], "order_items"),
        Index("ix_stock_movements_stock", "variant_id", "warehouse_id", "slot", "stock_movement_id"),
        {"comment": "Every change of stock, append-only. Stock levels are the sum of these rows."},
    )

    stock_movement_id: Mapped[int] = identity_key("Key of the movement, ascending.")
    variant_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The variant.")
    warehouse_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The warehouse.")
    slot: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="The slot, 0 unless the stock is split.",
    )
    kind: Mapped[str] = mapped_column(
        stock_movement_kind,
        nullable=False,
        comment="receipt, reservation, release, shipment, return, adjustment, or transfer between slots.",
    )
    on_hand_delta: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Change of the units on hand."
    )
    reserved_delta: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Change of the units reserved."
    )
    order_id: Mapped[uuid.UUID | None] = mapped_column(comment="The order that caused it, if one did.")
    line_number: Mapped[int | None] = mapped_column(SmallInteger, comment="The line of that order.")
    reason: Mapped[str | None] = line_of_text("Why, in words; required for adjustments.", nullable=True)
    moved_at: Mapped[dt.datetime] = moment("When it happened.", now=True)
