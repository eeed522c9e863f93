"""Taxes and shipping charges.

What an order costs beside its goods.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.create_table(
        "tax_classes",
        sa.Column("tax_class", sa.Text(), nullable=False, comment="Key, such as standard or shipping."),
        sa.Column("description", sa.Text(), nullable=False, comment="What belongs to it."),
        sa.CheckConstraint(
            "btrim(description) <> '' AND char_length(description) <= 500",
            name=op.f("ck_tax_classes_description_length"),
        ),
        sa.CheckConstraint("tax_class ~ '^[a-z][a-z_]{0,29}$'", name=op.f("ck_tax_classes_tax_class_format")),
        sa.PrimaryKeyConstraint("tax_class", name=op.f("pk_tax_classes")),
        schema="shop",
        comment="Tax classes; rates are looked up by destination and class.",
    )
    op.create_table(
        "tax_rates",
        sa.Column("tax_rate_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the rate."),
        sa.Column("country", sa.Text(), nullable=False, comment="Country of destination."),
        sa.Column(
            "region",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="Region within it as in addresses; empty: the whole country.",
        ),
        sa.Column("tax_class", sa.Text(), nullable=False, comment="Class of goods it applies to."),
        sa.Column(
            "jurisdiction",
            sa.Text(),
            nullable=False,
            comment="Who levies it, as printed on invoices, such as 'VAT IE'.",
        ),
        sa.Column(
            "rate",
            sa.Numeric(precision=9, scale=6),
            nullable=False,
            comment="Fraction: 0.230000 where the tax is 23 percent.",
        ),
        sa.Column(
            "valid_from",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="The moment from which it holds, until the next one's.",
        ),
        sa.CheckConstraint(
            "btrim(jurisdiction) <> '' AND char_length(jurisdiction) <= 100",
            name=op.f("ck_tax_rates_jurisdiction_length"),
        ),
        sa.CheckConstraint("char_length(region) <= 100", name=op.f("ck_tax_rates_region_length")),
        sa.CheckConstraint("rate BETWEEN 0 AND 1", name=op.f("ck_tax_rates_rate_range")),
        sa.ForeignKeyConstraint(
            ["country"], ["shop.countries.code"], name=op.f("fk_tax_rates_country"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tax_class"], ["shop.tax_classes.tax_class"], name=op.f("fk_tax_rates_tax_class"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tax_rate_id", name=op.f("pk_tax_rates")),
        schema="shop",
        comment="Tax rates by destination, class and moment. Orders keep copies of what was applied.",
    )
    op.create_index(
        "uq_tax_rates_destination",
        "tax_rates",
        ["country", "region", "tax_class", "jurisdiction", "valid_from"],
        unique=True,
        schema="shop",
    )
    op.create_table(
        "shipping_methods",
        sa.Column(
            "shipping_method_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the method.",
        ),
        sa.Column("code", sa.Text(), nullable=False, comment="Key for programs, such as standard."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name shown to customers. Orders keep a copy."),
        sa.Column("carrier", sa.Text(), nullable=False, comment="Who carries it."),
        sa.Column(
            "tax_class",
            sa.Text(),
            server_default=sa.text("'shipping'"),
            nullable=False,
            comment="Tax class of the shipping charge.",
        ),
        sa.Column("min_days", sa.SmallInteger(), nullable=False, comment="Shortest delivery time in days."),
        sa.Column("max_days", sa.SmallInteger(), nullable=False, comment="Longest delivery time in days."),
        sa.Column(
            "is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False, comment="Whether it is offered."
        ),
        sa.CheckConstraint(
            "btrim(carrier) <> '' AND char_length(carrier) <= 100",
            name=op.f("ck_shipping_methods_carrier_length"),
        ),
        sa.CheckConstraint(
            "btrim(name) <> '' AND char_length(name) <= 100", name=op.f("ck_shipping_methods_name_length")
        ),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{1,29}$'", name=op.f("ck_shipping_methods_code_format")),
        sa.CheckConstraint(
            "min_days BETWEEN 0 AND max_days AND max_days <= 90", name=op.f("ck_shipping_methods_days_range")
        ),
        sa.ForeignKeyConstraint(
            ["tax_class"],
            ["shop.tax_classes.tax_class"],
            name=op.f("fk_shipping_methods_tax_class"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("shipping_method_id", name=op.f("pk_shipping_methods")),
        schema="shop",
        comment="Shipping methods offered at checkout.",
    )
    op.create_index("uq_shipping_methods_code", "shipping_methods", ["code"], unique=True, schema="shop")
    op.create_table(
        "shipping_rates",
        sa.Column(
            "shipping_rate_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the rate."
        ),
        sa.Column("shipping_method_id", sa.BigInteger(), nullable=False, comment="The method."),
        sa.Column("country", sa.Text(), nullable=False, comment="Country of destination."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency of minimum and price."),
        sa.Column(
            "minimum_subtotal_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Subtotal after discount from which it holds, minor unit.",
        ),
        sa.Column(
            "price_minor",
            sa.BigInteger(),
            nullable=False,
            comment="Charge in the minor unit; with or without tax as the country says.",
        ),
        sa.CheckConstraint(
            "minimum_subtotal_minor <= 1000000000000", name=op.f("ck_shipping_rates_minimum_subtotal_minor_limit")
        ),
        sa.CheckConstraint(
            "minimum_subtotal_minor >= 0", name=op.f("ck_shipping_rates_minimum_subtotal_minor_not_negative")
        ),
        sa.CheckConstraint("price_minor <= 1000000000000", name=op.f("ck_shipping_rates_price_minor_limit")),
        sa.CheckConstraint("price_minor >= 0", name=op.f("ck_shipping_rates_price_minor_not_negative")),
        sa.ForeignKeyConstraint(
            ["country"], ["shop.countries.code"], name=op.f("fk_shipping_rates_country"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_shipping_rates_currency"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["shipping_method_id"],
            ["shop.shipping_methods.shipping_method_id"],
            name=op.f("fk_shipping_rates_shipping_method_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("shipping_rate_id", name=op.f("pk_shipping_rates")),
        schema="shop",
        comment="Shipping rates: the row with the highest minimum that the subtotal reaches applies.",
    )
    op.create_index(
        "uq_shipping_rates_destination",
        "shipping_rates",
        ["shipping_method_id", "country", "currency", "minimum_subtotal_minor"],
        unique=True,
        schema="shop",
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("shipping_rates", schema="shop")
    op.drop_table("shipping_methods", schema="shop")
    op.drop_table("tax_rates", schema="shop")
    op.drop_table("tax_classes", schema="shop")
