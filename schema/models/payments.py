"""Payments: attempts, the inbox of the provider's events, exceptions, and refunds."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Computed, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
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
    uuid_key,
    uuid_version_check,
)

payment_state = enum_type("payment_state", "pending", "authorized", "captured", "closed")
payment_event_kind = enum_type(
    "payment_event_kind",
    "authorized",
    "captured",
    "voided",
    "failed",
    "refunded",
    "dispute_opened",
    "dispute_won",
    "dispute_lost",
)
payment_exception_kind = enum_type(
    "payment_exception_kind",
    "unknown_payment",
    "other_currency",
    "over_capture",
    "over_refund",
    "after_end",
    "over_payment",
    "authorization_lost",
    "dispute",
)
refund_state = enum_type("refund_state", "pending", "succeeded", "failed")

PAYMENT_STATE = (
    "CASE"
    " WHEN captured_minor > 0 THEN 'captured'::shop.payment_state"
    " WHEN closed_at IS NOT NULL THEN 'closed'::shop.payment_state"
    " WHEN authorized_minor > 0 THEN 'authorized'::shop.payment_state"
    " ELSE 'pending'::shop.payment_state"
    " END"
)


class Payment(Base):
    """One attempt to pay an order with one method. Its totals follow from the set of its events."""

    __tablename__ = "payments"
    __table_args__ = (
        uuid_version_check("payment_id"),
        CheckConstraint("provider ~ '^[a-z][a-z0-9_]{1,29}$'", name="provider_format"),
        length_check("provider_reference", 200),
        length_check("method", 50),
        CheckConstraint("amount_minor > 0", name="amount_minor_positive"),
        amount_limit("amount_minor"),
        CheckConstraint("authorized_minor BETWEEN 0 AND amount_minor", name="authorized_within_amount"),
        CheckConstraint("captured_minor BETWEEN 0 AND authorized_minor", name="captured_within_authorized"),
        CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="refunded_within_captured"),
        CheckConstraint("refund_requested_minor BETWEEN 0 AND captured_minor", name="refund_requests_within_captured"),
        CheckConstraint("closed_at >= created_at", name="closed_after_created"),
        reference(["order_id", "currency"], "orders"),
        UniqueConstraint("provider", "provider_reference"),
        UniqueConstraint("payment_id", "order_id", "currency"),
        UniqueConstraint("payment_id", "provider"),
        Index("ix_payments_order_id", "order_id", "currency"),
        {
            "comment": "Payment attempts. The row is written before the provider is called; its key is the idempotency key.",
            "postgresql_with": {"fillfactor": "70"},
        },
    )

    payment_id: Mapped[uuid.UUID] = uuid_key("Key of the attempt, a UUIDv7 the client makes and sends to the provider.")
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order it pays for.")
    currency: Mapped[str] = line_of_text("Currency of the order, tied to it by the foreign key.")
    provider: Mapped[str] = line_of_text("Payment service provider, such as stripe.")
    provider_reference: Mapped[str | None] = line_of_text(
        "The provider's own id, once known; unique with the provider.", nullable=True
    )
    method: Mapped[str] = line_of_text("How: card, sepa_debit, paypal, … Never a card number.")
    amount_minor: Mapped[int] = money("What the attempt is for, in the minor unit.")
    authorized_minor: Mapped[int] = money(
        "The greater of authorized and captured; once closed, what was captured. Kept by trigger.", default=0
    )
    captured_minor: Mapped[int] = money("Captured by its events. Kept by trigger.", default=0)
    refunded_minor: Mapped[int] = money("Refunded by its events. Kept by trigger.", default=0)
    refund_requested_minor: Mapped[int] = money("Refunds pending or succeeded. Kept by trigger.", default=0)
    closed_at: Mapped[dt.datetime | None] = moment(
        "When it was voided or failed: it no longer counts as a way to pay the order. Kept by trigger.",
        nullable=True,
    )
    state: Mapped[str] = mapped_column(
        payment_state,
        Computed(PAYMENT_STATE, persisted=True),
        nullable=False,
        comment="pending, authorized, captured or closed. Generated.",
    )
    created_at: Mapped[dt.datetime] = moment("When the attempt was started.", now=True)


class PaymentEvent(Base):
    """What a provider said happened. Stored whatever it says, counted once, never changed."""

    __tablename__ = "payment_events"
    __table_args__ = (
        CheckConstraint("provider ~ '^[a-z][a-z0-9_]{1,29}$'", name="provider_format"),
        length_check("provider_event_id", 200),
        not_negative("amount_minor"),
        amount_limit("amount_minor"),
        CheckConstraint(
            "amount_minor > 0 OR kind NOT IN ('authorized', 'captured', 'refunded')",
            name="money_moves_an_amount",
        ),
        length_check("dispute_reference", 200),
        CheckConstraint(
            "dispute_reference IS NULL OR kind IN ('dispute_opened', 'dispute_won', 'dispute_lost')",
            name="dispute_reference_of_disputes",
        ),
        CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload_is_object"),
        CheckConstraint("pg_column_size(payload) <= 8192", name="payload_limit"),
        # Append-only: what came in with a name would never go. record_payment_event() leaves out all else.
        CheckConstraint(
            "payload - ARRAY['object', 'network', 'wallet', 'funding', 'outcome', 'reason', 'decline_code',"
            " 'risk_level', 'livemode', 'api_version', 'attempt', 'fee_minor', 'settles_on'] = '{}'",
            name="payload_keys",
        ),
        CheckConstraint(
            'NOT jsonb_path_exists(payload, \'strict $.* ? (@.type() == "object" || @.type() == "array"'
            ' || @.type() == "string" && !(@ like_regex "^[A-Za-z0-9_.:-]{1,64}$"))\')',
            name="payload_values_are_codes",
        ),
        # With the provider, so that one provider's event can never count on another provider's payment.
        reference(["payment_id", "provider"], "payments"),
        reference("currency", "currencies", "code"),
        UniqueConstraint("provider", "provider_event_id"),
        Index(
            "ix_payment_events_payment_id", "payment_id", "provider", postgresql_where=text("payment_id IS NOT NULL")
        ),
        {
            "comment": "The webhook inbox, append-only. A second delivery of an event is refused by its unique key; a payment's"
            " totals are a fold over the set of its events, so their order does not matter."
        },
    )

    payment_event_id: Mapped[int] = identity_key("Key of the event, in order of arrival.")
    provider: Mapped[str] = line_of_text("Who sent it.")
    provider_event_id: Mapped[str] = line_of_text("The provider's id of the event; unique with the provider.")
    payment_id: Mapped[uuid.UUID | None] = mapped_column(comment="The payment it is about; NULL if unknown.")
    kind: Mapped[str] = mapped_column(payment_event_kind, nullable=False, comment="What happened.")
    amount_minor: Mapped[int] = money(
        "Amount it is about, in the minor unit of its currency; 0 where it has none.", default=0
    )
    currency: Mapped[str] = line_of_text("Currency it is in, as the provider says.")
    dispute_reference: Mapped[str | None] = line_of_text(
        "The provider's id of the dispute: tells two disputes of one payment apart. NULL where it sends none.",
        nullable=True,
    )
    payload: Mapped[dict] = mapped_column(
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="What of the provider's message is kept: codes under listed keys, which hold no personal data.",
    )
    occurred_at: Mapped[dt.datetime] = moment("When it happened, as the provider says.")
    received_at: Mapped[dt.datetime] = moment("When it arrived here.", now=True)


class PaymentException(Base):
    """Money that moved although a rule says it should not have. Someone must decide."""

    __tablename__ = "payment_exceptions"
    __table_args__ = (
        not_negative("amount_minor"),
        length_check("resolution", 1000),
        length_check("resolved_by", 200),
        CheckConstraint(
            "(resolved_at IS NULL) = (resolution IS NULL) AND (resolved_at IS NULL) = (resolved_by IS NULL)",
            name="resolution_is_whole",
        ),
        CheckConstraint("resolved_at >= raised_at", name="resolved_after_raised"),
        reference("payment_event_id", "payment_events"),
        reference("payment_id", "payments"),
        reference("currency", "currencies", "code"),
        UniqueConstraint("payment_event_id", "kind"),
        Index("ix_payment_exceptions_payment_id", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
        Index("ix_payment_exceptions_open", "raised_at", postgresql_where=text("resolved_at IS NULL")),
        {"comment": "Events that broke a rule: real money, so stored and listed until somebody resolves it."},
    )

    payment_exception_id: Mapped[int] = identity_key("Key of the exception.")
    payment_event_id: Mapped[int] = mapped_column(BigInteger, nullable=False, comment="The event that raised it.")
    payment_id: Mapped[uuid.UUID | None] = mapped_column(comment="The payment, if known.")
    kind: Mapped[str] = mapped_column(payment_exception_kind, nullable=False, comment="Which rule it broke.")
    amount_minor: Mapped[int] = money("The amount in question, in the minor unit.")
    currency: Mapped[str] = line_of_text("Currency of the amount.")
    raised_at: Mapped[dt.datetime] = moment("When.", now=True)
    resolved_at: Mapped[dt.datetime | None] = moment("When it was settled; NULL while open.", nullable=True)
    resolution: Mapped[str | None] = line_of_text("What was done; no personal data belongs here.", nullable=True)
    resolved_by: Mapped[str | None] = line_of_text("Who settled it.", nullable=True)


class Refund(Base):
    """Money to be given back. The row is written before the provider is called."""

    __tablename__ = "refunds"
    __table_args__ = (
        uuid_version_check("refund_id"),
        CheckConstraint("amount_minor > 0", name="amount_minor_positive"),
        length_check("reason", 500),
        length_check("provider_reference", 200),
        CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name="settled_at_matches_state"),
        CheckConstraint("settled_at >= requested_at", name="settled_after_requested"),
        reference(["payment_id", "order_id", "currency"], "payments"),
        reference(["order_id", "return_id"], "returns"),
        UniqueConstraint("refund_id", "order_id", "currency"),
        Index("ix_refunds_payment_id", "payment_id", "order_id", "currency"),
        Index("ix_refunds_return_id", "order_id", "return_id", postgresql_where=text("return_id IS NOT NULL")),
        {"comment": "Refunds. Pending and succeeded ones together never exceed what was captured."},
    )

    refund_id: Mapped[uuid.UUID] = uuid_key("Key of the refund, a UUIDv7 the client makes: its idempotency key.")
    payment_id: Mapped[uuid.UUID] = mapped_column(comment="The payment that is refunded.")
    order_id: Mapped[uuid.UUID] = mapped_column(comment="The order of payment and return.")
    currency: Mapped[str] = line_of_text("Currency of the payment, tied to it by the foreign key.")
    return_id: Mapped[uuid.UUID | None] = mapped_column(comment="The return it settles; NULL where goods stay.")
    amount_minor: Mapped[int] = money("What is given back, in the minor unit.")
    reason: Mapped[str] = line_of_text("Why, in the words of staff; no personal data belongs here.")
    state: Mapped[str] = mapped_column(
        refund_state,
        nullable=False,
        server_default=text("'pending'"),
        comment="pending, succeeded or failed.",
    )
    provider_reference: Mapped[str | None] = line_of_text("The provider's own id, once known.", nullable=True)
    requested_at: Mapped[dt.datetime] = moment("When it was asked for.", now=True)
    settled_at: Mapped[dt.datetime | None] = moment("When it succeeded or failed.", nullable=True)
