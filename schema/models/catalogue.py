"""The catalogue: categories, products, their options and variants, media, and prices by moment."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Computed, Index, Integer, SmallInteger, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR, ExcludeConstraint
from sqlalchemy.orm import mapped_column

from models.base import (
    Base,
    Mapped,
    amount_limit,
    enum_type,
    identity_key,
    length_check,
    line_of_text,
    moment,
    money,
    not_negative,
    reference,
)

product_status = enum_type("product_status", "draft", "active", "archived")
media_kind = enum_type("media_kind", "image", "video")

SLUG = "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'"


class Category(Base):
    """A node of the category tree. `ancestry` is kept by triggers, which also refuse cycles."""

    __tablename__ = "categories"
    __table_args__ = (
        CheckConstraint(SLUG, name="slug_format"),
        length_check("slug", 120),
        length_check("name", 200),
        not_negative("position"),
        CheckConstraint("parent_id <> category_id", name="not_own_parent"),
        CheckConstraint("NOT category_id = ANY (ancestry)", name="not_own_ancestor"),
        CheckConstraint("cardinality(ancestry) <= 15", name="depth_limit"),
        CheckConstraint("parent_id IS NOT DISTINCT FROM ancestry[cardinality(ancestry)]", name="parent_ends_ancestry"),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        CheckConstraint("archived_at >= created_at", name="archived_after_created"),
        reference("parent_id", "categories", "category_id"),
        Index("ix_categories_parent_id", "parent_id", "position", "category_id"),
        Index("ix_categories_ancestry", "ancestry", postgresql_using="gin"),
        Index("uq_categories_slug", "slug", unique=True, postgresql_where=text("archived_at IS NULL")),
        {"comment": "Tree of categories. A move updates the ancestry of the whole subtree; a cycle is refused."},
    )

    category_id: Mapped[int] = identity_key("Key of the category.")
    parent_id: Mapped[int | None] = mapped_column(BigInteger, comment="The category directly above; NULL at the top.")
    ancestry: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="Keys of all categories above, from the top down to the parent. Kept by trigger.",
    )
    slug: Mapped[str] = line_of_text("Name in URLs: lower-case words joined by hyphens; unique among live categories.")
    name: Mapped[str] = line_of_text("Name shown to customers.")
    description: Mapped[str] = line_of_text("Text shown above the category's products.", default="")
    position: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Order among its siblings, ascending."
    )
    created_at: Mapped[dt.datetime] = moment("When the category was created.", now=True)
    updated_at: Mapped[dt.datetime] = moment("When the row last changed. Kept by trigger.", now=True)
    archived_at: Mapped[dt.datetime | None] = moment(
        "When it was taken out of the shop; NULL while live.", nullable=True
    )


class Product(Base):
    """What is shown on one product page; what is sold are its variants."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint(SLUG, name="slug_format"),
        length_check("slug", 160),
        length_check("name", 200),
        length_check("brand", 100),
        length_check("description", 20000, may_be_empty=True),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        CheckConstraint("(status = 'archived') = (archived_at IS NOT NULL)", name="archived_at_matches_status"),
        reference("tax_class", "tax_classes", "tax_class"),
        Index("uq_products_slug", "slug", unique=True, postgresql_where=text("archived_at IS NULL")),
        Index("ix_products_search", "search", postgresql_using="gin"),
        {"comment": "Products. Archived, never deleted, once history refers to them."},
    )

    product_id: Mapped[int] = identity_key("Key of the product.")
    slug: Mapped[str] = line_of_text("Name in URLs; unique among products that are not archived.")
    name: Mapped[str] = line_of_text("Name shown to customers. Order lines keep their own copy.")
    brand: Mapped[str | None] = line_of_text("Brand or maker, where there is one.", nullable=True)
    description: Mapped[str] = line_of_text("Text of the product page, plain text.", default="")
    tax_class: Mapped[str] = line_of_text("Tax class of all variants; picks the rates at checkout.", default="standard")
    status: Mapped[str] = mapped_column(
        product_status,
        nullable=False,
        server_default=text("'draft'"),
        comment="draft, active (on sale) or archived.",
    )
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('english', name), 'A')"
            " || setweight(to_tsvector('english', coalesce(brand, '')), 'B')"
            " || setweight(to_tsvector('english', description), 'C')",
            persisted=True,
        ),
        nullable=False,
        comment="Full-text document: name (weight A), brand (B), description (C). Generated.",
    )
    created_at: Mapped[dt.datetime] = moment("When the product was created.", now=True)
    updated_at: Mapped[dt.datetime] = moment("When the row last changed. Kept by trigger.", now=True)
    archived_at: Mapped[dt.datetime | None] = moment("When it was archived; NULL before.", nullable=True)


class ProductCategory(Base):
    """A product stands in any number of categories, one of them its main one."""

    __tablename__ = "product_categories"
    __table_args__ = (
        reference("product_id", "products"),
        reference("category_id", "categories"),
        Index("ix_product_categories_category_id", "category_id", "product_id"),
        Index("uq_product_categories_main", "product_id", unique=True, postgresql_where=text("is_main")),
        {"comment": "Which products stand in which categories."},
    )

    product_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The product.")
    category_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The category.")
    is_main: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="The category its breadcrumb shows; at most one per product.",
    )


class ProductOption(Base):
    """A dimension in which a product's variants differ, such as colour or size."""

    __tablename__ = "product_options"
    __table_args__ = (
        length_check("name", 60),
        CheckConstraint("position BETWEEN 1 AND 5", name="position_range"),
        reference("product_id", "products"),
        Index("uq_product_options_product_id_position", "product_id", "position", unique=True),
        Index(
            "uq_product_options_product_id_name",
            "product_id",
            text("lower(name COLLATE pg_unicode_fast)"),
            unique=True,
        ),
        Index("uq_product_options_product_id_product_option_id", "product_id", "product_option_id", unique=True),
        {"comment": "Options of a product (colour, size, …), at most five."},
    )

    product_option_id: Mapped[int] = identity_key("Key of the option.")
    product_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The product it belongs to.")
    name: Mapped[str] = line_of_text("Name shown to customers; unique within the product without regard to case.")
    position: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Order of display, 1 to 5.")


class ProductVariant(Base):
    """What can be bought: one combination of a product's options, with its own SKU."""

    __tablename__ = "product_variants"
    __table_args__ = (
        CheckConstraint("sku ~ '^[A-Z0-9][A-Z0-9._-]{0,63}$'", name="sku_format"),
        CheckConstraint("gtin ~ '^([0-9]{8}|[0-9]{12,14})$'", name="gtin_format"),
        length_check("name", 200),
        CheckConstraint("weight_grams BETWEEN 0 AND 1000000", name="weight_grams_range"),
        CheckConstraint("archived_at >= created_at", name="archived_after_created"),
        reference("product_id", "products"),
        Index("uq_product_variants_sku", "sku", unique=True, postgresql_where=text("archived_at IS NULL")),
        Index("uq_product_variants_product_id_variant_id", "product_id", "variant_id", unique=True),
        # Deferred, since a variant and its option values are written by separate statements.
        ExcludeConstraint(
            ("product_id", "="),
            ("options_key", "="),
            where=text("archived_at IS NULL"),
            using="btree",
            name="ex_product_variants_one_per_combination",
            deferrable=True,
            initially="DEFERRED",
        ),
        {"comment": "Variants (SKUs): what is priced, stocked and sold."},
    )

    variant_id: Mapped[int] = identity_key("Key of the variant.")
    product_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The product it is a variant of.")
    sku: Mapped[str] = line_of_text("Stock keeping unit, upper case; unique among variants that are not archived.")
    gtin: Mapped[str | None] = line_of_text("GS1 barcode number of 8, 12, 13 or 14 digits, if any.", nullable=True)
    name: Mapped[str] = line_of_text("What tells it from its siblings, such as 'Blue / M'.")
    options_key: Mapped[str] = line_of_text(
        "Canonical form of its option values (JSON by option key, case-folded). Kept by trigger.",
        default="{}",
    )
    weight_grams: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Shipping weight in grams."
    )
    created_at: Mapped[dt.datetime] = moment("When the variant was created.", now=True)
    archived_at: Mapped[dt.datetime | None] = moment(
        "When it was taken off sale for good; NULL while live.", nullable=True
    )


class VariantOptionValue(Base):
    """The value of one option for one variant."""

    __tablename__ = "variant_option_values"
    __table_args__ = (
        length_check("value", 100),
        reference(["product_id", "variant_id"], "product_variants"),
        reference(["product_id", "product_option_id"], "product_options"),
        Index("ix_variant_option_values_product_option", "product_id", "product_option_id"),
        Index("ix_variant_option_values_product_variant", "product_id", "variant_id"),
        {"comment": "Option values of a variant. Both ends belong to the same product, by two composite keys."},
    )

    variant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The variant.")
    product_option_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The option.")
    product_id: Mapped[int] = mapped_column(
        BigInteger, nullable=False, comment="The product of both, so that the database can compare them."
    )
    value: Mapped[str] = line_of_text("The value, such as 'Blue'.")


class ProductMedia(Base):
    """A picture or film of a product, or of one of its variants."""

    __tablename__ = "product_media"
    __table_args__ = (
        length_check("url", 2000),
        CheckConstraint("url ~ '^https://[^[:space:]]+$'", name="url_is_https"),
        length_check("alt_text", 500, may_be_empty=True),
        CheckConstraint("position BETWEEN 1 AND 100", name="position_range"),
        reference("product_id", "products"),
        reference(["product_id", "variant_id"], "product_variants"),
        Index("uq_product_media_product_id_position", "product_id", "position", unique=True),
        Index(
            "ix_product_media_product_id_variant_id",
            "product_id",
            "variant_id",
            postgresql_where=text("variant_id IS NOT NULL"),
        ),
        {"comment": "Media of products. The files live elsewhere; here are their addresses."},
    )

    product_media_id: Mapped[int] = identity_key("Key of the medium.")
    product_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The product it shows.")
    variant_id: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="The variant it shows, of the same product; NULL when it shows the product as such.",
    )
    kind: Mapped[str] = mapped_column(
        media_kind, nullable=False, server_default=text("'image'"), comment="image or video."
    )
    url: Mapped[str] = line_of_text("Address of the file, https only.")
    alt_text: Mapped[str] = line_of_text("What it shows, for people who cannot see it.", default="")
    position: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Order of display, 1 to 100.")


class VariantPrice(Base):
    """A price from a moment on. The price in force is the one with the latest `valid_from` that has passed."""

    __tablename__ = "variant_prices"
    __table_args__ = (
        not_negative("amount_minor"),
        amount_limit("amount_minor"),
        amount_limit("compare_at_minor"),
        CheckConstraint("compare_at_minor > amount_minor", name="compare_at_above_amount"),
        CheckConstraint("valid_from >= created_at", name="not_backdated"),
        reference("variant_id", "product_variants"),
        reference("currency", "currencies", "code"),
        {
            "comment": "Prices by variant, currency and moment. Appended only: periods cannot overlap, a price that is or"
            " was in force never changes, a future one may be withdrawn."
        },
    )

    variant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The variant.")
    currency: Mapped[str] = mapped_column(primary_key=True, comment="Currency of the price.")
    valid_from: Mapped[dt.datetime] = mapped_column(
        comment="The moment from which it holds, until the next one's.", primary_key=True
    )
    amount_minor: Mapped[int] = money("Price of one unit, in the minor unit; with or without tax as the country says.")
    compare_at_minor: Mapped[int | None] = money("Former price shown struck through, in the minor unit.", nullable=True)
    created_at: Mapped[dt.datetime] = moment("When it was entered, by the server's clock.", now=True)
