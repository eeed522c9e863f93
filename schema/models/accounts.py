"""Accounts: customers, their credentials, log-ins, tokens and addresses, and the list of personal data."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import Boolean, CheckConstraint, Computed, Index, Integer, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import mapped_column

from models.base import (
    Base,
    Mapped,
    enum_type,
    identity_key,
    length_check,
    line_of_text,
    moment,
    not_negative,
    reference,
    uuid_key,
    uuid_version_check,
)

customer_status = enum_type("customer_status", "active", "closed", "erased")
account_token_purpose = enum_type("account_token_purpose", "email_verification", "password_reset")
erasure_moment = enum_type("erasure_moment", "now", "after_retention")

# The same on every server: the collation is built into PostgreSQL 18 and ignores the database's locale. lower(), not
# casefold(): folding would merge 'straße@…' with 'strasse@…', which are two mailboxes.
NORMALIZED_EMAIL = "lower(normalize({column}, NFC) COLLATE pg_unicode_fast)"


def email_checks(column: str) -> tuple[CheckConstraint, CheckConstraint]:
    """Refuses what cannot be an address: blanks, no or several @, no dot in the domain, more than 254 characters."""
    return (
        CheckConstraint(f"{column} ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$'", name=f"{column}_format"),
        length_check(column, 254),
    )


def postal_address_checks() -> tuple[CheckConstraint, ...]:
    """Length limits of the columns that a postal address has wherever one is stored."""
    return (
        length_check("recipient", 200),
        length_check("company", 200),
        length_check("line1", 200),
        length_check("line2", 200),
        length_check("city", 100),
        length_check("region", 100),
        length_check("postal_code", 20),
        length_check("phone", 40),
    )


class Customer(Base):
    """A person with an account. Erased by pseudonymising, never deleted."""

    __tablename__ = "customers"
    __table_args__ = (
        uuid_version_check("customer_id"),
        *email_checks("email"),
        length_check("full_name", 200),
        length_check("phone", 40),
        length_check("tax_number", 40),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        CheckConstraint("(status = 'erased') = (erased_at IS NOT NULL)", name="erased_at_matches_status"),
        Index("uq_customers_email_normalized", "email_normalized", unique=True),
        {"comment": "Customers with an account. Guests are known by their orders only."},
    )

    customer_id: Mapped[uuid.UUID] = uuid_key("Key of the customer, a UUIDv7 the client may make.")
    email: Mapped[str] = line_of_text("E-mail address as the customer wrote it.")
    email_normalized: Mapped[str] = mapped_column(
        Text,
        Computed(NORMALIZED_EMAIL.format(column="email"), persisted=True),
        nullable=False,
        comment="The address in NFC and lower case: what UNIQUE and log-in compare. Generated.",
    )
    full_name: Mapped[str] = line_of_text("Name, in one piece: the world's names do not split into two.")
    phone: Mapped[str | None] = line_of_text("Telephone number, if given.", nullable=True)
    tax_number: Mapped[str | None] = line_of_text("VAT or other tax number of a business.", nullable=True)
    is_tax_exempt: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="No tax is charged. Snapshotted on each order.",
    )
    status: Mapped[str] = mapped_column(
        customer_status, nullable=False, server_default=text("'active'"), comment="active, closed or erased."
    )
    email_verified_at: Mapped[dt.datetime | None] = moment("When the address was proven to be theirs.", nullable=True)
    marketing_consent_at: Mapped[dt.datetime | None] = moment(
        "When they agreed to marketing; NULL: they did not.", nullable=True
    )
    created_at: Mapped[dt.datetime] = moment("When the account was made.", now=True)
    updated_at: Mapped[dt.datetime] = moment("When the row last changed. Kept by trigger.", now=True)
    erased_at: Mapped[dt.datetime | None] = moment("When the personal data were erased on request.", nullable=True)


class CustomerCredential(Base):
    """A customer's password hash. Readable by the log-in functions alone."""

    __tablename__ = "customer_credentials"
    __table_args__ = (
        CheckConstraint(
            "password_hash ~ '^[$](argon2id|scrypt|pbkdf2-sha256|pbkdf2-sha512)[$]([a-z0-9]+=[a-zA-Z0-9/+.,=-]+[$])*"
            "[a-zA-Z0-9/+.-]{16,}[$][a-zA-Z0-9/+.-]{32,}$'"
            " OR password_hash ~ '^[$]2[aby][$][0-9]{2}[$][./A-Za-z0-9]{53}$'",
            name="password_hash_is_phc",
        ),
        CheckConstraint("char_length(password_hash) <= 512", name="password_hash_limit"),
        not_negative("failed_attempts"),
        reference("customer_id", "customers"),
        {"comment": "Password hashes in PHC string format (argon2id, scrypt, pbkdf2) or bcrypt's. Never a password."},
    )

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, comment="The customer.")
    password_hash: Mapped[str] = line_of_text("PHC string with algorithm, parameters, salt and hash.")
    failed_attempts: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Failed log-ins since the last success."
    )
    locked_until: Mapped[dt.datetime | None] = moment("No log-in is answered before this moment.", nullable=True)
    changed_at: Mapped[dt.datetime] = moment("When the password was last set.", now=True)


class LoginAttempt(Base):
    """One attempt to log in, kept for lock-out and for finding attacks; removed after its retention."""

    __tablename__ = "login_attempts"
    __table_args__ = (
        CheckConstraint("octet_length(email_digest) = 32", name="email_digest_is_sha256"),
        reference("customer_id", "customers"),
        Index(
            "ix_login_attempts_customer_id",
            "customer_id",
            "attempted_at",
            postgresql_where=text("customer_id IS NOT NULL"),
        ),
        Index("ix_login_attempts_email_digest", "email_digest", "attempted_at"),
        Index("ix_login_attempts_attempted_at", "attempted_at"),
        {"comment": "Attempts to log in, for known and unknown addresses alike."},
    )

    login_attempt_id: Mapped[int] = identity_key("Key of the attempt, ascending.")
    email_digest: Mapped[bytes] = mapped_column(
        LargeBinary,
        nullable=False,
        comment="SHA-256 of the normalised address: an unknown address is not stored.",
    )
    customer_id: Mapped[uuid.UUID | None] = mapped_column(comment="The customer, if the address is known.")
    succeeded: Mapped[bool] = mapped_column(Boolean, nullable=False, comment="Whether the password was right.")
    ip_address: Mapped[str | None] = mapped_column(INET, comment="Where it came from.")
    attempted_at: Mapped[dt.datetime] = moment("When.", now=True)


class LoginSession(Base):
    """A log-in that lasts until it expires or is revoked."""

    __tablename__ = "login_sessions"
    __table_args__ = (
        uuid_version_check("login_session_id"),
        CheckConstraint("octet_length(token_digest) = 32", name="token_digest_is_sha256"),
        length_check("user_agent", 500),
        CheckConstraint("expires_at > created_at", name="expires_after_created"),
        CheckConstraint("last_seen_at >= created_at", name="seen_after_created"),
        CheckConstraint("revoked_at >= created_at", name="revoked_after_created"),
        reference("customer_id", "customers"),
        Index("uq_login_sessions_token_digest", "token_digest", unique=True),
        Index("ix_login_sessions_customer_id", "customer_id"),
        Index("ix_login_sessions_expires_at", "expires_at"),
        {"comment": "Log-in sessions. Only the SHA-256 of the token is stored: a leaked dump opens no session."},
    )

    login_session_id: Mapped[uuid.UUID] = uuid_key("Key of the session; not the token.")
    customer_id: Mapped[uuid.UUID] = mapped_column(comment="Who is logged in.")
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, comment="SHA-256 of the session token.")
    ip_address: Mapped[str | None] = mapped_column(INET, comment="Where the session was opened from.")
    user_agent: Mapped[str | None] = line_of_text("Browser or program that opened it.", nullable=True)
    created_at: Mapped[dt.datetime] = moment("When it was opened.", now=True)
    last_seen_at: Mapped[dt.datetime] = moment("When it was last used.", now=True)
    expires_at: Mapped[dt.datetime] = moment("When it ends by itself.")
    revoked_at: Mapped[dt.datetime | None] = moment("When it was ended early.", nullable=True)


class AccountToken(Base):
    """A token sent by mail, to verify an address or to reset a password. Used at most once."""

    __tablename__ = "account_tokens"
    __table_args__ = (
        uuid_version_check("account_token_id"),
        CheckConstraint("octet_length(token_digest) = 32", name="token_digest_is_sha256"),
        CheckConstraint("expires_at > created_at", name="expires_after_created"),
        CheckConstraint("used_at BETWEEN created_at AND expires_at", name="used_while_valid"),
        reference("customer_id", "customers"),
        Index("uq_account_tokens_token_digest", "token_digest", unique=True),
        Index(
            "uq_account_tokens_open",
            "customer_id",
            "purpose",
            unique=True,
            postgresql_where=text("used_at IS NULL"),
        ),
        Index("ix_account_tokens_customer_id", "customer_id"),
        Index("ix_account_tokens_expires_at", "expires_at"),
        {"comment": "One-time tokens; only their SHA-256 is stored, and one per customer and purpose is open."},
    )

    account_token_id: Mapped[uuid.UUID] = uuid_key("Key of the row; not the token.")
    customer_id: Mapped[uuid.UUID] = mapped_column(comment="Whom it was sent to.")
    purpose: Mapped[str] = mapped_column(
        account_token_purpose, nullable=False, comment="email_verification or password_reset."
    )
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, nullable=False, comment="SHA-256 of the token.")
    created_at: Mapped[dt.datetime] = moment("When it was issued.", now=True)
    expires_at: Mapped[dt.datetime] = moment("Until when it can be used.")
    used_at: Mapped[dt.datetime | None] = moment("When it was used; NULL while open.", nullable=True)


class Address(Base):
    """An address in a customer's address book. Orders keep copies, so editing it changes no order."""

    __tablename__ = "addresses"
    __table_args__ = (
        uuid_version_check("address_id"),
        *postal_address_checks(),
        CheckConstraint(
            "archived_at IS NULL OR NOT (is_default_shipping OR is_default_billing)",
            name="archived_is_no_default",
        ),
        CheckConstraint("archived_at >= created_at", name="archived_after_created"),
        reference("customer_id", "customers"),
        reference("country", "countries", "code"),
        Index("ix_addresses_customer_id", "customer_id"),
        Index(
            "uq_addresses_default_shipping",
            "customer_id",
            unique=True,
            postgresql_where=text("is_default_shipping"),
        ),
        Index(
            "uq_addresses_default_billing",
            "customer_id",
            unique=True,
            postgresql_where=text("is_default_billing"),
        ),
        {"comment": "Address books. At most one default of each kind per customer."},
    )

    address_id: Mapped[uuid.UUID] = uuid_key("Key of the address, a UUIDv7 the client may make.")
    customer_id: Mapped[uuid.UUID] = mapped_column(comment="Whose address it is.")
    recipient: Mapped[str] = line_of_text("Who receives there.")
    company: Mapped[str | None] = line_of_text("Company, if any.", nullable=True)
    line1: Mapped[str] = line_of_text("Street and number, or what is used instead.")
    line2: Mapped[str | None] = line_of_text("Flat, floor, building.", nullable=True)
    city: Mapped[str] = line_of_text("City or town.")
    region: Mapped[str | None] = line_of_text(
        "State, province or county where the country uses one; ISO 3166-2 suffix such as CA.", nullable=True
    )
    postal_code: Mapped[str | None] = line_of_text("Postal code; NULL where the country has none.", nullable=True)
    country: Mapped[str] = line_of_text("Country.")
    phone: Mapped[str | None] = line_of_text("Telephone for the carrier.", nullable=True)
    is_default_shipping: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("false"), comment="Offered first for deliveries."
    )
    is_default_billing: Mapped[bool] = mapped_column(
        Boolean, nullable=False, server_default=text("false"), comment="Offered first for invoices."
    )
    created_at: Mapped[dt.datetime] = moment("When it was added.", now=True)
    archived_at: Mapped[dt.datetime | None] = moment("When it was removed from the book.", nullable=True)


class PiiColumn(Base):
    """One column that holds personal data, and when it is erased. Erasure and the tests walk this list."""

    __tablename__ = "pii_columns"
    __table_args__ = (
        length_check("table_name", 63),
        length_check("column_name", 63),
        length_check("reason", 500),
        {"comment": "Columns with personal data: what erase_customer and erase_due walk, and what analysts never see."},
    )

    table_name: Mapped[str] = mapped_column(primary_key=True, comment="Table in the schema shop.")
    column_name: Mapped[str] = mapped_column(primary_key=True, comment="Column of that table.")
    erase: Mapped[str] = mapped_column(
        erasure_moment,
        nullable=False,
        comment="now: on the customer's request; after_retention: when tax law no longer asks for it.",
    )
    reason: Mapped[str] = line_of_text("Why it is held, and why it is erased at that moment.")
