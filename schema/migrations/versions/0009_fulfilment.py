"""Fulfilment: shipments and returns.

What left, and what came back.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute("CREATE TYPE shop.return_status AS ENUM ('requested', 'received', 'cancelled')")
    op.create_table(
        "shipments",
        sa.Column(
            "shipment_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the shipment, a UUIDv7 the client makes.",
        ),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False, comment="Where it left from."),
        sa.Column("carrier", sa.Text(), nullable=False, comment="Who carries it."),
        sa.Column(
            "tracking_number",
            sa.Text(),
            nullable=True,
            comment="The carrier's number, if any; no personal data belongs here.",
        ),
        sa.Column(
            "line_count", sa.Integer(), nullable=False, comment="Number of its items, one for each line and slot."
        ),
        sa.Column(
            "shipped_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it left.",
        ),
        sa.Column(
            "delivered_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it arrived; NULL while under way."
        ),
        sa.CheckConstraint(
            "btrim(carrier) <> '' AND char_length(carrier) <= 100", name=op.f("ck_shipments_carrier_length")
        ),
        sa.CheckConstraint(
            "btrim(tracking_number) <> '' AND char_length(tracking_number) <= 100",
            name=op.f("ck_shipments_tracking_number_length"),
        ),
        sa.CheckConstraint("delivered_at >= shipped_at", name=op.f("ck_shipments_delivered_after_shipped")),
        sa.CheckConstraint("line_count BETWEEN 1 AND 51200", name=op.f("ck_shipments_line_count_range")),
        sa.CheckConstraint("uuid_extract_version(shipment_id) = 7", name=op.f("ck_shipments_shipment_id_is_uuidv7")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shop.orders.order_id"], name=op.f("fk_shipments_order_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["shop.warehouses.warehouse_id"],
            name=op.f("fk_shipments_warehouse_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("shipment_id", name=op.f("pk_shipments")),
        sa.UniqueConstraint(
            "shipment_id", "order_id", "warehouse_id", name=op.f("uq_shipments_shipment_id_order_id_warehouse_id")
        ),
        schema="shop",
        comment="Shipments. The client-made key makes a repeated posting one shipment.",
    )
    op.create_index("ix_shipments_order_id", "shipments", ["order_id"], unique=False, schema="shop")
    op.create_index("ix_shipments_warehouse_id", "shipments", ["warehouse_id"], unique=False, schema="shop")
    op.create_table(
        "shipment_items",
        sa.Column("shipment_id", sa.Uuid(), nullable=False, comment="The shipment."),
        sa.Column("line_number", sa.SmallInteger(), nullable=False, comment="The line of the order."),
        sa.Column(
            "slot",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="The slot it was taken from.",
        ),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order of shipment and line."),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False, comment="The warehouse of both."),
        sa.Column("quantity", sa.SmallInteger(), nullable=False, comment="Units shipped."),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_shipment_items_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_number", "warehouse_id", "slot"],
            [
                "shop.order_allocations.order_id",
                "shop.order_allocations.line_number",
                "shop.order_allocations.warehouse_id",
                "shop.order_allocations.slot",
            ],
            name=op.f("fk_shipment_items_order_id_line_number_warehouse_id_slot"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["shipment_id", "order_id", "warehouse_id"],
            ["shop.shipments.shipment_id", "shop.shipments.order_id", "shop.shipments.warehouse_id"],
            name=op.f("fk_shipment_items_shipment_id_order_id_warehouse_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("shipment_id", "line_number", "slot", name=op.f("pk_shipment_items")),
        schema="shop",
        comment="Content of shipments. All items of a shipment arrive in one statement; shipped once is shipped.",
    )
    op.create_index(
        "ix_shipment_items_order_id",
        "shipment_items",
        ["order_id", "line_number", "warehouse_id", "slot"],
        unique=False,
        schema="shop",
    )
    op.create_table(
        "returns",
        sa.Column(
            "return_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the return, a UUIDv7 the client makes.",
        ),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column(
            "status",
            postgresql.ENUM(name="return_status", schema="shop", create_type=False),
            server_default=sa.text("'requested'"),
            nullable=False,
            comment="requested, received or cancelled.",
        ),
        sa.Column(
            "reason", sa.Text(), nullable=False, comment="What the customer said; erased with the order's addresses."
        ),
        sa.Column(
            "refundable_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Value of the units received, in the order's minor unit. Kept by trigger.",
        ),
        sa.Column(
            "refund_requested_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Refunds for it that are pending or succeeded. Kept by trigger.",
        ),
        sa.Column(
            "item_count",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Items announced. Kept by trigger.",
        ),
        sa.Column(
            "received_count",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Items received. Kept by trigger.",
        ),
        sa.Column(
            "requested_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was announced.",
        ),
        sa.Column(
            "received_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When the goods were inspected; NULL before.",
        ),
        sa.CheckConstraint(
            "(status = 'received') = (received_at IS NOT NULL)", name=op.f("ck_returns_received_at_matches_status")
        ),
        sa.CheckConstraint("btrim(reason) <> '' AND char_length(reason) <= 500", name=op.f("ck_returns_reason_length")),
        sa.CheckConstraint(
            "status <> 'cancelled' OR received_count = 0", name=op.f("ck_returns_cancelled_is_unreceived")
        ),
        sa.CheckConstraint(
            "status <> 'received' OR received_count = item_count", name=op.f("ck_returns_received_is_complete")
        ),
        sa.CheckConstraint("received_at >= requested_at", name=op.f("ck_returns_received_after_requested")),
        sa.CheckConstraint("received_count BETWEEN 0 AND item_count", name=op.f("ck_returns_received_within_items")),
        sa.CheckConstraint(
            "refund_requested_minor BETWEEN 0 AND refundable_minor", name=op.f("ck_returns_refunds_within_refundable")
        ),
        sa.CheckConstraint("refundable_minor >= 0", name=op.f("ck_returns_refundable_minor_not_negative")),
        sa.CheckConstraint("uuid_extract_version(return_id) = 7", name=op.f("ck_returns_return_id_is_uuidv7")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shop.orders.order_id"], name=op.f("fk_returns_order_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("return_id", name=op.f("pk_returns")),
        sa.UniqueConstraint("order_id", "return_id", name=op.f("uq_returns_order_id_return_id")),
        schema="shop",
        comment="Returns. What may be refunded for one is the value of the units received.",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "return_items",
        sa.Column("return_id", sa.Uuid(), nullable=False, comment="The return."),
        sa.Column("line_number", sa.SmallInteger(), nullable=False, comment="The line of the order."),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order of return and line."),
        sa.Column("quantity", sa.SmallInteger(), nullable=False, comment="Units announced."),
        sa.Column(
            "restocked_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units received and put back into stock.",
        ),
        sa.Column(
            "written_off_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units received that cannot be sold again.",
        ),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=True, comment="Where units were restocked."),
        sa.Column(
            "received_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When this line was received; set once."
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_return_items_quantity_positive")),
        sa.CheckConstraint(
            "received_at IS NOT NULL OR (restocked_quantity = 0 AND written_off_quantity = 0)",
            name=op.f("ck_return_items_counted_when_received"),
        ),
        sa.CheckConstraint(
            "restocked_quantity + written_off_quantity <= quantity",
            name=op.f("ck_return_items_received_within_announced"),
        ),
        sa.CheckConstraint("restocked_quantity >= 0", name=op.f("ck_return_items_restocked_quantity_not_negative")),
        sa.CheckConstraint(
            "warehouse_id IS NOT NULL OR restocked_quantity = 0", name=op.f("ck_return_items_restocked_somewhere")
        ),
        sa.CheckConstraint("written_off_quantity >= 0", name=op.f("ck_return_items_written_off_quantity_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_number"],
            ["shop.order_items.order_id", "shop.order_items.line_number"],
            name=op.f("fk_return_items_order_id_line_number"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "return_id"],
            ["shop.returns.order_id", "shop.returns.return_id"],
            name=op.f("fk_return_items_order_id_return_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["shop.warehouses.warehouse_id"],
            name=op.f("fk_return_items_warehouse_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("return_id", "line_number", name=op.f("pk_return_items")),
        schema="shop",
        comment="Content of returns: what was announced, and what inspection restocked or wrote off.",
    )
    op.create_index(
        "ix_return_items_order_id", "return_items", ["order_id", "line_number"], unique=False, schema="shop"
    )
    op.create_index("ix_return_items_return", "return_items", ["order_id", "return_id"], unique=False, schema="shop")
    op.create_index(
        "ix_return_items_warehouse_id",
        "return_items",
        ["warehouse_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("warehouse_id IS NOT NULL"),
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("return_items", schema="shop")
    op.drop_table("returns", schema="shop")
    op.drop_table("shipment_items", schema="shop")
    op.drop_table("shipments", schema="shop")
    op.execute("DROP TYPE shop.return_status")
    run_sql_beside(__file__, ".down.sql")
