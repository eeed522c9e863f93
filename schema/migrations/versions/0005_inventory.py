"""Inventory: warehouses, stock levels and the movements that alone change them.

Stock is a ledger; the level is its sum, kept by trigger under a CHECK.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute(
        "CREATE TYPE shop.stock_movement_kind AS ENUM ('receipt', 'reservation', 'release', 'shipment', 'return', 'adjustment', 'transfer')"
    )
    op.create_table(
        "warehouses",
        sa.Column(
            "warehouse_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the warehouse."
        ),
        sa.Column("code", sa.Text(), nullable=False, comment="Short code staff use, such as DUB1."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name of the place."),
        sa.Column("country", sa.Text(), nullable=False, comment="Country it stands in."),
        sa.Column(
            "priority",
            sa.SmallInteger(),
            server_default=sa.text("100"),
            nullable=False,
            comment="Order in which stock is taken, lowest first.",
        ),
        sa.Column(
            "is_active",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="Whether new orders may be served from it.",
        ),
        sa.CheckConstraint("btrim(name) <> '' AND char_length(name) <= 100", name=op.f("ck_warehouses_name_length")),
        sa.CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'", name=op.f("ck_warehouses_code_format")),
        sa.CheckConstraint("priority BETWEEN 1 AND 1000", name=op.f("ck_warehouses_priority_range")),
        sa.ForeignKeyConstraint(
            ["country"], ["shop.countries.code"], name=op.f("fk_warehouses_country"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("warehouse_id", name=op.f("pk_warehouses")),
        schema="shop",
        comment="Warehouses. Stock is reserved by priority, lowest number first.",
    )
    op.create_index("uq_warehouses_code", "warehouses", ["code"], unique=True, schema="shop")
    op.create_table(
        "stock_levels",
        sa.Column("variant_id", sa.BigInteger(), nullable=False, comment="The variant."),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False, comment="The warehouse."),
        sa.Column(
            "slot",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="0 unless the stock is split over slots.",
        ),
        sa.Column(
            "on_hand",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units physically there. Kept by trigger.",
        ),
        sa.Column(
            "reserved",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units promised to orders. Kept by trigger.",
        ),
        sa.CheckConstraint("reserved BETWEEN 0 AND on_hand", name=op.f("ck_stock_levels_reserved_within_on_hand")),
        sa.CheckConstraint("slot >= 0", name=op.f("ck_stock_levels_slot_not_negative")),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["shop.product_variants.variant_id"],
            name=op.f("fk_stock_levels_variant_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["shop.warehouses.warehouse_id"],
            name=op.f("fk_stock_levels_warehouse_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("variant_id", "warehouse_id", "slot", name=op.f("pk_stock_levels")),
        schema="shop",
        comment="Stock by variant, warehouse and slot: always the sum of its movements, which alone may change it. A hot product is spread over several slots, so that buyers do not queue behind one row.",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_stock_levels_warehouse_id", "stock_levels", ["warehouse_id"], unique=False, schema="shop")
    op.create_table(
        "stock_movements",
        sa.Column(
            "stock_movement_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the movement, ascending.",
        ),
        sa.Column("variant_id", sa.BigInteger(), nullable=False, comment="The variant."),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False, comment="The warehouse."),
        sa.Column(
            "slot",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="The slot, 0 unless the stock is split.",
        ),
        sa.Column(
            "kind",
            postgresql.ENUM(name="stock_movement_kind", schema="shop", create_type=False),
            nullable=False,
            comment="receipt, reservation, release, shipment, return, adjustment, or transfer between slots.",
        ),
        sa.Column(
            "on_hand_delta",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Change of the units on hand.",
        ),
        sa.Column(
            "reserved_delta",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Change of the units reserved.",
        ),
        sa.Column("order_id", sa.Uuid(), nullable=True, comment="The order that caused it, if one did."),
        sa.Column("line_number", sa.SmallInteger(), nullable=True, comment="The line of that order."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why, in words; required for adjustments."),
        sa.Column(
            "moved_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it happened.",
        ),
        sa.CheckConstraint(
            "(order_id IS NULL) = (line_number IS NULL) AND (order_id IS NOT NULL) = (kind IN ('reservation', 'release', 'shipment', 'return'))",
            name=op.f("ck_stock_movements_order_line_fits_kind"),
        ),
        sa.CheckConstraint(
            "CASE kind WHEN 'receipt' THEN on_hand_delta > 0 AND reserved_delta = 0 WHEN 'reservation' THEN on_hand_delta = 0 AND reserved_delta > 0 WHEN 'release' THEN on_hand_delta = 0 AND reserved_delta < 0 WHEN 'shipment' THEN on_hand_delta < 0 AND reserved_delta = on_hand_delta WHEN 'return' THEN on_hand_delta > 0 AND reserved_delta = 0 WHEN 'adjustment' THEN on_hand_delta <> 0 AND reserved_delta = 0 WHEN 'transfer' THEN on_hand_delta <> 0 AND reserved_delta = 0 END",
            name=op.f("ck_stock_movements_deltas_fit_kind"),
        ),
        sa.CheckConstraint(
            "btrim(reason) <> '' AND char_length(reason) <= 500",
            name=op.f("ck_stock_movements_reason_length"),
        ),
        sa.CheckConstraint(
            "reason IS NOT NULL OR kind <> 'adjustment'", name=op.f("ck_stock_movements_adjustment_has_reason")
        ),
        sa.ForeignKeyConstraint(
            ["variant_id", "warehouse_id", "slot"],
            ["shop.stock_levels.variant_id", "shop.stock_levels.warehouse_id", "shop.stock_levels.slot"],
            name=op.f("fk_stock_movements_variant_id_warehouse_id_slot"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("stock_movement_id", name=op.f("pk_stock_movements")),
        schema="shop",
        comment="Every change of stock, append-only. Stock levels are the sum of these rows.",
    )
    op.create_index(
        "ix_stock_movements_stock",
        "stock_movements",
        ["variant_id", "warehouse_id", "slot", "stock_movement_id"],
        unique=False,
        schema="shop",
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("stock_movements", schema="shop")
    op.drop_table("stock_levels", schema="shop")
    op.drop_table("warehouses", schema="shop")
    op.execute("DROP TYPE shop.stock_movement_kind")
    run_sql_beside(__file__, ".down.sql")
