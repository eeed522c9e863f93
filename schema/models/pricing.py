"""What an order costs beside its goods: tax classes and rates, shipping methods and rates."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Index, SmallInteger, Text, text
from sqlalchemy.orm import mapped_column

from models.base import (
    RATE,
    Base,
    Mapped,
    amount_limit,
    identity_key,
    length_check,
    line_of_text,
    moment,
    money,
    not_negative,
    reference,
)


class TaxClass(Base):
    """A class of goods or services that a country taxes alike."""

    __tablename__ = "tax_classes"
    __table_args__ = (
        CheckConstraint("tax_class ~ '^[a-z][a-z_]{0,29}$'", name="tax_class_format"),
        length_check("description", 500),
        {"comment": "Tax classes; rates are looked up by destination and class."},
    )

    tax_class: Mapped[str] = mapped_column(Text, primary_key=True, comment="Key, such as standard or shipping.")
    description: Mapped[str] = line_of_text("What belongs to it.")


class TaxRate(Base):
    """A rate of one jurisdiction from a moment on. Several jurisdictions may tax one line."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        length_check("region", 100, may_be_empty=True),
        length_check("jurisdiction", 100),
        CheckConstraint("rate BETWEEN 0 AND 1", name="rate_range"),
        reference("country", "countries", "code"),
        reference("tax_class", "tax_classes"),
        Index(
            "uq_tax_rates_destination",
            "country",
            "region",
            "tax_class",
            "jurisdiction",
            "valid_from",
            unique=True,
        ),
        {"comment": "Tax rates by destination, class and moment. Orders keep copies of what was applied."},
    )

    tax_rate_id: Mapped[int] = identity_key("Key of the rate.")
    country: Mapped[str] = line_of_text("Country of destination.")
    region: Mapped[str] = line_of_text("Region within it as in addresses; empty: the whole country.", default="")
    tax_class: Mapped[str] = line_of_text("Class of goods it applies to.")
    jurisdiction: Mapped[str] = line_of_text("Who levies it, as printed on invoices, such as 'VAT IE'.")
    rate: Mapped[Decimal] = mapped_column(
        RATE, nullable=False, comment="Fraction: 0.230000 where the tax is 23 percent."
    )
    valid_from: Mapped[dt.datetime] = moment("The moment from which it holds, until the next one's.", now=True)


class ShippingMethod(Base):
    """A way to deliver."""

    __tablename__ = "shipping_methods"
    __table_args__ = (
        CheckConstraint("code ~ '^[a-z][a-z0-9_]{1,29}$'", name="code_format"),
        length_check("name", 100),
        length_check("carrier", 100),
        CheckConstraint("min_days BETWEEN 0 AND max_days AND max_days <= 90", name="days_range"),
        reference("tax_class", "tax_classes"),
        Index("uq_shipping_methods_code", "code", unique=True),
        {"comment": "Shipping methods offered at checkout."},
    )

    shipping_method_id: Mapped[int] = identity_key("Key of the method.")
    code: Mapped[str] = line_of_text("Key for programs, such as standard.")
    name: Mapped[str] = line_of_text("Name shown to customers. Orders keep a copy.")
    carrier: Mapped[str] = line_of_text("Who carries it.")
    tax_class: Mapped[str] = line_of_text("Tax class of the shipping charge.", default="shipping")
    min_days: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Shortest delivery time in days.")
    max_days: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Longest delivery time in days.")
    is_active: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("true"), comment="Whether it is offered."
    )


class ShippingRate(Base):
    """What a method costs to a country, from a subtotal upwards."""

    __tablename__ = "shipping_rates"
    __table_args__ = (
        not_negative("minimum_subtotal_minor"),
        amount_limit("minimum_subtotal_minor"),
        not_negative("price_minor"),
        amount_limit("price_minor"),
        reference("shipping_method_id", "shipping_methods"),
        reference("country", "countries", "code"),
        reference("currency", "currencies", "code"),
        Index(
            "uq_shipping_rates_destination",
            "shipping_method_id",
            "country",
            "currency",
            "minimum_subtotal_minor",
            unique=True,
        ),
        {"comment": "Shipping rates: the row with the highest minimum that the subtotal reaches applies."},
    )

    shipping_rate_id: Mapped[int] = identity_key("Key of the rate.")
    shipping_method_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The method.")
    country: Mapped[str] = line_of_text("Country of destination.")
    currency: Mapped[str] = line_of_text("Currency of minimum and price.")
    minimum_subtotal_minor: Mapped[int] = money("Subtotal after discount from which it holds, minor unit.", default=0)
    price_minor: Mapped[int] = money("Charge in the minor unit; with or without tax as the country says.")
