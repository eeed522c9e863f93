"""Reference data: currencies, countries, and the one row that says what kind of database this is."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Boolean, CheckConstraint, Index, SmallInteger, Text, text
from sqlalchemy.orm import mapped_column

from models.base import Base, Mapped, length_check, line_of_text, moment, reference


class Currency(Base):
    """An ISO 4217 currency. Its exponent never changes, since it gives every stored amount its meaning."""

    __tablename__ = "currencies"
    __table_args__ = (
        CheckConstraint("code ~ '^[A-Z]{3}$'", name="code_is_iso_4217"),
        CheckConstraint("numeric_code ~ '^[0-9]{3}$'", name="numeric_code_is_iso_4217"),
        CheckConstraint("exponent BETWEEN 0 AND 4", name="exponent_range"),
        length_check("name", 100),
        Index("uq_currencies_numeric_code", "numeric_code", unique=True),
        {"comment": "ISO 4217 currencies. Amounts everywhere are integers in the currency's minor unit."},
    )

    code: Mapped[str] = mapped_column(Text, primary_key=True, comment="ISO 4217 alphabetic code, such as EUR.")
    numeric_code: Mapped[str] = line_of_text("ISO 4217 numeric code, three digits.")
    name: Mapped[str] = line_of_text("English name of the currency.")
    exponent: Mapped[int] = mapped_column(
        SmallInteger,
        nullable=False,
        comment="Decimal places of the minor unit (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD. Immutable.",
    )


class Country(Base):
    """An ISO 3166-1 country and how prices are shown to consumers there."""

    __tablename__ = "countries"
    __table_args__ = (
        CheckConstraint("code ~ '^[A-Z]{2}$'", name="code_is_iso_3166"),
        CheckConstraint("alpha3 ~ '^[A-Z]{3}$'", name="alpha3_is_iso_3166"),
        CheckConstraint("numeric_code ~ '^[0-9]{3}$'", name="numeric_code_is_iso_3166"),
        length_check("name", 100),
        reference("currency", "currencies", "code"),
        Index("uq_countries_alpha3", "alpha3", unique=True),
        Index("uq_countries_numeric_code", "numeric_code", unique=True),
        {"comment": "ISO 3166-1 countries, with the rule by which prices include tax there."},
    )

    code: Mapped[str] = mapped_column(Text, primary_key=True, comment="ISO 3166-1 alpha-2 code, such as IE.")
    alpha3: Mapped[str] = line_of_text("ISO 3166-1 alpha-3 code.")
    numeric_code: Mapped[str] = line_of_text("ISO 3166-1 numeric code, three digits.")
    name: Mapped[str] = line_of_text("English short name.")
    currency: Mapped[str | None] = line_of_text(
        "Currency in general use there; NULL where there is none (Antarctica).", nullable=True
    )
    prices_include_tax: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="Whether catalogue prices shown to buyers there contain the tax. Snapshotted on each order.",
    )


class Deployment(Base):
    """What kind of database this is. Tools read it before they write, seed or downgrade."""

    __tablename__ = "deployment"
    __table_args__ = (
        CheckConstraint("is_only_row", name="one_row"),
        CheckConstraint("environment IN ('local', 'test', 'staging', 'production')", name="environment_known"),
        CheckConstraint("NOT (is_sample_data AND environment = 'production')", name="no_samples_in_production"),
        {"comment": "One row: the environment this database serves, and whether its content is generated sample data."},
    )

    is_only_row: Mapped[bool] = mapped_column(
        Boolean,
        primary_key=True,
        server_default=text("true"),
        comment="Always true: keeps the table to one row.",
    )
    environment: Mapped[str] = line_of_text(
        "local, test, staging or production. Tools refuse to seed, replace or downgrade production."
    )
    is_sample_data: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="True once the data loader filled this database; only then may its content be replaced.",
    )
    created_at: Mapped[dt.datetime] = moment("When the first migration ran.", now=True)
