"""The catalogue: categories, products, options, variants, media and prices.

What is sold, and at what price from which moment.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute("CREATE TYPE shop.product_status AS ENUM ('draft', 'active', 'archived')")
    op.execute("CREATE TYPE shop.media_kind AS ENUM ('image', 'video')")
    op.create_table(
        "categories",
        sa.Column(
            "category_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the category."
        ),
        sa.Column("parent_id", sa.BigInteger(), nullable=True, comment="The category directly above; NULL at the top."),
        sa.Column(
            "ancestry",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Keys of all categories above, from the top down to the parent. Kept by trigger.",
        ),
        sa.Column(
            "slug",
            sa.Text(),
            nullable=False,
            comment="Name in URLs: lower-case words joined by hyphens; unique among live categories.",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Name shown to customers."),
        sa.Column(
            "description",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="Text shown above the category's products.",
        ),
        sa.Column(
            "position",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Order among its siblings, ascending.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the category was created.",
        ),
        sa.Column(
            "updated_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed. Kept by trigger.",
        ),
        sa.Column(
            "archived_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When it was taken out of the shop; NULL while live.",
        ),
        sa.CheckConstraint("btrim(name) <> '' AND char_length(name) <= 200", name=op.f("ck_categories_name_length")),
        sa.CheckConstraint("btrim(slug) <> '' AND char_length(slug) <= 120", name=op.f("ck_categories_slug_length")),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_categories_slug_format")),
        sa.CheckConstraint("NOT category_id = ANY (ancestry)", name=op.f("ck_categories_not_own_ancestor")),
        sa.CheckConstraint("archived_at >= created_at", name=op.f("ck_categories_archived_after_created")),
        sa.CheckConstraint("cardinality(ancestry) <= 15", name=op.f("ck_categories_depth_limit")),
        sa.CheckConstraint("parent_id <> category_id", name=op.f("ck_categories_not_own_parent")),
        sa.CheckConstraint(
            "parent_id IS NOT DISTINCT FROM ancestry[cardinality(ancestry)]",
            name=op.f("ck_categories_parent_ends_ancestry"),
        ),
        sa.CheckConstraint("position >= 0", name=op.f("ck_categories_position_not_negative")),
        sa.CheckConstraint("updated_at >= created_at", name=op.f("ck_categories_updated_after_created")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["shop.categories.category_id"], name=op.f("fk_categories_parent_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("category_id", name=op.f("pk_categories")),
        schema="shop",
        comment="Tree of categories. A move updates the ancestry of the whole subtree; a cycle is refused.",
    )
    op.create_index(
        "ix_categories_ancestry", "categories", ["ancestry"], unique=False, schema="shop", postgresql_using="gin"
    )
    op.create_index(
        "ix_categories_parent_id", "categories", ["parent_id", "position", "category_id"], unique=False, schema="shop"
    )
    op.create_index(
        "uq_categories_slug",
        "categories",
        ["slug"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "products",
        sa.Column(
            "product_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the product."
        ),
        sa.Column(
            "slug", sa.Text(), nullable=False, comment="Name in URLs; unique among products that are not archived."
        ),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="Name shown to customers. Order lines keep their own copy."
        ),
        sa.Column("brand", sa.Text(), nullable=True, comment="Brand or maker, where there is one."),
        sa.Column(
            "description",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="Text of the product page, plain text.",
        ),
        sa.Column(
            "tax_class",
            sa.Text(),
            server_default=sa.text("'standard'"),
            nullable=False,
            comment="Tax class of all variants; picks the rates at checkout.",
        ),
        sa.Column(
            "status",
            postgresql.ENUM(name="product_status", schema="shop", create_type=False),
            server_default=sa.text("'draft'"),
            nullable=False,
            comment="draft, active (on sale) or archived.",
        ),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed(
                "setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', coalesce(brand, '')), 'B') || setweight(to_tsvector('english', description), 'C')",
                persisted=True,
            ),
            nullable=False,
            comment="Full-text document: name (weight A), brand (B), description (C). Generated.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the product was created.",
        ),
        sa.Column(
            "updated_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed. Kept by trigger.",
        ),
        sa.Column(
            "archived_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it was archived; NULL before."
        ),
        sa.CheckConstraint(
            "(status = 'archived') = (archived_at IS NOT NULL)", name=op.f("ck_products_archived_at_matches_status")
        ),
        sa.CheckConstraint("btrim(brand) <> '' AND char_length(brand) <= 100", name=op.f("ck_products_brand_length")),
        sa.CheckConstraint("btrim(name) <> '' AND char_length(name) <= 200", name=op.f("ck_products_name_length")),
        sa.CheckConstraint("btrim(slug) <> '' AND char_length(slug) <= 160", name=op.f("ck_products_slug_length")),
        sa.CheckConstraint("slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'", name=op.f("ck_products_slug_format")),
        sa.CheckConstraint("char_length(description) <= 20000", name=op.f("ck_products_description_length")),
        sa.CheckConstraint("updated_at >= created_at", name=op.f("ck_products_updated_after_created")),
        sa.ForeignKeyConstraint(
            ["tax_class"], ["shop.tax_classes.tax_class"], name=op.f("fk_products_tax_class"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_products")),
        schema="shop",
        comment="Products. Archived, never deleted, once history refers to them.",
    )
    op.create_index("ix_products_search", "products", ["search"], unique=False, schema="shop", postgresql_using="gin")
    op.create_index(
        "uq_products_slug",
        "products",
        ["slug"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "product_categories",
        sa.Column("product_id", sa.BigInteger(), nullable=False, comment="The product."),
        sa.Column("category_id", sa.BigInteger(), nullable=False, comment="The category."),
        sa.Column(
            "is_main",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="The category its breadcrumb shows; at most one per product.",
        ),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["shop.categories.category_id"],
            name=op.f("fk_product_categories_category_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["shop.products.product_id"],
            name=op.f("fk_product_categories_product_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("product_id", "category_id", name=op.f("pk_product_categories")),
        schema="shop",
        comment="Which products stand in which categories.",
    )
    op.create_index(
        "ix_product_categories_category_id",
        "product_categories",
        ["category_id", "product_id"],
        unique=False,
        schema="shop",
    )
    op.create_index(
        "uq_product_categories_main",
        "product_categories",
        ["product_id"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("is_main"),
    )
    op.create_table(
        "product_options",
        sa.Column(
            "product_option_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the option."
        ),
        sa.Column("product_id", sa.BigInteger(), nullable=False, comment="The product it belongs to."),
        sa.Column(
            "name",
            sa.Text(),
            nullable=False,
            comment="Name shown to customers; unique within the product without regard to case.",
        ),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="Order of display, 1 to 5."),
        sa.CheckConstraint(
            "btrim(name) <> '' AND char_length(name) <= 60", name=op.f("ck_product_options_name_length")
        ),
        sa.CheckConstraint("position BETWEEN 1 AND 5", name=op.f("ck_product_options_position_range")),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["shop.products.product_id"],
            name=op.f("fk_product_options_product_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("product_option_id", name=op.f("pk_product_options")),
        schema="shop",
        comment="Options of a product (colour, size, …), at most five.",
    )
    op.create_index(
        "uq_product_options_product_id_name",
        "product_options",
        ["product_id", sa.literal_column("lower(name COLLATE pg_unicode_fast)")],
        unique=True,
        schema="shop",
    )
    op.create_index(
        "uq_product_options_product_id_position",
        "product_options",
        ["product_id", "position"],
        unique=True,
        schema="shop",
    )
    op.create_index(
        "uq_product_options_product_id_product_option_id",
        "product_options",
        ["product_id", "product_option_id"],
        unique=True,
        schema="shop",
    )
    op.create_table(
        "product_variants",
        sa.Column(
            "variant_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the variant."
        ),
        sa.Column("product_id", sa.BigInteger(), nullable=False, comment="The product it is a variant of."),
        sa.Column(
            "sku",
            sa.Text(),
            nullable=False,
            comment="Stock keeping unit, upper case; unique among variants that are not archived.",
        ),
        sa.Column("gtin", sa.Text(), nullable=True, comment="GS1 barcode number of 8, 12, 13 or 14 digits, if any."),
        sa.Column("name", sa.Text(), nullable=False, comment="What tells it from its siblings, such as 'Blue / M'."),
        sa.Column(
            "options_key",
            sa.Text(),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Canonical form of its option values (JSON by option key, case-folded). Kept by trigger.",
        ),
        sa.Column(
            "weight_grams",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Shipping weight in grams.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the variant was created.",
        ),
        sa.Column(
            "archived_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When it was taken off sale for good; NULL while live.",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("product_id"), "="),
            (sa.column("options_key"), "="),
            where=sa.text("archived_at IS NULL"),
            deferrable=True,
            initially="DEFERRED",
            using="btree",
            name="ex_product_variants_one_per_combination",
        ),
        sa.CheckConstraint(
            "btrim(name) <> '' AND char_length(name) <= 200", name=op.f("ck_product_variants_name_length")
        ),
        sa.CheckConstraint("gtin ~ '^([0-9]{8}|[0-9]{12,14})$'", name=op.f("ck_product_variants_gtin_format")),
        sa.CheckConstraint("sku ~ '^[A-Z0-9][A-Z0-9._-]{0,63}$'", name=op.f("ck_product_variants_sku_format")),
        sa.CheckConstraint("archived_at >= created_at", name=op.f("ck_product_variants_archived_after_created")),
        sa.CheckConstraint("weight_grams BETWEEN 0 AND 1000000", name=op.f("ck_product_variants_weight_grams_range")),
        sa.ForeignKeyConstraint(
            ["product_id"],
            ["shop.products.product_id"],
            name=op.f("fk_product_variants_product_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("variant_id", name=op.f("pk_product_variants")),
        schema="shop",
        comment="Variants (SKUs): what is priced, stocked and sold.",
    )
    op.create_index(
        "uq_product_variants_product_id_variant_id",
        "product_variants",
        ["product_id", "variant_id"],
        unique=True,
        schema="shop",
    )
    op.create_index(
        "uq_product_variants_sku",
        "product_variants",
        ["sku"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "variant_option_values",
        sa.Column("variant_id", sa.BigInteger(), nullable=False, comment="The variant."),
        sa.Column("product_option_id", sa.BigInteger(), nullable=False, comment="The option."),
        sa.Column(
            "product_id",
            sa.BigInteger(),
            nullable=False,
            comment="The product of both, so that the database can compare them.",
        ),
        sa.Column("value", sa.Text(), nullable=False, comment="The value, such as 'Blue'."),
        sa.CheckConstraint(
            "btrim(value) <> '' AND char_length(value) <= 100",
            name=op.f("ck_variant_option_values_value_length"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id", "product_option_id"],
            ["shop.product_options.product_id", "shop.product_options.product_option_id"],
            name=op.f("fk_variant_option_values_product_id_product_option_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id", "variant_id"],
            ["shop.product_variants.product_id", "shop.product_variants.variant_id"],
            name=op.f("fk_variant_option_values_product_id_variant_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("variant_id", "product_option_id", name=op.f("pk_variant_option_values")),
        schema="shop",
        comment="Option values of a variant. Both ends belong to the same product, by two composite keys.",
    )
    op.create_index(
        "ix_variant_option_values_product_option",
        "variant_option_values",
        ["product_id", "product_option_id"],
        unique=False,
        schema="shop",
    )
    op.create_index(
        "ix_variant_option_values_product_variant",
        "variant_option_values",
        ["product_id", "variant_id"],
        unique=False,
        schema="shop",
    )
    op.create_table(
        "product_media",
        sa.Column(
            "product_media_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the medium."
        ),
        sa.Column("product_id", sa.BigInteger(), nullable=False, comment="The product it shows."),
        sa.Column(
            "variant_id",
            sa.BigInteger(),
            nullable=True,
            comment="The variant it shows, of the same product; NULL when it shows the product as such.",
        ),
        sa.Column(
            "kind",
            postgresql.ENUM(name="media_kind", schema="shop", create_type=False),
            server_default=sa.text("'image'"),
            nullable=False,
            comment="image or video.",
        ),
        sa.Column("url", sa.Text(), nullable=False, comment="Address of the file, https only."),
        sa.Column(
            "alt_text",
            sa.Text(),
            server_default=sa.text("''"),
            nullable=False,
            comment="What it shows, for people who cannot see it.",
        ),
        sa.Column("position", sa.SmallInteger(), nullable=False, comment="Order of display, 1 to 100."),
        sa.CheckConstraint("btrim(url) <> '' AND char_length(url) <= 2000", name=op.f("ck_product_media_url_length")),
        sa.CheckConstraint("url ~ '^https://[^[:space:]]+$'", name=op.f("ck_product_media_url_is_https")),
        sa.CheckConstraint("char_length(alt_text) <= 500", name=op.f("ck_product_media_alt_text_length")),
        sa.CheckConstraint("position BETWEEN 1 AND 100", name=op.f("ck_product_media_position_range")),
        sa.ForeignKeyConstraint(
            ["product_id", "variant_id"],
            ["shop.product_variants.product_id", "shop.product_variants.variant_id"],
            name=op.f("fk_product_media_product_id_variant_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["shop.products.product_id"], name=op.f("fk_product_media_product_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("product_media_id", name=op.f("pk_product_media")),
        schema="shop",
        comment="Media of products. The files live elsewhere; here are their addresses.",
    )
    op.create_index(
        "ix_product_media_product_id_variant_id",
        "product_media",
        ["product_id", "variant_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("variant_id IS NOT NULL"),
    )
    op.create_index(
        "uq_product_media_product_id_position", "product_media", ["product_id", "position"], unique=True, schema="shop"
    )
    op.create_table(
        "variant_prices",
        sa.Column("variant_id", sa.BigInteger(), nullable=False, comment="The variant."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency of the price."),
        sa.Column(
            "valid_from",
            sa.TIMESTAMP(timezone=True),
            nullable=False,
            comment="The moment from which it holds, until the next one's.",
        ),
        sa.Column(
            "amount_minor",
            sa.BigInteger(),
            nullable=False,
            comment="Price of one unit, in the minor unit; with or without tax as the country says.",
        ),
        sa.Column(
            "compare_at_minor",
            sa.BigInteger(),
            nullable=True,
            comment="Former price shown struck through, in the minor unit.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was entered, by the server's clock.",
        ),
        sa.CheckConstraint("amount_minor <= 1000000000000", name=op.f("ck_variant_prices_amount_minor_limit")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_variant_prices_amount_minor_not_negative")),
        sa.CheckConstraint("compare_at_minor <= 1000000000000", name=op.f("ck_variant_prices_compare_at_minor_limit")),
        sa.CheckConstraint("compare_at_minor > amount_minor", name=op.f("ck_variant_prices_compare_at_above_amount")),
        sa.CheckConstraint("valid_from >= created_at", name=op.f("ck_variant_prices_not_backdated")),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_variant_prices_currency"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"],
            ["shop.product_variants.variant_id"],
            name=op.f("fk_variant_prices_variant_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("variant_id", "currency", "valid_from", name=op.f("pk_variant_prices")),
        schema="shop",
        comment="Prices by variant, currency and moment. Appended only: periods cannot overlap, a price that is or was in force never changes, a future one may be withdrawn.",
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("variant_prices", schema="shop")
    op.drop_table("product_media", schema="shop")
    op.drop_table("variant_option_values", schema="shop")
    op.drop_table("product_variants", schema="shop")
    op.drop_table("product_options", schema="shop")
    op.drop_table("product_categories", schema="shop")
    op.drop_table("products", schema="shop")
    op.drop_table("categories", schema="shop")
    op.execute("DROP TYPE shop.media_kind")
    op.execute("DROP TYPE shop.product_status")
    run_sql_beside(__file__, ".down.sql")
