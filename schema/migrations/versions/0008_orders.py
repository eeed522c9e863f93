"""Orders: header, lines, taxes, addresses, allocations, cancellations, status and coupon redemptions.

What was bought: written once, then only moved.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute("CREATE TYPE shop.order_status AS ENUM ('pending', 'confirmed', 'completed', 'cancelled', 'expired')")
    op.execute("CREATE TYPE shop.order_payment_status AS ENUM ('none', 'authorized', 'partial', 'full', 'refunded')")
    op.execute("CREATE TYPE shop.order_fulfilment_status AS ENUM ('none', 'partial', 'full', 'returned')")
    op.execute("CREATE TYPE shop.address_kind AS ENUM ('shipping', 'billing')")
    op.create_table(
        "orders",
        sa.Column(
            "order_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the order, a UUIDv7 the client makes, so that a retry is harmless.",
        ),
        sa.Column(
            "order_number",
            sa.BigInteger(),
            sa.Identity(always=True, start=100001),
            nullable=False,
            comment="Number for people, from a sequence: unique and ascending, with gaps where a checkout was refused.",
        ),
        sa.Column(
            "cart_id",
            sa.Uuid(),
            nullable=False,
            comment="The cart it was made from. Unique: a double submit is one order.",
        ),
        sa.Column(
            "request_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the request: the same key with other content is refused.",
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=True, comment="The customer; NULL for a guest."),
        sa.Column("contact_email", sa.Text(), nullable=False, comment="Where messages about the order go."),
        sa.Column(
            "contact_email_normalized",
            sa.Text(),
            sa.Computed("lower(normalize(contact_email, NFC) COLLATE pg_unicode_fast)", persisted=True),
            nullable=False,
            comment="The address in NFC and lower case, to find a guest's orders. Generated.",
        ),
        sa.Column("contact_phone", sa.Text(), nullable=True, comment="Telephone for questions about the order."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency of every amount of the order."),
        sa.Column("country", sa.Text(), nullable=False, comment="Country of destination, which decides the taxes."),
        sa.Column(
            "prices_include_tax",
            sa.Boolean(),
            nullable=False,
            comment="Copied from the country: whether prices contained the tax.",
        ),
        sa.Column(
            "is_tax_exempt",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Copied from the customer: no tax was charged.",
        ),
        sa.Column(
            "tax_number", sa.Text(), nullable=True, comment="Copied from the customer: tax number of a business."
        ),
        sa.Column("shipping_method_id", sa.BigInteger(), nullable=False, comment="How it is delivered."),
        sa.Column("shipping_method_name", sa.Text(), nullable=False, comment="Copied from the method."),
        sa.Column("line_count", sa.SmallInteger(), nullable=False, comment="Number of its lines."),
        sa.Column("unit_count", sa.Integer(), nullable=False, comment="Units over all lines."),
        sa.Column(
            "subtotal_minor",
            sa.BigInteger(),
            nullable=False,
            comment="Sum of the lines before discount, in the minor unit.",
        ),
        sa.Column(
            "discount_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Discount over all lines, in the minor unit.",
        ),
        sa.Column(
            "shipping_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Shipping charge, in the minor unit.",
        ),
        sa.Column(
            "shipping_tax_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Tax on shipping; part of tax_minor.",
        ),
        sa.Column(
            "shipping_tax_count",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Number of its shipping tax rows.",
        ),
        sa.Column(
            "tax_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="All taxes; inside the prices or on top, as prices_include_tax says.",
        ),
        sa.Column("total_minor", sa.BigInteger(), nullable=False, comment="What the customer owes, in the minor unit."),
        sa.Column(
            "status",
            postgresql.ENUM(name="order_status", schema="shop", create_type=False),
            server_default=sa.text("'pending'"),
            nullable=False,
            comment="pending, confirmed, completed, cancelled or expired; moves only as order_transitions lists.",
        ),
        sa.Column(
            "intended_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sum of its payments that are not closed. Kept by trigger.",
        ),
        sa.Column(
            "authorized_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sum authorized over its payments. Kept by trigger.",
        ),
        sa.Column(
            "captured_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sum captured over its payments. Kept by trigger.",
        ),
        sa.Column(
            "refunded_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sum refunded over its payments. Kept by trigger.",
        ),
        sa.Column(
            "cancelled_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Value of what was cancelled, so no longer owed. Kept by trigger.",
        ),
        sa.Column(
            "shipped_units",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units shipped. Kept by trigger.",
        ),
        sa.Column(
            "cancelled_units",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units cancelled. Kept by trigger.",
        ),
        sa.Column(
            "returned_units",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units received back. Kept by trigger.",
        ),
        sa.Column(
            "payment_status",
            postgresql.ENUM(name="order_payment_status", schema="shop", create_type=False),
            sa.Computed(
                "CASE WHEN captured_minor > 0 AND refunded_minor = captured_minor THEN 'refunded'::shop.order_payment_status WHEN captured_minor = 0 AND total_minor > 0 AND authorized_minor > 0 THEN 'authorized'::shop.order_payment_status WHEN captured_minor = 0 AND total_minor > 0 THEN 'none'::shop.order_payment_status WHEN captured_minor >= total_minor - cancelled_minor THEN 'full'::shop.order_payment_status ELSE 'partial'::shop.order_payment_status END",
                persisted=True,
            ),
            nullable=False,
            comment="none, authorized, partial, full or refunded. Generated from the counters.",
        ),
        sa.Column(
            "fulfilment_status",
            postgresql.ENUM(name="order_fulfilment_status", schema="shop", create_type=False),
            sa.Computed(
                "CASE WHEN shipped_units = 0 THEN 'none'::shop.order_fulfilment_status WHEN returned_units = shipped_units THEN 'returned'::shop.order_fulfilment_status WHEN shipped_units + cancelled_units = unit_count THEN 'full'::shop.order_fulfilment_status ELSE 'partial'::shop.order_fulfilment_status END",
                persisted=True,
            ),
            nullable=False,
            comment="none, partial, full or returned. Generated from the counters.",
        ),
        sa.Column(
            "placed_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was placed.",
        ),
        sa.Column(
            "expires_at",
            sa.TIMESTAMP(timezone=True),
            nullable=False,
            comment="Until when it must be paid; then it expires and frees its stock.",
        ),
        sa.CheckConstraint(
            "btrim(contact_email) <> '' AND char_length(contact_email) <= 254",
            name=op.f("ck_orders_contact_email_length"),
        ),
        sa.CheckConstraint(
            "btrim(contact_phone) <> '' AND char_length(contact_phone) <= 40",
            name=op.f("ck_orders_contact_phone_length"),
        ),
        sa.CheckConstraint(
            "btrim(shipping_method_name) <> '' AND char_length(shipping_method_name) <= 100",
            name=op.f("ck_orders_shipping_method_name_length"),
        ),
        sa.CheckConstraint(
            "btrim(tax_number) <> '' AND char_length(tax_number) <= 40",
            name=op.f("ck_orders_tax_number_length"),
        ),
        sa.CheckConstraint(
            "contact_email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$'",
            name=op.f("ck_orders_contact_email_format"),
        ),
        sa.CheckConstraint(
            "shipped_units = 0 OR status IN ('confirmed', 'completed')", name=op.f("ck_orders_shipped_is_confirmed")
        ),
        sa.CheckConstraint(
            "status <> 'completed' OR shipped_units + cancelled_units = unit_count",
            name=op.f("ck_orders_completed_is_fulfilled"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('cancelled', 'expired') OR cancelled_units = unit_count",
            name=op.f("ck_orders_ended_is_cancelled"),
        ),
        sa.CheckConstraint("NOT is_tax_exempt OR tax_minor = 0", name=op.f("ck_orders_exempt_pays_no_tax")),
        sa.CheckConstraint("cancelled_minor BETWEEN 0 AND total_minor", name=op.f("ck_orders_cancelled_within_total")),
        sa.CheckConstraint("cancelled_units >= 0", name=op.f("ck_orders_cancelled_units_not_negative")),
        sa.CheckConstraint(
            "captured_minor BETWEEN 0 AND authorized_minor", name=op.f("ck_orders_captured_within_authorized")
        ),
        sa.CheckConstraint(
            "discount_minor BETWEEN 0 AND subtotal_minor", name=op.f("ck_orders_discount_within_subtotal")
        ),
        sa.CheckConstraint("expires_at > placed_at", name=op.f("ck_orders_expires_after_placed")),
        sa.CheckConstraint("intended_minor BETWEEN 0 AND total_minor", name=op.f("ck_orders_intended_within_total")),
        sa.CheckConstraint("line_count BETWEEN 1 AND 200", name=op.f("ck_orders_line_count_range")),
        sa.CheckConstraint("octet_length(request_digest) = 32", name=op.f("ck_orders_request_digest_is_sha256")),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND captured_minor", name=op.f("ck_orders_refunded_within_captured")
        ),
        sa.CheckConstraint(
            "returned_units BETWEEN 0 AND shipped_units", name=op.f("ck_orders_returned_within_shipped")
        ),
        sa.CheckConstraint(
            "shipped_units + cancelled_units <= unit_count", name=op.f("ck_orders_units_within_ordered")
        ),
        sa.CheckConstraint("shipped_units >= 0", name=op.f("ck_orders_shipped_units_not_negative")),
        sa.CheckConstraint("shipping_minor <= 1000000000000", name=op.f("ck_orders_shipping_minor_limit")),
        sa.CheckConstraint("shipping_minor >= 0", name=op.f("ck_orders_shipping_minor_not_negative")),
        sa.CheckConstraint("shipping_tax_count >= 0", name=op.f("ck_orders_shipping_tax_count_not_negative")),
        sa.CheckConstraint(
            "shipping_tax_minor BETWEEN 0 AND tax_minor", name=op.f("ck_orders_shipping_tax_within_tax")
        ),
        sa.CheckConstraint("subtotal_minor <= 1000000000000", name=op.f("ck_orders_subtotal_minor_limit")),
        sa.CheckConstraint("subtotal_minor >= 0", name=op.f("ck_orders_subtotal_minor_not_negative")),
        sa.CheckConstraint(
            "total_minor = subtotal_minor - discount_minor + shipping_minor + CASE WHEN prices_include_tax THEN 0 ELSE tax_minor END",
            name=op.f("ck_orders_total_adds_up"),
        ),
        sa.CheckConstraint("unit_count >= line_count", name=op.f("ck_orders_unit_count_covers_lines")),
        sa.CheckConstraint("uuid_extract_version(order_id) = 7", name=op.f("ck_orders_order_id_is_uuidv7")),
        sa.ForeignKeyConstraint(
            ["cart_id"], ["shop.carts.cart_id"], name=op.f("fk_orders_cart_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["country"], ["shop.countries.code"], name=op.f("fk_orders_country"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_orders_currency"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop.customers.customer_id"], name=op.f("fk_orders_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["shipping_method_id"],
            ["shop.shipping_methods.shipping_method_id"],
            name=op.f("fk_orders_shipping_method_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        sa.UniqueConstraint("order_id", "currency", name=op.f("uq_orders_order_id_currency")),
        schema="shop",
        comment="Orders. Placing one is the reservation of its stock; one cart makes at most one order.",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_orders_contact_email_normalized", "orders", ["contact_email_normalized"], unique=False, schema="shop"
    )
    op.create_index(
        "ix_orders_customer_id",
        "orders",
        ["customer_id", sa.literal_column("placed_at DESC"), sa.literal_column("order_id DESC")],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_index(
        "ix_orders_placed_at",
        "orders",
        [sa.literal_column("placed_at DESC"), sa.literal_column("order_id DESC")],
        unique=False,
        schema="shop",
    )
    op.create_index(
        "ix_orders_unpaid_expires_at",
        "orders",
        ["expires_at", "order_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("uq_orders_cart_id", "orders", ["cart_id"], unique=True, schema="shop")
    op.create_index("uq_orders_order_number", "orders", ["order_number"], unique=True, schema="shop")
    op.create_table(
        "order_items",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column("line_number", sa.SmallInteger(), nullable=False, comment="Number of the line, from 1."),
        sa.Column("variant_id", sa.BigInteger(), nullable=False, comment="The variant sold."),
        sa.Column(
            "currency", sa.Text(), nullable=False, comment="Currency of the order, tied to it by the foreign key."
        ),
        sa.Column("sku", sa.Text(), nullable=False, comment="Copied from the variant."),
        sa.Column("product_name", sa.Text(), nullable=False, comment="Copied from the product."),
        sa.Column("variant_name", sa.Text(), nullable=False, comment="Copied from the variant."),
        sa.Column("tax_class", sa.Text(), nullable=False, comment="Copied from the product."),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False, comment="Copied from the order."),
        sa.Column("quantity", sa.SmallInteger(), nullable=False, comment="Units ordered, 1 to 999."),
        sa.Column(
            "unit_price_minor",
            sa.BigInteger(),
            nullable=False,
            comment="Price of one unit when the order was placed, in the minor unit.",
        ),
        sa.Column(
            "subtotal_minor", sa.BigInteger(), nullable=False, comment="Price times quantity, in the minor unit."
        ),
        sa.Column(
            "discount_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="The line's share of the discount (largest remainder).",
        ),
        sa.Column(
            "tax_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sum of the line's taxes, in the minor unit.",
        ),
        sa.Column(
            "tax_count",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Number of its tax rows.",
        ),
        sa.Column(
            "total_minor", sa.BigInteger(), nullable=False, comment="What the line costs in all, in the minor unit."
        ),
        sa.Column(
            "allocated_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units with stock behind them, shipped ones included. Kept by trigger.",
        ),
        sa.Column(
            "shipped_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units shipped. Kept by trigger.",
        ),
        sa.Column(
            "cancelled_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units cancelled. Kept by trigger.",
        ),
        sa.Column(
            "returned_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units received back. Kept by trigger.",
        ),
        sa.CheckConstraint(
            "btrim(product_name) <> '' AND char_length(product_name) <= 200",
            name=op.f("ck_order_items_product_name_length"),
        ),
        sa.CheckConstraint("btrim(sku) <> '' AND char_length(sku) <= 64", name=op.f("ck_order_items_sku_length")),
        sa.CheckConstraint(
            "btrim(variant_name) <> '' AND char_length(variant_name) <= 200",
            name=op.f("ck_order_items_variant_name_length"),
        ),
        sa.CheckConstraint(
            "NOT prices_include_tax OR tax_minor <= subtotal_minor - discount_minor",
            name=op.f("ck_order_items_included_tax_within_price"),
        ),
        sa.CheckConstraint(
            "allocated_quantity + cancelled_quantity <= quantity", name=op.f("ck_order_items_allocated_within_open")
        ),
        sa.CheckConstraint("allocated_quantity >= 0", name=op.f("ck_order_items_allocated_quantity_not_negative")),
        sa.CheckConstraint("cancelled_quantity >= 0", name=op.f("ck_order_items_cancelled_quantity_not_negative")),
        sa.CheckConstraint(
            "discount_minor BETWEEN 0 AND subtotal_minor", name=op.f("ck_order_items_discount_within_subtotal")
        ),
        sa.CheckConstraint("line_number BETWEEN 1 AND 200", name=op.f("ck_order_items_line_number_range")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 999", name=op.f("ck_order_items_quantity_range")),
        sa.CheckConstraint(
            "returned_quantity BETWEEN 0 AND shipped_quantity", name=op.f("ck_order_items_returned_within_shipped")
        ),
        sa.CheckConstraint(
            "shipped_quantity BETWEEN 0 AND allocated_quantity", name=op.f("ck_order_items_shipped_within_allocated")
        ),
        sa.CheckConstraint(
            "subtotal_minor = unit_price_minor * quantity", name=op.f("ck_order_items_subtotal_is_price_times_quantity")
        ),
        sa.CheckConstraint("tax_count >= 0", name=op.f("ck_order_items_tax_count_not_negative")),
        sa.CheckConstraint("tax_minor >= 0", name=op.f("ck_order_items_tax_minor_not_negative")),
        sa.CheckConstraint(
            "total_minor = subtotal_minor - discount_minor + CASE WHEN prices_include_tax THEN 0 ELSE tax_minor END",
            name=op.f("ck_order_items_total_adds_up"),
        ),
        sa.CheckConstraint("unit_price_minor <= 1000000000000", name=op.f("ck_order_items_unit_price_minor_limit")),
        sa.CheckConstraint("unit_price_minor >= 0", name=op.f("ck_order_items_unit_price_minor_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id", "currency"],
            ["shop.orders.order_id", "shop.orders.currency"],
            name=op.f("fk_order_items_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tax_class"], ["shop.tax_classes.tax_class"], name=op.f("fk_order_items_tax_class"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["shop.product_variants.variant_id"],
            name=op.f("fk_order_items_variant_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("order_id", "line_number", name=op.f("pk_order_items")),
        schema="shop",
        comment="Lines of orders: copies that no later edit changes. All lines of an order arrive in one statement.",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("ix_order_items_variant_id", "order_items", ["variant_id"], unique=False, schema="shop")
    op.create_table(
        "order_item_taxes",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column("line_number", sa.SmallInteger(), nullable=False, comment="The line."),
        sa.Column("jurisdiction", sa.Text(), nullable=False, comment="Who levies it. Copied from the rate."),
        sa.Column(
            "rate", sa.Numeric(precision=9, scale=6), nullable=False, comment="Fraction applied. Copied from the rate."
        ),
        sa.Column(
            "base_minor", sa.BigInteger(), nullable=False, comment="Amount taxed, without tax, in the minor unit."
        ),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False, comment="The tax, in the minor unit."),
        sa.CheckConstraint(
            "btrim(jurisdiction) <> '' AND char_length(jurisdiction) <= 100",
            name=op.f("ck_order_item_taxes_jurisdiction_length"),
        ),
        sa.CheckConstraint(
            "abs(tax_minor - base_minor * rate) <= 1", name=op.f("ck_order_item_taxes_tax_follows_rate")
        ),
        sa.CheckConstraint("base_minor >= 0", name=op.f("ck_order_item_taxes_base_minor_not_negative")),
        sa.CheckConstraint("rate BETWEEN 0 AND 1", name=op.f("ck_order_item_taxes_rate_range")),
        sa.CheckConstraint("tax_minor >= 0", name=op.f("ck_order_item_taxes_tax_minor_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_number"],
            ["shop.order_items.order_id", "shop.order_items.line_number"],
            name=op.f("fk_order_item_taxes_order_id_line_number"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("order_id", "line_number", "jurisdiction", name=op.f("pk_order_item_taxes")),
        schema="shop",
        comment="Taxes of order lines, in the order's currency; they add up to the line's tax.",
    )
    op.create_table(
        "order_shipping_taxes",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column("jurisdiction", sa.Text(), nullable=False, comment="Who levies it. Copied from the rate."),
        sa.Column(
            "rate", sa.Numeric(precision=9, scale=6), nullable=False, comment="Fraction applied. Copied from the rate."
        ),
        sa.Column(
            "base_minor", sa.BigInteger(), nullable=False, comment="Amount taxed, without tax, in the minor unit."
        ),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False, comment="The tax, in the minor unit."),
        sa.CheckConstraint(
            "btrim(jurisdiction) <> '' AND char_length(jurisdiction) <= 100",
            name=op.f("ck_order_shipping_taxes_jurisdiction_length"),
        ),
        sa.CheckConstraint(
            "abs(tax_minor - base_minor * rate) <= 1", name=op.f("ck_order_shipping_taxes_tax_follows_rate")
        ),
        sa.CheckConstraint("base_minor >= 0", name=op.f("ck_order_shipping_taxes_base_minor_not_negative")),
        sa.CheckConstraint("rate BETWEEN 0 AND 1", name=op.f("ck_order_shipping_taxes_rate_range")),
        sa.CheckConstraint("tax_minor >= 0", name=op.f("ck_order_shipping_taxes_tax_minor_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shop.orders.order_id"], name=op.f("fk_order_shipping_taxes_order_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("order_id", "jurisdiction", name=op.f("pk_order_shipping_taxes")),
        schema="shop",
        comment="Taxes of shipping charges, in the order's currency; they add up to the order's shipping tax.",
    )
    op.create_table(
        "order_addresses",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column(
            "kind",
            postgresql.ENUM(name="address_kind", schema="shop", create_type=False),
            nullable=False,
            comment="shipping or billing.",
        ),
        sa.Column("recipient", sa.Text(), nullable=False, comment="Who receives there."),
        sa.Column("company", sa.Text(), nullable=True, comment="Company, if any."),
        sa.Column("line1", sa.Text(), nullable=False, comment="Street and number, or what is used instead."),
        sa.Column("line2", sa.Text(), nullable=True, comment="Flat, floor, building."),
        sa.Column("city", sa.Text(), nullable=False, comment="City or town."),
        sa.Column("region", sa.Text(), nullable=True, comment="State, province or county where the country uses one."),
        sa.Column("postal_code", sa.Text(), nullable=True, comment="Postal code; NULL where the country has none."),
        sa.Column("country", sa.Text(), nullable=False, comment="Country."),
        sa.Column("phone", sa.Text(), nullable=True, comment="Telephone for the carrier."),
        sa.CheckConstraint(
            "btrim(city) <> '' AND char_length(city) <= 100", name=op.f("ck_order_addresses_city_length")
        ),
        sa.CheckConstraint(
            "btrim(company) <> '' AND char_length(company) <= 200",
            name=op.f("ck_order_addresses_company_length"),
        ),
        sa.CheckConstraint(
            "btrim(line1) <> '' AND char_length(line1) <= 200", name=op.f("ck_order_addresses_line1_length")
        ),
        sa.CheckConstraint(
            "btrim(line2) <> '' AND char_length(line2) <= 200", name=op.f("ck_order_addresses_line2_length")
        ),
        sa.CheckConstraint(
            "btrim(phone) <> '' AND char_length(phone) <= 40", name=op.f("ck_order_addresses_phone_length")
        ),
        sa.CheckConstraint(
            "btrim(postal_code) <> '' AND char_length(postal_code) <= 20",
            name=op.f("ck_order_addresses_postal_code_length"),
        ),
        sa.CheckConstraint(
            "btrim(recipient) <> '' AND char_length(recipient) <= 200",
            name=op.f("ck_order_addresses_recipient_length"),
        ),
        sa.CheckConstraint(
            "btrim(region) <> '' AND char_length(region) <= 100",
            name=op.f("ck_order_addresses_region_length"),
        ),
        sa.ForeignKeyConstraint(
            ["country"], ["shop.countries.code"], name=op.f("fk_order_addresses_country"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shop.orders.order_id"], name=op.f("fk_order_addresses_order_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("order_id", "kind", name=op.f("pk_order_addresses")),
        schema="shop",
        comment="Shipping and billing address of each order, copied: editing an address book changes no order.",
    )
    op.create_table(
        "order_allocations",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column("line_number", sa.SmallInteger(), nullable=False, comment="The line."),
        sa.Column("warehouse_id", sa.BigInteger(), nullable=False, comment="The warehouse."),
        sa.Column(
            "slot",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="The slot of the stock level.",
        ),
        sa.Column("variant_id", sa.BigInteger(), nullable=False, comment="The variant of the line."),
        sa.Column("quantity", sa.SmallInteger(), nullable=False, comment="Units reserved at first."),
        sa.Column(
            "released_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units given back to stock before shipping. Raising it writes the movement.",
        ),
        sa.Column(
            "shipped_quantity",
            sa.SmallInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Units shipped. Kept by trigger.",
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_allocations_quantity_positive")),
        sa.CheckConstraint(
            "released_quantity + shipped_quantity <= quantity", name=op.f("ck_order_allocations_used_within_quantity")
        ),
        sa.CheckConstraint("released_quantity >= 0", name=op.f("ck_order_allocations_released_quantity_not_negative")),
        sa.CheckConstraint("shipped_quantity >= 0", name=op.f("ck_order_allocations_shipped_quantity_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id", "line_number"],
            ["shop.order_items.order_id", "shop.order_items.line_number"],
            name=op.f("fk_order_allocations_order_id_line_number"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["variant_id", "warehouse_id", "slot"],
            ["shop.stock_levels.variant_id", "shop.stock_levels.warehouse_id", "shop.stock_levels.slot"],
            name=op.f("fk_order_allocations_variant_id_warehouse_id_slot"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("order_id", "line_number", "warehouse_id", "slot", name=op.f("pk_order_allocations")),
        schema="shop",
        comment="Where the units of each line come from. Its rows and the reserved stock are always equal.",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_order_allocations_stock",
        "order_allocations",
        ["variant_id", "warehouse_id", "slot"],
        unique=False,
        schema="shop",
    )
    op.create_table(
        "order_item_cancellations",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column("line_number", sa.SmallInteger(), nullable=False, comment="The line."),
        sa.Column(
            "cancellation_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the request, the same on each line it touches.",
        ),
        sa.Column("quantity", sa.SmallInteger(), nullable=False, comment="Units cancelled."),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="A code for why, such as customer_request, payment_expired or out_of_stock.",
        ),
        sa.Column(
            "cancelled_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When.",
        ),
        sa.CheckConstraint("reason ~ '^[a-z][a-z0-9_]{1,49}$'", name=op.f("ck_order_item_cancellations_reason_format")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_item_cancellations_quantity_positive")),
        sa.CheckConstraint(
            "uuid_extract_version(cancellation_id) = 7",
            name=op.f("ck_order_item_cancellations_cancellation_id_is_uuidv7"),
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "line_number"],
            ["shop.order_items.order_id", "shop.order_items.line_number"],
            name=op.f("fk_order_item_cancellations_order_id_line_number"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("order_id", "line_number", "cancellation_id", name=op.f("pk_order_item_cancellations")),
        schema="shop",
        comment="Cancelled units, line by line. Their stock must have been released before.",
    )
    op.create_table(
        "order_transitions",
        sa.Column(
            "from_status",
            postgresql.ENUM(name="order_status", schema="shop", create_type=False),
            nullable=False,
            comment="Status before.",
        ),
        sa.Column(
            "to_status",
            postgresql.ENUM(name="order_status", schema="shop", create_type=False),
            nullable=False,
            comment="Status after.",
        ),
        sa.Column("meaning", sa.Text(), nullable=False, comment="What happened."),
        sa.CheckConstraint(
            "btrim(meaning) <> '' AND char_length(meaning) <= 500",
            name=op.f("ck_order_transitions_meaning_length"),
        ),
        sa.CheckConstraint("from_status <> to_status", name=op.f("ck_order_transitions_moves")),
        sa.PrimaryKeyConstraint("from_status", "to_status", name=op.f("pk_order_transitions")),
        schema="shop",
        comment="The legal moves of an order's status; whatever is not listed is refused.",
    )
    op.create_table(
        "order_status_history",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column("sequence", sa.SmallInteger(), nullable=False, comment="1 for the placing, then ascending."),
        sa.Column(
            "from_status",
            postgresql.ENUM(name="order_status", schema="shop", create_type=False),
            nullable=True,
            comment="Status before; NULL when it was placed.",
        ),
        sa.Column(
            "to_status",
            postgresql.ENUM(name="order_status", schema="shop", create_type=False),
            nullable=False,
            comment="Status after.",
        ),
        sa.Column("actor", sa.Text(), nullable=True, comment="Who or what moved it (shop.actor), if known."),
        sa.Column(
            "changed_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When."
        ),
        sa.CheckConstraint(
            "btrim(actor) <> '' AND char_length(actor) <= 200",
            name=op.f("ck_order_status_history_actor_length"),
        ),
        sa.CheckConstraint(
            "sequence > 1 OR to_status = 'pending'", name=op.f("ck_order_status_history_starts_pending")
        ),
        sa.CheckConstraint(
            "(from_status IS NULL) = (sequence = 1)", name=op.f("ck_order_status_history_first_has_no_from")
        ),
        sa.ForeignKeyConstraint(
            ["from_status", "to_status"],
            ["shop.order_transitions.from_status", "shop.order_transitions.to_status"],
            name=op.f("fk_order_status_history_from_status_to_status"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["shop.orders.order_id"], name=op.f("fk_order_status_history_order_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("order_id", "sequence", name=op.f("pk_order_status_history")),
        schema="shop",
        comment="Every status an order had, in sequence. Append-only; only the trigger on orders writes it.",
    )
    op.create_table(
        "coupon_redemptions",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order; one coupon each."),
        sa.Column("coupon_id", sa.BigInteger(), nullable=False, comment="The coupon."),
        sa.Column(
            "currency", sa.Text(), nullable=False, comment="Currency of the order, tied to it by the foreign key."
        ),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False, comment="What it took off, in the minor unit."),
        sa.Column(
            "redeemed_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When."
        ),
        sa.Column(
            "released_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When the use was given back; NULL while it counts.",
        ),
        sa.CheckConstraint("discount_minor > 0", name=op.f("ck_coupon_redemptions_discount_minor_positive")),
        sa.CheckConstraint("released_at >= redeemed_at", name=op.f("ck_coupon_redemptions_released_after_redeemed")),
        sa.ForeignKeyConstraint(
            ["coupon_id"], ["shop.coupons.coupon_id"], name=op.f("fk_coupon_redemptions_coupon_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "currency"],
            ["shop.orders.order_id", "shop.orders.currency"],
            name=op.f("fk_coupon_redemptions_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_coupon_redemptions")),
        schema="shop",
        comment="Which order used which coupon: one per order, counted against the coupon's limits until released.",
    )
    op.create_index(
        "ix_coupon_redemptions_coupon_id", "coupon_redemptions", ["coupon_id", "order_id"], unique=False, schema="shop"
    )
    op.create_foreign_key(
        op.f("fk_stock_movements_order_id_line_number"),
        "stock_movements",
        "order_items",
        ["order_id", "line_number"],
        ["order_id", "line_number"],
        source_schema="shop",
        referent_schema="shop",
        ondelete="RESTRICT",
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_constraint("fk_stock_movements_order_id_line_number", "stock_movements", schema="shop")
    op.drop_table("coupon_redemptions", schema="shop")
    op.drop_table("order_status_history", schema="shop")
    op.drop_table("order_transitions", schema="shop")
    op.drop_table("order_item_cancellations", schema="shop")
    op.drop_table("order_allocations", schema="shop")
    op.drop_table("order_addresses", schema="shop")
    op.drop_table("order_shipping_taxes", schema="shop")
    op.drop_table("order_item_taxes", schema="shop")
    op.drop_table("order_items", schema="shop")
    op.drop_table("orders", schema="shop")
    op.execute("DROP TYPE shop.address_kind")
    op.execute("DROP TYPE shop.order_fulfilment_status")
    op.execute("DROP TYPE shop.order_payment_status")
    op.execute("DROP TYPE shop.order_status")
    run_sql_beside(__file__, ".down.sql")
