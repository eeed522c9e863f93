"""Coupons and carts.

What is about to be bought.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute("CREATE TYPE shop.coupon_kind AS ENUM ('percent', 'fixed')")
    op.execute("CREATE TYPE shop.cart_status AS ENUM ('open', 'converted', 'merged', 'expired')")
    op.create_table(
        "coupons",
        sa.Column("coupon_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the coupon."),
        sa.Column("code", sa.Text(), nullable=False, comment="What the customer types, upper case; unique for ever."),
        sa.Column("description", sa.Text(), nullable=False, comment="What it is for, for staff."),
        sa.Column(
            "kind",
            postgresql.ENUM(name="coupon_kind", schema="shop", create_type=False),
            nullable=False,
            comment="percent of the lines, or a fixed amount.",
        ),
        sa.Column(
            "rate",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="Fraction taken off, 0.100000 for a tenth; percent only.",
        ),
        sa.Column(
            "amount_minor", sa.BigInteger(), nullable=True, comment="Amount taken off, in the minor unit; fixed only."
        ),
        sa.Column(
            "currency",
            sa.Text(),
            nullable=True,
            comment="Currency of amount and minimum; NULL for a rate in any currency.",
        ),
        sa.Column(
            "minimum_subtotal_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Smallest subtotal it applies to, in the minor unit.",
        ),
        sa.Column(
            "starts_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="First moment it is valid.",
        ),
        sa.Column(
            "ends_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="First moment it is no longer valid; NULL: open end.",
        ),
        sa.Column("usage_limit", sa.Integer(), nullable=True, comment="Most redemptions in all; NULL: no limit."),
        sa.Column(
            "per_customer_limit",
            sa.Integer(),
            nullable=True,
            comment="Most redemptions by one customer, or by one e-mail address for guests; NULL: no limit.",
        ),
        sa.Column(
            "times_used",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Redemptions not released. Kept by trigger.",
        ),
        sa.Column(
            "is_active",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="False: switched off by staff.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was created.",
        ),
        sa.CheckConstraint(
            "CASE kind WHEN 'percent' THEN rate > 0 AND rate <= 1 AND rate IS NOT NULL AND amount_minor IS NULL WHEN 'fixed' THEN amount_minor > 0 AND amount_minor IS NOT NULL AND rate IS NULL AND currency IS NOT NULL END",
            name=op.f("ck_coupons_value_fits_kind"),
        ),
        sa.CheckConstraint(
            "btrim(description) <> '' AND char_length(description) <= 500",
            name=op.f("ck_coupons_description_length"),
        ),
        sa.CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{2,39}$'", name=op.f("ck_coupons_code_format")),
        sa.CheckConstraint("amount_minor <= 1000000000000", name=op.f("ck_coupons_amount_minor_limit")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_coupons_ends_after_start")),
        sa.CheckConstraint(
            "minimum_subtotal_minor <= 1000000000000", name=op.f("ck_coupons_minimum_subtotal_minor_limit")
        ),
        sa.CheckConstraint(
            "minimum_subtotal_minor = 0 OR currency IS NOT NULL", name=op.f("ck_coupons_minimum_has_currency")
        ),
        sa.CheckConstraint("minimum_subtotal_minor >= 0", name=op.f("ck_coupons_minimum_subtotal_minor_not_negative")),
        sa.CheckConstraint("per_customer_limit > 0", name=op.f("ck_coupons_per_customer_limit_positive")),
        sa.CheckConstraint("times_used <= usage_limit", name=op.f("ck_coupons_within_usage_limit")),
        sa.CheckConstraint("times_used >= 0", name=op.f("ck_coupons_times_used_not_negative")),
        sa.CheckConstraint("usage_limit > 0", name=op.f("ck_coupons_usage_limit_positive")),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_coupons_currency"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("coupon_id", name=op.f("pk_coupons")),
        schema="shop",
        comment="Coupons. times_used counts redemptions that were not released; it never passes the limit.",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("uq_coupons_code", "coupons", ["code"], unique=True, schema="shop")
    op.create_table(
        "carts",
        sa.Column(
            "cart_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the cart, a UUIDv7 the client may make; a guest's only handle to it.",
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=True, comment="Whose cart; NULL for a guest."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency the cart is priced in."),
        sa.Column(
            "status",
            postgresql.ENUM(name="cart_status", schema="shop", create_type=False),
            server_default=sa.text("'open'"),
            nullable=False,
            comment="open, converted to an order, merged, expired.",
        ),
        sa.Column("coupon_id", sa.BigInteger(), nullable=True, comment="Coupon to be applied at checkout."),
        sa.Column(
            "merged_into_cart_id", sa.Uuid(), nullable=True, comment="The cart this one was merged into at log-in."
        ),
        sa.Column(
            "version",
            sa.BigInteger(),
            server_default=sa.text("1"),
            nullable=False,
            comment="Raised once by each transaction that changes its lines. Kept by trigger.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was created.",
        ),
        sa.Column(
            "updated_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it last changed. Kept by trigger.",
        ),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False, comment="When an open cart is given up."),
        sa.CheckConstraint(
            "(status = 'merged') = (merged_into_cart_id IS NOT NULL)", name=op.f("ck_carts_merged_into_matches_status")
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_carts_expires_after_created")),
        sa.CheckConstraint("merged_into_cart_id <> cart_id", name=op.f("ck_carts_not_merged_into_itself")),
        sa.CheckConstraint("updated_at >= created_at", name=op.f("ck_carts_updated_after_created")),
        sa.CheckConstraint("uuid_extract_version(cart_id) = 7", name=op.f("ck_carts_cart_id_is_uuidv7")),
        sa.CheckConstraint("version > 0", name=op.f("ck_carts_version_positive")),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["shop.coupons.coupon_id"], name=op.f("fk_carts_coupon_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_carts_currency"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop.customers.customer_id"], name=op.f("fk_carts_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["merged_into_cart_id"],
            ["shop.carts.cart_id"],
            name=op.f("fk_carts_merged_into_cart_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("cart_id", name=op.f("pk_carts")),
        schema="shop",
        comment="Carts of customers and guests. A customer has one open cart at a time.",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_carts_coupon_id",
        "carts",
        ["coupon_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("coupon_id IS NOT NULL"),
    )
    op.create_index(
        "ix_carts_customer_id",
        "carts",
        ["customer_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_index(
        "ix_carts_expires_at",
        "carts",
        ["expires_at"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        "ix_carts_merged_into_cart_id",
        "carts",
        ["merged_into_cart_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("merged_into_cart_id IS NOT NULL"),
    )
    op.create_index(
        "uq_carts_open_per_customer",
        "carts",
        ["customer_id"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "cart_items",
        sa.Column("cart_id", sa.Uuid(), nullable=False, comment="The cart."),
        sa.Column("variant_id", sa.BigInteger(), nullable=False, comment="The variant."),
        sa.Column("quantity", sa.SmallInteger(), nullable=False, comment="Units, 1 to 999."),
        sa.Column(
            "added_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the variant was put in.",
        ),
        sa.CheckConstraint("quantity BETWEEN 1 AND 999", name=op.f("ck_cart_items_quantity_range")),
        sa.ForeignKeyConstraint(
            ["cart_id"], ["shop.carts.cart_id"], name=op.f("fk_cart_items_cart_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["shop.product_variants.variant_id"],
            name=op.f("fk_cart_items_variant_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("cart_id", "variant_id", name=op.f("pk_cart_items")),
        schema="shop",
        comment="Lines of carts, frozen once the cart is no longer open.",
    )
    op.create_index("ix_cart_items_variant_id", "cart_items", ["variant_id"], unique=False, schema="shop")
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("cart_items", schema="shop")
    op.drop_table("carts", schema="shop")
    op.drop_table("coupons", schema="shop")
    op.execute("DROP TYPE shop.cart_status")
    op.execute("DROP TYPE shop.coupon_kind")
    run_sql_beside(__file__, ".down.sql")
