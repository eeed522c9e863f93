"""Fulfilment: shipments and returns, line by line."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import mapped_column

from models.base import (
    Base,
    Mapped,
    enum_type,
    length_check,
    line_of_text,
    moment,
    money,
    not_negative,
    reference,
    uuid_key,
    uuid_version_check,
)

return_status = enum_type("return_status", "requested", "received", "cancelled")


class Shipment(Base):
    """A parcel that left a warehouse for one order."""

    __tablename__ = "shipments"
    __table_args__ = (
        uuid_version_check("shipment_id"),
        length_check("carrier", 100),
        length_check("tracking_number", 100),
        # An item for each line and slot: 200 lines from 256 slots.
        CheckConstraint("line_count BETWEEN 1 AND 51200", name="line_count_range"),
        CheckConstraint("delivered_at >= shipped_at", name="delivered_after_shipped"),
        reference("order_id", "orders"),
        reference("warehouse_id", "warehouses"),
        UniqueConstraint("shipment_id", "order_id", "warehouse_id"),
        Index("ix_shipments_order_id", "order_id"),
        Index("ix_shipments_warehouse_id", "warehouse_id"),
        {"comment": "Shipments. The client-made key makes a repeated posting one shipment."},
    )

    shipment_id: Mapped[uuid.UUID] = uuid_key("Key of the shipment, a UUIDv7 the client makes.")
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order.")
    warehouse_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Where it left from.")
    carrier: Mapped[str] = line_of_text("Who carries it.")
    tracking_number: Mapped[str | None] = line_of_text(
        "The carrier's number, if any; no personal data belongs here.", nullable=True
    )
    line_count: Mapped[int] = mapped_column(
        Integer, nullable=False, comment="Number of its items, one for each line and slot."
    )
    shipped_at: Mapped[dt.datetime] = moment("When it left.", now=True)
    delivered_at: Mapped[dt.datetime | None] = moment("When it arrived; NULL while under way.", nullable=True)


class ShipmentItem(Base):
    """Units of an allocation that went into a shipment. Writing it moves the stock and the counters."""

    __tablename__ = "shipment_items"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        reference(["shipment_id", "order_id", "warehouse_id"], "shipments"),
        reference(["order_id", "line_number", "warehouse_id", "slot"], "order_allocations"),
        Index("ix_shipment_items_order_id", "order_id", "line_number", "warehouse_id", "slot"),
        {"comment": "Content of shipments. All items of a shipment arrive in one statement; shipped once is shipped."},
    )

    shipment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The shipment.")
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="The line of the order.")
    slot: Mapped[int] = mapped_column(
        SmallInteger, primary_key=True, server_default=text("0"), comment="The slot it was taken from."
    )
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order of shipment and line.")
    warehouse_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The warehouse of both.")
    quantity: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Units shipped.")


class Return(Base):
    """Goods a customer sends back."""

    __tablename__ = "returns"
    __table_args__ = (
        uuid_version_check("return_id"),
        length_check("reason", 500),
        CheckConstraint("(status = 'received') = (received_at IS NOT NULL)", name="received_at_matches_status"),
        CheckConstraint("received_at >= requested_at", name="received_after_requested"),
        not_negative("refundable_minor"),
        CheckConstraint("refund_requested_minor BETWEEN 0 AND refundable_minor", name="refunds_within_refundable"),
        CheckConstraint("received_count BETWEEN 0 AND item_count", name="received_within_items"),
        CheckConstraint("status <> 'received' OR received_count = item_count", name="received_is_complete"),
        CheckConstraint("status <> 'cancelled' OR received_count = 0", name="cancelled_is_unreceived"),
        reference("order_id", "orders"),
        UniqueConstraint("order_id", "return_id"),
        {
            "comment": "Returns. What may be refunded for one is the value of the units received.",
            "postgresql_with": {"fillfactor": "80"},
        },
    )

    return_id: Mapped[uuid.UUID] = uuid_key("Key of the return, a UUIDv7 the client makes.")
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order.")
    status: Mapped[str] = mapped_column(
        return_status,
        nullable=False,
        server_default=text("'requested'"),
        comment="requested, received or cancelled.",
    )
    reason: Mapped[str] = line_of_text("What the customer said; erased with the order's addresses.")
    refundable_minor: Mapped[int] = money(
        "Value of the units received, in the order's minor unit. Kept by trigger.", default=0
    )
    refund_requested_minor: Mapped[int] = money(
        "Refunds for it that are pending or succeeded. Kept by trigger.", default=0
    )
    item_count: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Items announced. Kept by trigger."
    )
    received_count: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Items received. Kept by trigger."
    )
    requested_at: Mapped[dt.datetime] = moment("When it was announced.", now=True)
    received_at: Mapped[dt.datetime | None] = moment("When the goods were inspected; NULL before.", nullable=True)


class ReturnItem(Base):
    """Units of a line in a return. Its receipt is recorded once, and moves stock and counters."""

    __tablename__ = "return_items"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        not_negative("restocked_quantity"),
        not_negative("written_off_quantity"),
        CheckConstraint("restocked_quantity + written_off_quantity <= quantity", name="received_within_announced"),
        CheckConstraint(
            "received_at IS NOT NULL OR (restocked_quantity = 0 AND written_off_quantity = 0)",
            name="counted_when_received",
        ),
        CheckConstraint("warehouse_id IS NOT NULL OR restocked_quantity = 0", name="restocked_somewhere"),
        reference(["order_id", "return_id"], "returns"),
        reference(["order_id", "line_number"], "order_items"),
        reference("warehouse_id", "warehouses"),
        Index("ix_return_items_order_id", "order_id", "line_number"),
        Index("ix_return_items_return", "order_id", "return_id"),
        Index("ix_return_items_warehouse_id", "warehouse_id", postgresql_where=text("warehouse_id IS NOT NULL")),
        {"comment": "Content of returns: what was announced, and what inspection restocked or wrote off."},
    )

    return_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The return.")
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="The line of the order.")
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order of return and line.")
    quantity: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Units announced.")
    restocked_quantity: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="Units received and put back into stock.",
    )
    written_off_quantity: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="Units received that cannot be sold again.",
    )
    warehouse_id: Mapped[int | None] = mapped_column(BigInteger, comment="Where units were restocked.")
    received_at: Mapped[dt.datetime | None] = moment("When this line was received; set once.", nullable=True)
