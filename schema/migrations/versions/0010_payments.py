"""Payments: attempts, the inbox of provider events, exceptions and refunds.

What was paid and paid back.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute("CREATE TYPE shop.payment_state AS ENUM ('pending', 'authorized', 'captured', 'closed')")
    op.execute(
        "CREATE TYPE shop.payment_event_kind AS ENUM ('authorized', 'captured', 'voided', 'failed', 'refunded', 'dispute_opened', 'dispute_won', 'dispute_lost')"
    )
    op.execute(
        "CREATE TYPE shop.payment_exception_kind AS ENUM ('unknown_payment', 'other_currency', 'over_capture', 'over_refund', 'after_end', 'over_payment', 'authorization_lost', 'dispute')"
    )
    op.execute("CREATE TYPE shop.refund_state AS ENUM ('pending', 'succeeded', 'failed')")
    op.create_table(
        "payments",
        sa.Column(
            "payment_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the attempt, a UUIDv7 the client makes and sends to the provider.",
        ),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order it pays for."),
        sa.Column(
            "currency", sa.Text(), nullable=False, comment="Currency of the order, tied to it by the foreign key."
        ),
        sa.Column("provider", sa.Text(), nullable=False, comment="Payment service provider, such as stripe."),
        sa.Column(
            "provider_reference",
            sa.Text(),
            nullable=True,
            comment="The provider's own id, once known; unique with the provider.",
        ),
        sa.Column("method", sa.Text(), nullable=False, comment="How: card, sepa_debit, paypal, … Never a card number."),
        sa.Column(
            "amount_minor", sa.BigInteger(), nullable=False, comment="What the attempt is for, in the minor unit."
        ),
        sa.Column(
            "authorized_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="The greater of authorized and captured; once closed, what was captured. Kept by trigger.",
        ),
        sa.Column(
            "captured_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Captured by its events. Kept by trigger.",
        ),
        sa.Column(
            "refunded_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Refunded by its events. Kept by trigger.",
        ),
        sa.Column(
            "refund_requested_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Refunds pending or succeeded. Kept by trigger.",
        ),
        sa.Column(
            "closed_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When it was voided or failed: it no longer counts as a way to pay the order. Kept by trigger.",
        ),
        sa.Column(
            "state",
            postgresql.ENUM(name="payment_state", schema="shop", create_type=False),
            sa.Computed(
                "CASE WHEN captured_minor > 0 THEN 'captured'::shop.payment_state WHEN closed_at IS NOT NULL THEN 'closed'::shop.payment_state WHEN authorized_minor > 0 THEN 'authorized'::shop.payment_state ELSE 'pending'::shop.payment_state END",
                persisted=True,
            ),
            nullable=False,
            comment="pending, authorized, captured or closed. Generated.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the attempt was started.",
        ),
        sa.CheckConstraint("btrim(method) <> '' AND char_length(method) <= 50", name=op.f("ck_payments_method_length")),
        sa.CheckConstraint(
            "btrim(provider_reference) <> '' AND char_length(provider_reference) <= 200",
            name=op.f("ck_payments_provider_reference_length"),
        ),
        sa.CheckConstraint("provider ~ '^[a-z][a-z0-9_]{1,29}$'", name=op.f("ck_payments_provider_format")),
        sa.CheckConstraint("amount_minor <= 1000000000000", name=op.f("ck_payments_amount_minor_limit")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_payments_amount_minor_positive")),
        sa.CheckConstraint(
            "authorized_minor BETWEEN 0 AND amount_minor", name=op.f("ck_payments_authorized_within_amount")
        ),
        sa.CheckConstraint(
            "captured_minor BETWEEN 0 AND authorized_minor", name=op.f("ck_payments_captured_within_authorized")
        ),
        sa.CheckConstraint("closed_at >= created_at", name=op.f("ck_payments_closed_after_created")),
        sa.CheckConstraint(
            "refund_requested_minor BETWEEN 0 AND captured_minor",
            name=op.f("ck_payments_refund_requests_within_captured"),
        ),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND captured_minor", name=op.f("ck_payments_refunded_within_captured")
        ),
        sa.CheckConstraint("uuid_extract_version(payment_id) = 7", name=op.f("ck_payments_payment_id_is_uuidv7")),
        sa.ForeignKeyConstraint(
            ["order_id", "currency"],
            ["shop.orders.order_id", "shop.orders.currency"],
            name=op.f("fk_payments_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "payment_id", "order_id", "currency", name=op.f("uq_payments_payment_id_order_id_currency")
        ),
        sa.UniqueConstraint("payment_id", "provider", name=op.f("uq_payments_payment_id_provider")),
        sa.UniqueConstraint("provider", "provider_reference", name=op.f("uq_payments_provider_provider_reference")),
        schema="shop",
        comment="Payment attempts. The row is written before the provider is called; its key is the idempotency key.",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_payments_order_id", "payments", ["order_id", "currency"], unique=False, schema="shop")
    op.create_table(
        "payment_events",
        sa.Column(
            "payment_event_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the event, in order of arrival.",
        ),
        sa.Column("provider", sa.Text(), nullable=False, comment="Who sent it."),
        sa.Column(
            "provider_event_id",
            sa.Text(),
            nullable=False,
            comment="The provider's id of the event; unique with the provider.",
        ),
        sa.Column("payment_id", sa.Uuid(), nullable=True, comment="The payment it is about; NULL if unknown."),
        sa.Column(
            "kind",
            postgresql.ENUM(name="payment_event_kind", schema="shop", create_type=False),
            nullable=False,
            comment="What happened.",
        ),
        sa.Column(
            "amount_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Amount it is about, in the minor unit of its currency; 0 where it has none.",
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency it is in, as the provider says."),
        sa.Column(
            "dispute_reference",
            sa.Text(),
            nullable=True,
            comment="The provider's id of the dispute: tells two disputes of one payment apart. NULL where it sends none.",
        ),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="What of the provider's message is kept: codes under listed keys, which hold no personal data.",
        ),
        sa.Column(
            "occurred_at",
            sa.TIMESTAMP(timezone=True),
            nullable=False,
            comment="When it happened, as the provider says.",
        ),
        sa.Column(
            "received_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it arrived here.",
        ),
        sa.CheckConstraint(
            "amount_minor > 0 OR kind NOT IN ('authorized', 'captured', 'refunded')",
            name=op.f("ck_payment_events_money_moves_an_amount"),
        ),
        sa.CheckConstraint(
            "btrim(dispute_reference) <> '' AND char_length(dispute_reference) <= 200",
            name=op.f("ck_payment_events_dispute_reference_length"),
        ),
        sa.CheckConstraint(
            "dispute_reference IS NULL OR kind IN ('dispute_opened', 'dispute_won', 'dispute_lost')",
            name=op.f("ck_payment_events_dispute_reference_of_disputes"),
        ),
        sa.CheckConstraint(
            "btrim(provider_event_id) <> '' AND char_length(provider_event_id) <= 200",
            name=op.f("ck_payment_events_provider_event_id_length"),
        ),
        sa.CheckConstraint("jsonb_typeof(payload) = 'object'", name=op.f("ck_payment_events_payload_is_object")),
        sa.CheckConstraint("provider ~ '^[a-z][a-z0-9_]{1,29}$'", name=op.f("ck_payment_events_provider_format")),
        sa.CheckConstraint("amount_minor <= 1000000000000", name=op.f("ck_payment_events_amount_minor_limit")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_payment_events_amount_minor_not_negative")),
        sa.CheckConstraint("pg_column_size(payload) <= 8192", name=op.f("ck_payment_events_payload_limit")),
        sa.CheckConstraint(
            "payload - ARRAY['object', 'network', 'wallet', 'funding', 'outcome', 'reason', 'decline_code',"
            " 'risk_level', 'livemode', 'api_version', 'attempt', 'fee_minor', 'settles_on'] = '{}'",
            name=op.f("ck_payment_events_payload_keys"),
        ),
        sa.CheckConstraint(
            'NOT jsonb_path_exists(payload, \'strict $.* ? (@.type() == "object" || @.type() == "array"'
            ' || @.type() == "string" && !(@ like_regex "^[A-Za-z0-9_.:-]{1,64}$"))\')',
            name=op.f("ck_payment_events_payload_values_are_codes"),
        ),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_payment_events_currency"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["payment_id", "provider"],
            ["shop.payments.payment_id", "shop.payments.provider"],
            name=op.f("fk_payment_events_payment_id_provider"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("payment_event_id", name=op.f("pk_payment_events")),
        sa.UniqueConstraint("provider", "provider_event_id", name=op.f("uq_payment_events_provider_provider_event_id")),
        schema="shop",
        comment="The webhook inbox, append-only. A second delivery of an event is refused by its unique key; a payment's totals are a fold over the set of its events, so their order does not matter.",
    )
    op.create_index(
        "ix_payment_events_payment_id",
        "payment_events",
        ["payment_id", "provider"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_table(
        "payment_exceptions",
        sa.Column(
            "payment_exception_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the exception.",
        ),
        sa.Column("payment_event_id", sa.BigInteger(), nullable=False, comment="The event that raised it."),
        sa.Column("payment_id", sa.Uuid(), nullable=True, comment="The payment, if known."),
        sa.Column(
            "kind",
            postgresql.ENUM(name="payment_exception_kind", schema="shop", create_type=False),
            nullable=False,
            comment="Which rule it broke.",
        ),
        sa.Column(
            "amount_minor", sa.BigInteger(), nullable=False, comment="The amount in question, in the minor unit."
        ),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency of the amount."),
        sa.Column(
            "raised_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When."
        ),
        sa.Column(
            "resolved_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it was settled; NULL while open."
        ),
        sa.Column("resolution", sa.Text(), nullable=True, comment="What was done; no personal data belongs here."),
        sa.Column("resolved_by", sa.Text(), nullable=True, comment="Who settled it."),
        sa.CheckConstraint(
            "btrim(resolution) <> '' AND char_length(resolution) <= 1000",
            name=op.f("ck_payment_exceptions_resolution_length"),
        ),
        sa.CheckConstraint(
            "btrim(resolved_by) <> '' AND char_length(resolved_by) <= 200",
            name=op.f("ck_payment_exceptions_resolved_by_length"),
        ),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolution IS NULL) AND (resolved_at IS NULL) = (resolved_by IS NULL)",
            name=op.f("ck_payment_exceptions_resolution_is_whole"),
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_payment_exceptions_amount_minor_not_negative")),
        sa.CheckConstraint("resolved_at >= raised_at", name=op.f("ck_payment_exceptions_resolved_after_raised")),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_payment_exceptions_currency"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["payment_event_id"],
            ["shop.payment_events.payment_event_id"],
            name=op.f("fk_payment_exceptions_payment_event_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"],
            ["shop.payments.payment_id"],
            name=op.f("fk_payment_exceptions_payment_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("payment_exception_id", name=op.f("pk_payment_exceptions")),
        sa.UniqueConstraint("payment_event_id", "kind", name=op.f("uq_payment_exceptions_payment_event_id_kind")),
        schema="shop",
        comment="Events that broke a rule: real money, so stored and listed until somebody resolves it.",
    )
    op.create_index(
        "ix_payment_exceptions_open",
        "payment_exceptions",
        ["raised_at"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "ix_payment_exceptions_payment_id",
        "payment_exceptions",
        ["payment_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("payment_id IS NOT NULL"),
    )
    op.create_table(
        "refunds",
        sa.Column(
            "refund_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the refund, a UUIDv7 the client makes: its idempotency key.",
        ),
        sa.Column("payment_id", sa.Uuid(), nullable=False, comment="The payment that is refunded."),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order of payment and return."),
        sa.Column(
            "currency", sa.Text(), nullable=False, comment="Currency of the payment, tied to it by the foreign key."
        ),
        sa.Column("return_id", sa.Uuid(), nullable=True, comment="The return it settles; NULL where goods stay."),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False, comment="What is given back, in the minor unit."),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=False,
            comment="Why, in the words of staff; no personal data belongs here.",
        ),
        sa.Column(
            "state",
            postgresql.ENUM(name="refund_state", schema="shop", create_type=False),
            server_default=sa.text("'pending'"),
            nullable=False,
            comment="pending, succeeded or failed.",
        ),
        sa.Column("provider_reference", sa.Text(), nullable=True, comment="The provider's own id, once known."),
        sa.Column(
            "requested_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was asked for.",
        ),
        sa.Column("settled_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it succeeded or failed."),
        sa.CheckConstraint(
            "(state = 'pending') = (settled_at IS NULL)", name=op.f("ck_refunds_settled_at_matches_state")
        ),
        sa.CheckConstraint(
            "btrim(provider_reference) <> '' AND char_length(provider_reference) <= 200",
            name=op.f("ck_refunds_provider_reference_length"),
        ),
        sa.CheckConstraint("btrim(reason) <> '' AND char_length(reason) <= 500", name=op.f("ck_refunds_reason_length")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refunds_amount_minor_positive")),
        sa.CheckConstraint("settled_at >= requested_at", name=op.f("ck_refunds_settled_after_requested")),
        sa.CheckConstraint("uuid_extract_version(refund_id) = 7", name=op.f("ck_refunds_refund_id_is_uuidv7")),
        sa.ForeignKeyConstraint(
            ["order_id", "return_id"],
            ["shop.returns.order_id", "shop.returns.return_id"],
            name=op.f("fk_refunds_order_id_return_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_id", "order_id", "currency"],
            ["shop.payments.payment_id", "shop.payments.order_id", "shop.payments.currency"],
            name=op.f("fk_refunds_payment_id_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("refund_id", "order_id", "currency", name=op.f("uq_refunds_refund_id_order_id_currency")),
        schema="shop",
        comment="Refunds. Pending and succeeded ones together never exceed what was captured.",
    )
    op.create_index(
        "ix_refunds_payment_id", "refunds", ["payment_id", "order_id", "currency"], unique=False, schema="shop"
    )
    op.create_index(
        "ix_refunds_return_id",
        "refunds",
        ["order_id", "return_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("return_id IS NOT NULL"),
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("refunds", schema="shop")
    op.drop_table("payment_exceptions", schema="shop")
    op.drop_table("payment_events", schema="shop")
    op.drop_table("payments", schema="shop")
    op.execute("DROP TYPE shop.refund_state")
    op.execute("DROP TYPE shop.payment_exception_kind")
    op.execute("DROP TYPE shop.payment_event_kind")
    op.execute("DROP TYPE shop.payment_state")
    run_sql_beside(__file__, ".down.sql")
