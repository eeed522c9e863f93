"""Carts, and the coupons that may be applied to them."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Index, Integer, SmallInteger, text
from sqlalchemy.orm import mapped_column

from models.base import (
    RATE,
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
    uuid_key,
    uuid_version_check,
)

coupon_kind = enum_type("coupon_kind", "percent", "fixed")
cart_status = enum_type("cart_status", "open", "converted", "merged", "expired")


class Coupon(Base):
    """A code that lowers an order's price, by a rate or a fixed amount, within a window and limits."""

    __tablename__ = "coupons"
    __table_args__ = (
        CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{2,39}$'", name="code_format"),
        length_check("description", 500),
        CheckConstraint(
            "CASE kind"
            " WHEN 'percent' THEN rate > 0 AND rate <= 1 AND rate IS NOT NULL AND amount_minor IS NULL"
            " WHEN 'fixed' THEN amount_minor > 0 AND amount_minor IS NOT NULL AND rate IS NULL AND currency IS NOT NULL"
            " END",
            name="value_fits_kind",
        ),
        amount_limit("amount_minor"),
        not_negative("minimum_subtotal_minor"),
        amount_limit("minimum_subtotal_minor"),
        CheckConstraint("minimum_subtotal_minor = 0 OR currency IS NOT NULL", name="minimum_has_currency"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("usage_limit > 0", name="usage_limit_positive"),
        CheckConstraint("per_customer_limit > 0", name="per_customer_limit_positive"),
        not_negative("times_used"),
        CheckConstraint("times_used <= usage_limit", name="within_usage_limit"),
        reference("currency", "currencies", "code"),
        Index("uq_coupons_code", "code", unique=True),
        {
            "comment": "Coupons. times_used counts redemptions that were not released; it never passes the limit.",
            "postgresql_with": {"fillfactor": "70"},
        },
    )

    coupon_id: Mapped[int] = identity_key("Key of the coupon.")
    code: Mapped[str] = line_of_text("What the customer types, upper case; unique for ever.")
    description: Mapped[str] = line_of_text("What it is for, for staff.")
    kind: Mapped[str] = mapped_column(coupon_kind, nullable=False, comment="percent of the lines, or a fixed amount.")
    rate: Mapped[Decimal | None] = mapped_column(
        RATE, comment="Fraction taken off, 0.100000 for a tenth; percent only."
    )
    amount_minor: Mapped[int | None] = money("Amount taken off, in the minor unit; fixed only.", nullable=True)
    currency: Mapped[str | None] = line_of_text(
        "Currency of amount and minimum; NULL for a rate in any currency.", nullable=True
    )
    minimum_subtotal_minor: Mapped[int] = money("Smallest subtotal it applies to, in the minor unit.", default=0)
    starts_at: Mapped[dt.datetime] = moment("First moment it is valid.", now=True)
    ends_at: Mapped[dt.datetime | None] = moment("First moment it is no longer valid; NULL: open end.", nullable=True)
    usage_limit: Mapped[int | None] = mapped_column(Integer, comment="Most redemptions in all; NULL: no limit.")
    per_customer_limit: Mapped[int | None] = mapped_column(
        Integer,
        comment="Most redemptions by one customer, or by one e-mail address for guests; NULL: no limit.",
    )
    times_used: Mapped[int] = mapped_column(
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Redemptions not released. Kept by trigger.",
    )
    is_active: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("true"), comment="False: switched off by staff."
    )
    created_at: Mapped[dt.datetime] = moment("When it was created.", now=True)


class Cart(Base):
    """A basket of a guest or a customer. It makes at most one order, and is frozen from then on."""

    __tablename__ = "carts"
    __table_args__ = (
        uuid_version_check("cart_id"),
        CheckConstraint("version > 0", name="version_positive"),
        CheckConstraint("expires_at > created_at", name="expires_after_created"),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        CheckConstraint("(status = 'merged') = (merged_into_cart_id IS NOT NULL)", name="merged_into_matches_status"),
        CheckConstraint("merged_into_cart_id <> cart_id", name="not_merged_into_itself"),
        reference("customer_id", "customers"),
        reference("currency", "currencies", "code"),
        reference("coupon_id", "coupons"),
        reference("merged_into_cart_id", "carts", "cart_id"),
        Index("uq_carts_open_per_customer", "customer_id", unique=True, postgresql_where=text("status = 'open'")),
        Index("ix_carts_customer_id", "customer_id", postgresql_where=text("customer_id IS NOT NULL")),
        Index("ix_carts_coupon_id", "coupon_id", postgresql_where=text("coupon_id IS NOT NULL")),
        Index(
            "ix_carts_merged_into_cart_id",
            "merged_into_cart_id",
            postgresql_where=text("merged_into_cart_id IS NOT NULL"),
        ),
        Index("ix_carts_expires_at", "expires_at", postgresql_where=text("status = 'open'")),
        {
            "comment": "Carts of customers and guests. A customer has one open cart at a time.",
            "postgresql_with": {"fillfactor": "80"},
        },
    )

    cart_id: Mapped[uuid.UUID] = uuid_key("Key of the cart, a UUIDv7 the client may make; a guest's only handle to it.")
    customer_id: Mapped[uuid.UUID | None] = mapped_column(comment="Whose cart; NULL for a guest.")
    currency: Mapped[str] = line_of_text("Currency the cart is priced in.")
    status: Mapped[str] = mapped_column(
        cart_status,
        nullable=False,
        server_default=text("'open'"),
        comment="open, converted to an order, merged, expired.",
    )
    coupon_id: Mapped[int | None] = mapped_column(BigInteger, comment="Coupon to be applied at checkout.")
    merged_into_cart_id: Mapped[uuid.UUID | None] = mapped_column(
        comment="The cart this one was merged into at log-in."
    )
    version: Mapped[int] = mapped_column(
        BigInteger,
        nullable=False,
        server_default=text("1"),
        comment="Raised once by each transaction that changes its lines. Kept by trigger.",
    )
    created_at: Mapped[dt.datetime] = moment("When it was created.", now=True)
    updated_at: Mapped[dt.datetime] = moment("When it last changed. Kept by trigger.", now=True)
    expires_at: Mapped[dt.datetime] = moment("When an open cart is given up.")


class CartItem(Base):
    """A line of a cart: one per variant."""

    __tablename__ = "cart_items"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_range"),
        reference("cart_id", "carts"),
        reference("variant_id", "product_variants"),
        Index("ix_cart_items_variant_id", "variant_id"),
        {"comment": "Lines of carts, frozen once the cart is no longer open."},
    )

    cart_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The cart.")
    variant_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The variant.")
    quantity: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Units, 1 to 999.")
    added_at: Mapped[dt.datetime] = moment("When the variant was put in.", now=True)
