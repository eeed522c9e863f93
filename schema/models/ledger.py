"""The books: a double-entry journal, and the invoices and credit notes that tax law asks for."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import mapped_column

from models.base import (
    Base,
    Mapped,
    enum_type,
    identity_key,
    length_check,
    line_of_text,
    moment,
    money,
    not_negative,
    reference,
)

journal_kind = enum_type("journal_kind", "sale", "cancellation", "capture", "refund", "return", "dispute", "correction")


class LedgerAccount(Base):
    """An account of the ledger."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        CheckConstraint("account ~ '^[a-z][a-z_]{0,29}$'", name="account_format"),
        length_check("meaning", 500),
        {"comment": "Chart of accounts of the journal."},
    )

    account: Mapped[str] = mapped_column(Text, primary_key=True, comment="Key, such as receivable.")
    meaning: Mapped[str] = line_of_text("What a debit and a credit on it mean.")


class Journal(Base):
    """One entry of the journal. Its lines sum to zero."""

    __tablename__ = "journals"
    __table_args__ = (
        CheckConstraint("line_count BETWEEN 2 AND 50", name="line_count_range"),
        length_check("description", 500),
        reference(["order_id", "currency"], "orders"),
        reference("payment_event_id", "payment_events"),
        reference("currency", "currencies", "code"),
        UniqueConstraint("journal_id", "currency"),
        Index("ix_journals_order_id", "order_id", "currency"),
        Index("uq_journals_sale_per_order", "order_id", unique=True, postgresql_where=text("kind = 'sale'")),
        Index(
            "uq_journals_payment_event_id",
            "payment_event_id",
            unique=True,
            postgresql_where=text("payment_event_id IS NOT NULL"),
        ),
        {"comment": "Journal entries (double entry), one per money event. Append-only; lines arrive in one statement."},
    )

    journal_id: Mapped[int] = identity_key("Key of the entry, ascending.")
    kind: Mapped[str] = mapped_column(journal_kind, nullable=False, comment="What was recorded.")
    order_id: Mapped[uuid.UUID | None] = mapped_column(comment="The order it is about; NULL where none is known.")
    payment_event_id: Mapped[int | None] = mapped_column(BigInteger, comment="The event that caused it, if one did.")
    currency: Mapped[str] = line_of_text("Currency of all its lines.")
    line_count: Mapped[int] = mapped_column(SmallInteger, nullable=False, comment="Number of its lines.")
    description: Mapped[str] = line_of_text("What happened, in words.")
    posted_at: Mapped[dt.datetime] = moment("When it was recorded.", now=True)


class JournalLine(Base):
    """One side of an entry."""

    __tablename__ = "journal_lines"
    __table_args__ = (
        CheckConstraint("line_number BETWEEN 1 AND 50", name="line_number_range"),
        CheckConstraint("amount_minor <> 0", name="amount_minor_not_zero"),
        reference(["journal_id", "currency"], "journals"),
        reference("account", "ledger_accounts"),
        Index("ix_journal_lines_account", "account", "currency", "journal_id"),
        {"comment": "Lines of the journal: debit positive, credit negative. Append-only; every entry sums to zero."},
    )

    journal_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, comment="The entry.")
    line_number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, comment="Number of the line, from 1.")
    account: Mapped[str] = line_of_text("The account.")
    currency: Mapped[str] = line_of_text("Currency of the entry, tied to it by the foreign key.")
    amount_minor: Mapped[int] = money("Debit positive, credit negative, in the minor unit.")


class DocumentSeries(Base):
    """A series of numbered documents without gaps."""

    __tablename__ = "document_series"
    __table_args__ = (
        CheckConstraint("series ~ '^(INV|CN)-[A-Z0-9-]{1,20}$'", name="series_format"),
        not_negative("last_number"),
        {
            "comment": "Series of invoice and credit-note numbers. A number is given under the row's lock, so no gap can arise.",
            "postgresql_with": {"fillfactor": "50"},
        },
    )

    series: Mapped[str] = mapped_column(Text, primary_key=True, comment="Such as INV-2026 or CN-2026.")
    last_number: Mapped[int] = mapped_column(
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="The number given last. Kept by trigger.",
    )


class Invoice(Base):
    """The invoice of an order."""

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint("starts_with(series, 'INV-')", name="series_is_for_invoices"),
        CheckConstraint("number > 0", name="number_positive"),
        length_check("buyer_name", 200),
        length_check("buyer_address", 1000),
        length_check("buyer_tax_number", 40),
        not_negative("total_minor"),
        CheckConstraint("tax_minor BETWEEN 0 AND total_minor", name="tax_within_total"),
        CheckConstraint("credited_minor BETWEEN 0 AND total_minor", name="credited_within_total"),
        reference("series", "document_series"),
        reference(["order_id", "currency"], "orders"),
        UniqueConstraint("series", "number"),
        UniqueConstraint("order_id"),
        UniqueConstraint("invoice_id", "order_id", "currency"),
        {
            "comment": "Invoices, numbered without gaps per series, one per order. Corrected by credit notes only.",
            "postgresql_with": {"fillfactor": "90"},
        },
    )

    invoice_id: Mapped[int] = identity_key("Key of the invoice.")
    series: Mapped[str] = line_of_text("The series its number belongs to.")
    number: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Number in the series. Given by trigger.")
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order.")
    currency: Mapped[str] = line_of_text("Currency of the order, tied to it by the foreign key.")
    buyer_name: Mapped[str] = line_of_text("Who is billed; kept as long as tax law asks.")
    buyer_address: Mapped[str] = line_of_text("Billing address in one text; kept as long as tax law asks.")
    buyer_tax_number: Mapped[str | None] = line_of_text("Tax number of a business; kept likewise.", nullable=True)
    total_minor: Mapped[int] = money("Amount of the invoice with tax, in the minor unit.")
    tax_minor: Mapped[int] = money("Tax within it, in the minor unit.")
    credited_minor: Mapped[int] = money("Sum of its credit notes. Kept by trigger.", default=0)
    issued_at: Mapped[dt.datetime] = moment("Date of the invoice.", now=True)


class CreditNote(Base):
    """A correction of an invoice downwards."""

    __tablename__ = "credit_notes"
    __table_args__ = (
        CheckConstraint("starts_with(series, 'CN-')", name="series_is_for_credit_notes"),
        CheckConstraint("number > 0", name="number_positive"),
        CheckConstraint("amount_minor > 0", name="amount_minor_positive"),
        length_check("reason", 500),
        reference("series", "document_series"),
        # With the order: a credit note corrects the invoice of the very order whose refund it documents.
        reference(["invoice_id", "order_id", "currency"], "invoices"),
        reference(["refund_id", "order_id", "currency"], "refunds"),
        UniqueConstraint("series", "number"),
        Index("ix_credit_notes_invoice_id", "invoice_id", "order_id", "currency"),
        Index(
            "uq_credit_notes_refund_id",
            "refund_id",
            "order_id",
            "currency",
            unique=True,
            postgresql_where=text("refund_id IS NOT NULL"),
        ),
        {"comment": "Credit notes, numbered without gaps per series; together never more than their invoice."},
    )

    credit_note_id: Mapped[int] = identity_key("Key of the credit note.")
    series: Mapped[str] = line_of_text("The series its number belongs to.")
    number: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="Number in the series. Given by trigger.")
    invoice_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The invoice it corrects.")
    refund_id: Mapped[uuid.UUID | None] = mapped_column(comment="The refund it documents, if one.")
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order of invoice and refund.")
    currency: Mapped[str] = line_of_text("Currency of the invoice, tied to it by the foreign key.")
    amount_minor: Mapped[int] = money("Amount credited with tax, in the minor unit.")
    reason: Mapped[str] = line_of_text("Why; no personal data belongs here.")
    issued_at: Mapped[dt.datetime] = moment("Date of the credit note.", now=True)
