"""Orders: the header, its lines and taxes, addresses, stock allocations, cancellations, and the history of its status.

An order is written once and then only moves: its facts never change, its counters follow the rows below it by trigger,
and its two derived states (`payment_status`, `fulfilment_status`) are generated from the counters.
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import mapped_column

from models.accounts import NORMALIZED_EMAIL, email_checks, postal_address_checks
from models.base import (
    RATE,
    Base,
    Mapped,
    amount_limit,
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

order_status = enum_type("order_status", "pending", "confirmed", "completed", "cancelled", "expired")
order_payment_status = enum_type("order_payment_status", "none", "authorized", "partial", "full", "refunded")
order_fulfilment_status = enum_type("order_fulfilment_status", "none", "partial", "full", "returned")
address_kind = enum_type("address_kind", "shipping", "billing")

# An order that needed no money at all is paid in full from the start; one whose every unit was cancelled before any
# money moved is not.
PAYMENT_STATUS = (
    "CASE"
    " WHEN captured_minor > 0 AND refunded_minor = captured_minor THEN 'refunded'::shop.order_payment_status"
    " WHEN captured_minor = 0 AND total_minor > 0 AND authorized_minor > 0 THEN 'authorized'::shop.order_payment_status"
    " WHEN captured_minor = 0 AND total_minor > 0 THEN 'none'::shop.order_payment_status"
    " WHEN captured_minor >= total_minor - cancelled_minor THEN 'full'::shop.order_payment_status"
    " ELSE 'partial'::shop.order_payment_status"
    " END"
)
FULFILMENT_STATUS = (
    "CASE"
    " WHEN shipped_units = 0 THEN 'none'::shop.order_fulfilment_status"
    " WHEN returned_units = shipped_units THEN 'returned'::shop.order_fulfilment_status"
    " WHEN shipped_units + cancelled_units = unit_count THEN 'full'::shop.order_fulfilment_status"
    " ELSE 'partial'::shop.order_fulfilment_status"
    " END"
)


class Order(Base):
    """The header of an order: who, where to, how much, and how far it has come."""

    __tablename__ = "orders"
    __table_args__ = (
        uuid_version_check("order_id"),
        *email_checks("contact_email"),
        length_check("contact_phone", 40),
        length_check("tax_number", 40),
        length_check("shipping_method_name", 100),
        CheckConstraint("octet_length(request_digest) = 32", name="request_digest_is_sha256"),
        # What it costs.
        not_negative("subtotal_minor"),
        amount_limit("subtotal_minor"),
        CheckConstraint("discount_minor BETWEEN 0 AND subtotal_minor", name="discount_within_subtotal"),
        not_negative("shipping_minor"),
        amount_limit("shipping_minor"),
        CheckConstraint("NOT is_tax_exempt OR tax_minor = 0", name="exempt_pays_no_tax"),
        not_negative("shipping_tax_count"),
        CheckConstraint("shipping_tax_minor BETWEEN 0 AND tax_minor", name="shipping_tax_within_tax"),
        CheckConstraint(
            "total_minor = subtotal_minor - discount_minor + shipping_minor"
            " + CASE WHEN prices_include_tax THEN 0 ELSE tax_minor END",
            name="total_adds_up",
        ),
        CheckConstraint("line_count BETWEEN 1 AND 200", name="line_count_range"),
        CheckConstraint("unit_count >= line_count", name="unit_count_covers_lines"),
        # How far its units have come.
        not_negative("shipped_units"),
        not_negative("cancelled_units"),
        CheckConstraint("shipped_units + cancelled_units <= unit_count", name="units_within_ordered"),
        CheckConstraint("returned_units BETWEEN 0 AND shipped_units", name="returned_within_shipped"),
        CheckConstraint("cancelled_minor BETWEEN 0 AND total_minor", name="cancelled_within_total"),
        # How far its money has come.
        CheckConstraint("intended_minor BETWEEN 0 AND total_minor", name="intended_within_total"),
        CheckConstraint("captured_minor BETWEEN 0 AND authorized_minor", name="captured_within_authorized"),
        CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="refunded_within_captured"),
        # What each status promises.
        CheckConstraint(
            "status <> 'completed' OR shipped_units + cancelled_units = unit_count",
            name="completed_is_fulfilled",
        ),
        CheckConstraint(
            "status NOT IN ('cancelled', 'expired') OR cancelled_units = unit_count",
            name="ended_is_cancelled",
        ),
        CheckConstraint("shipped_units = 0 OR status IN ('confirmed', 'completed')", name="shipped_is_confirmed"),
        CheckConstraint("expires_at > placed_at", name="expires_after_placed"),
        reference("cart_id", "carts"),
        reference("customer_id", "customers"),
        reference("currency", "currencies", "code"),
        reference("country", "countries", "code"),
        reference("shipping_method_id", "shipping_methods"),
        Index("uq_orders_order_number", "order_number", unique=True),
        Index("uq_orders_cart_id", "cart_id", unique=True),
        UniqueConstraint("order_id", "currency"),
        Index(
            "ix_orders_customer_id",
            "customer_id",
            text("placed_at DESC"),
            text("order_id DESC"),
            postgresql_where=text("customer_id IS NOT NULL"),
        ),
        Index("ix_orders_contact_email_normalized", "contact_email_normalized"),
        Index("ix_orders_placed_at", text("placed_at DESC"), text("order_id DESC")),
        Index(
            "ix_orders_unpaid_expires_at",
            "expires_at",
            "order_id",
            postgresql_where=text("status = 'pending'"),
        ),
        {
            "comment": "Orders. Placing one is the reservation of its stock; one cart makes at most one order.",
            "postgresql_with": {"fillfactor": "70"},
        },
    )

    order_id: Mapped[uuid.UUID] = uuid_key("Key of the order, a UUIDv7 the client makes, so that a retry is harmless.")
    order_number: Mapped[int] = mapped_column(
        BigInteger,
        Identity(always=True, start=100001),
        nullable=False,
        comment="Number for people, from a sequence: unique and ascending, with gaps where a checkout was refused.",
    )
    cart_id: Mapped[uuid.UUID] = mapped_column(
        comment="The cart it was made from. Unique: a double submit is one order."
    )
    request_digest: Mapped[bytes] = mapped_column(
        LargeBinary,
        nullable=False,
        comment="SHA-256 of the request: the same key with other content is refused.",
    )
    customer_id: Mapped[uuid.UUID | None] = mapped_column(comment="The customer; NULL for a guest.")
    contact_email: Mapped[str] = line_of_text("Where messages about the order go.")
    contact_email_normalized: Mapped[str] = mapped_column(
        Text,
        Computed(NORMALIZED_EMAIL.format(column="contact_email"), persisted=True),
        nullable=False,
        comment="The address in NFC and lower case, to find a guest's orders. Generated.",
    )
    contact_phone: Mapped[str | None] = line_of_text("Telephone for questions about the order.", nullable=True)
    currency: Mapped[str] = line_of_text("Currency of every amount of the order.")
    country: Mapped[str] = line_of_text("Country of destination, which decides the taxes.")
    prices_include_tax: Mapped[bool] = mapped_column(
        Boolean, nullable=False, comment="Copied from the country: whether prices contained the tax."
    )
    is_tax_exempt: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Copied from the customer: no tax was charged.",
    )
    tax_number: Mapped[str | None] = line_of_text("Copied from the customer: tax number of a business.", nullable=True)
    shipping_method_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="How it is delivered.")
    shipping_method_name: Mapped[str] = line_of_text("Copied from the method.")
    line_count: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Number of its lines.")
    unit_count: Mapped[int] = mapped_column(Integer, nullable=False, comment="Units over all lines.")
    subtotal_minor: Mapped[int] = money("Sum of the lines before discount, in the minor unit.")
    discount_minor: Mapped[int] = money("Discount over all lines, in the minor unit.", default=0)
    shipping_minor: Mapped[int] = money("Shipping charge, in the minor unit.", default=0)
    shipping_tax_minor: Mapped[int] = money("Tax on shipping; part of tax_minor.", default=0)
    shipping_tax_count: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Number of its shipping tax rows."
    )
    tax_minor: Mapped[int] = money("All taxes; inside the prices or on top, as prices_include_tax says.", default=0)
    total_minor: Mapped[int] = money("What the customer owes, in the minor unit.")
    status: Mapped[str] = mapped_column(
        order_status,
        nullable=False,
        server_default=text("'pending'"),
        comment="pending, confirmed, completed, cancelled or expired; moves only as order_transitions lists.",
    )
    intended_minor: Mapped[int] = money("Sum of its payments that are not closed. Kept by trigger.", default=0)
    authorized_minor: Mapped[int] = money("Sum authorized over its payments. Kept by trigger.", default=0)
    captured_minor: Mapped[int] = money("Sum captured over its payments. Kept by trigger.", default=0)
    refunded_minor: Mapped[int] = money("Sum refunded over its payments. Kept by trigger.", default=0)
    cancelled_minor: Mapped[int] = money("Value of what was cancelled, so no longer owed. Kept by trigger.", default=0)
    shipped_units: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Units shipped. Kept by trigger."
    )
    cancelled_units: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Units cancelled. Kept by trigger."
    )
    returned_units: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Units received back. Kept by trigger."
    )
    payment_status: Mapped[str] = mapped_column(
        order_payment_status,
        Computed(PAYMENT_STATUS, persisted=True),
        nullable=False,
        comment="none, authorized, partial, full or refunded. Generated from the counters.",
    )
    fulfilment_status: Mapped[str] = mapped_column(
        order_fulfilment_status,
        Computed(FULFILMENT_STATUS, persisted=True),
        nullable=False,
        comment="none, partial, full or returned. Generated from the counters.",
    )
    placed_at: Mapped[dt.datetime] = moment("When it was placed.", now=True)
    expires_at: Mapped[dt.datetime] = moment("Until when it must be paid; then it expires and frees its stock.")


class OrderItem(Base):
    """A line of an order: a copy of what was sold, at what price, and how much of it was shipped, cancelled, returned."""

    __tablename__ = "order_items"
    __table_args__ = (
        CheckConstraint("line_number BETWEEN 1 AND 200", name="line_number_range"),
        length_check("sku", 64),
        length_check("product_name", 200),
        length_check("variant_name", 200),
        CheckConstraint("quantity BETWEEN 1 AND 999", name="quantity_range"),
        not_negative("unit_price_minor"),
        amount_limit("unit_price_minor"),
        CheckConstraint("subtotal_minor = unit_price_minor * quantity", name="subtotal_is_price_times_quantity"),
        CheckConstraint("discount_minor BETWEEN 0 AND subtotal_minor", name="discount_within_subtotal"),
        not_negative("tax_minor"),
        CheckConstraint(
            "NOT prices_include_tax OR tax_minor <= subtotal_minor - discount_minor", name="included_tax_within_price"
        ),
        not_negative("tax_count"),
        CheckConstraint(
            "total_minor = subtotal_minor - discount_minor + CASE WHEN prices_include_tax THEN 0 ELSE tax_minor END",
            name="total_adds_up",
        ),
        not_negative("allocated_quantity"),
        not_negative("cancelled_quantity"),
        CheckConstraint("allocated_quantity + cancelled_quantity <= quantity", name="allocated_within_open"),
        CheckConstraint("shipped_quantity BETWEEN 0 AND allocated_quantity", name="shipped_within_allocated"),
        CheckConstraint("returned_quantity BETWEEN 0 AND shipped_quantity", name="returned_within_shipped"),
        reference(["order_id", "currency"], "orders"),
        reference("variant_id", "product_variants"),
        reference("tax_class", "tax_classes"),
        Index("ix_order_items_variant_id", "variant_id"),
        {
            "comment": "Lines of orders: copies that no later edit changes. All lines of an order arrive in one statement.",
            "postgresql_with": {"fillfactor": "80"},
        },
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order.")
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="Number of the line, from 1.")
    variant_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The variant sold.")
    currency: Mapped[str] = line_of_text("Currency of the order, tied to it by the foreign key.")
    sku: Mapped[str] = line_of_text("Copied from the variant.")
    product_name: Mapped[str] = line_of_text("Copied from the product.")
    variant_name: Mapped[str] = line_of_text("Copied from the variant.")
    tax_class: Mapped[str] = line_of_text("Copied from the product.")
    prices_include_tax: Mapped[bool] = mapped_column(Boolean, nullable=False, comment="Copied from the order.")
    quantity: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Units ordered, 1 to 999.")
    unit_price_minor: Mapped[int] = money("Price of one unit when the order was placed, in the minor unit.")
    subtotal_minor: Mapped[int] = money("Price times quantity, in the minor unit.")
    discount_minor: Mapped[int] = money("The line's share of the discount (largest remainder).", default=0)
    tax_minor: Mapped[int] = money("Sum of the line's taxes, in the minor unit.", default=0)
    tax_count: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Number of its tax rows."
    )
    total_minor: Mapped[int] = money("What the line costs in all, in the minor unit.")
    allocated_quantity: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="Units with stock behind them, shipped ones included. Kept by trigger.",
    )
    shipped_quantity: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Units shipped. Kept by trigger."
    )
    cancelled_quantity: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Units cancelled. Kept by trigger."
    )
    returned_quantity: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="Units received back. Kept by trigger.",
    )


class OrderItemTax(Base):
    """One tax on one line."""

    __tablename__ = "order_item_taxes"
    __table_args__ = (
        length_check("jurisdiction", 100),
        CheckConstraint("rate BETWEEN 0 AND 1", name="rate_range"),
        not_negative("base_minor"),
        not_negative("tax_minor"),
        # Where prices include tax the base is what rounding leaves over, so one unit of slack is exact enough.
        CheckConstraint("abs(tax_minor - base_minor * rate) <= 1", name="tax_follows_rate"),
        reference(["order_id", "line_number"], "order_items"),
        {"comment": "Taxes of order lines, in the order's currency; they add up to the line's tax."},
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order.")
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="The line.")
    jurisdiction: Mapped[str] = mapped_column(primary_key=True, comment="Who levies it. Copied from the rate.")
    rate: Mapped[Decimal] = mapped_column(RATE, nullable=False, comment="Fraction applied. Copied from the rate.")
    base_minor: Mapped[int] = money("Amount taxed, without tax, in the minor unit.")
    tax_minor: Mapped[int] = money("The tax, in the minor unit.")


class OrderShippingTax(Base):
    """One tax on an order's shipping charge."""

    __tablename__ = "order_shipping_taxes"
    __table_args__ = (
        length_check("jurisdiction", 100),
        CheckConstraint("rate BETWEEN 0 AND 1", name="rate_range"),
        not_negative("base_minor"),
        not_negative("tax_minor"),
        CheckConstraint("abs(tax_minor - base_minor * rate) <= 1", name="tax_follows_rate"),
        reference("order_id", "orders"),
        {"comment": "Taxes of shipping charges, in the order's currency; they add up to the order's shipping tax."},
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order.")
    jurisdiction: Mapped[str] = mapped_column(primary_key=True, comment="Who levies it. Copied from the rate.")
    rate: Mapped[Decimal] = mapped_column(RATE, nullable=False, comment="Fraction applied. Copied from the rate.")
    base_minor: Mapped[int] = money("Amount taxed, without tax, in the minor unit.")
    tax_minor: Mapped[int] = money("The tax, in the minor unit.")


class OrderAddress(Base):
    """A copy of an address, as it was when the order was placed."""

    __tablename__ = "order_addresses"
    __table_args__ = (
        *postal_address_checks(),
        reference("order_id", "orders"),
        reference("country", "countries", "code"),
        {"comment": "Shipping and billing address of each order, copied: editing an address book changes no order."},
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order.")
    kind: Mapped[str] = mapped_column(address_kind, primary_key=True, comment="shipping or billing.")
    recipient: Mapped[str] = line_of_text("Who receives there.")
    company: Mapped[str | None] = line_of_text("Company, if any.", nullable=True)
    line1: Mapped[str] = line_of_text("Street and number, or what is used instead.")
    line2: Mapped[str | None] = line_of_text("Flat, floor, building.", nullable=True)
    city: Mapped[str] = line_of_text("City or town.")
    region: Mapped[str | None] = line_of_text("State, province or county where the country uses one.", nullable=True)
    postal_code: Mapped[str | None] = line_of_text("Postal code; NULL where the country has none.", nullable=True)
    country: Mapped[str] = line_of_text("Country.")
    phone: Mapped[str | None] = line_of_text("Telephone for the carrier.", nullable=True)


class OrderAllocation(Base):
    """Units of a line promised from one slot of one warehouse. Writing it writes the stock movement."""

    __tablename__ = "order_allocations"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        not_negative("released_quantity"),
        not_negative("shipped_quantity"),
        CheckConstraint("released_quantity + shipped_quantity <= quantity", name="used_within_quantity"),
        reference(["order_id", "line_number"], "order_items"),
        reference(["variant_id", "warehouse_id", "slot"], "stock_levels"),
        Index("ix_order_allocations_stock", "variant_id", "warehouse_id", "slot"),
        {
            "comment": "Where the units of each line come from. Its rows and the reserved stock are always equal.",
            "postgresql_with": {"fillfactor": "80"},
        },
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order.")
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="The line.")
    warehouse_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The warehouse.")
    slot: Mapped[int] = mapped_column(
        SmallInteger, primary_key=True, server_default=text("0"), comment="The slot of the stock level."
    )
    variant_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The variant of the line.")
    quantity: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Units reserved at first.")
    released_quantity: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="Units given back to stock before shipping. Raising it writes the movement.",
    )
    shipped_quantity: Mapped[int] = mapped_column(
        SmallInteger, nullable=False, server_default=text("0"), comment="Units shipped. Kept by trigger."
    )


class OrderItemCancellation(Base):
    """Units of a line that will not be delivered."""

    __tablename__ = "order_item_cancellations"
    __table_args__ = (
        uuid_version_check("cancellation_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        # A code and no words: it goes out with events, and no row of this table can be erased.
        CheckConstraint("reason ~ '^[a-z][a-z0-9_]{1,49}$'", name="reason_format"),
        reference(["order_id", "line_number"], "order_items"),
        {"comment": "Cancelled units, line by line. Their stock must have been released before."},
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order.")
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="The line.")
    cancellation_id: Mapped[uuid.UUID] = uuid_key("Key of the request, the same on each line it touches.")
    quantity: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Units cancelled.")
    reason: Mapped[str] = line_of_text("A code for why, such as customer_request, payment_expired or out_of_stock.")
    cancelled_at: Mapped[dt.datetime] = moment("When.", now=True)


class OrderTransition(Base):
    """A move of an order's status that is legal."""

    __tablename__ = "order_transitions"
    __table_args__ = (
        CheckConstraint("from_status <> to_status", name="moves"),
        length_check("meaning", 500),
        {"comment": "The legal moves of an order's status; whatever is not listed is refused."},
    )

    from_status: Mapped[str] = mapped_column(order_status, primary_key=True, comment="Status before.")
    to_status: Mapped[str] = mapped_column(order_status, primary_key=True, comment="Status after.")
    meaning: Mapped[str] = line_of_text("What happened.")


class OrderStatusHistory(Base):
    """A move that an order's status made. Written by trigger, append-only."""

    __tablename__ = "order_status_history"
    __table_args__ = (
        CheckConstraint("(from_status IS NULL) = (sequence = 1)", name="first_has_no_from"),
        CheckConstraint("sequence > 1 OR to_status = 'pending'", name="starts_pending"),
        length_check("actor", 200),
        reference("order_id", "orders"),
        reference(["from_status", "to_status"], "order_transitions"),
        {"comment": "Every status an order had, in sequence. Append-only; only the trigger on orders writes it."},
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order.")
    sequence: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="1 for the placing, then ascending.")
    from_status: Mapped[str | None] = mapped_column(order_status, comment="Status before; NULL when it was placed.")
    to_status: Mapped[str] = mapped_column(order_status, nullable=False, comment="Status after.")
    actor: Mapped[str | None] = line_of_text("Who or what moved it (shop.actor), if known.", nullable=True)
    changed_at: Mapped[dt.datetime] = moment("When.", now=True)


class CouponRedemption(Base):
    """A coupon used by an order. Released when the order ends unpaid or cancelled."""

    __tablename__ = "coupon_redemptions"
    __table_args__ = (
        # A coupon that takes nothing off is not used: it would burn a use.
        CheckConstraint("discount_minor > 0", name="discount_minor_positive"),
        CheckConstraint("released_at >= redeemed_at", name="released_after_redeemed"),
        reference(["order_id", "currency"], "orders"),
        reference("coupon_id", "coupons"),
        Index("ix_coupon_redemptions_coupon_id", "coupon_id", "order_id"),
        {
            "comment": "Which order used which coupon: one per order, counted against the coupon's limits until released."
        },
    )

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The order; one coupon each.")
    coupon_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The coupon.")
    currency: Mapped[str] = line_of_text("Currency of the order, tied to it by the foreign key.")
    discount_minor: Mapped[int] = money("What it took off, in the minor unit.")
    redeemed_at: Mapped[dt.datetime] = moment("When.", now=True)
    released_at: Mapped[dt.datetime | None] = moment(
        "When the use was given back; NULL while it counts.", nullable=True
    )
