"""The books: journal, invoices and credit notes.

What the tax office asks for.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute(
        "CREATE TYPE shop.journal_kind AS ENUM ('sale', 'cancellation', 'capture', 'refund', 'return', 'dispute', 'correction')"
    )
    op.create_table(
        "ledger_accounts",
        sa.Column("account", sa.Text(), nullable=False, comment="Key, such as receivable."),
        sa.Column("meaning", sa.Text(), nullable=False, comment="What a debit and a credit on it mean."),
        sa.CheckConstraint("account ~ '^[a-z][a-z_]{0,29}$'", name=op.f("ck_ledger_accounts_account_format")),
        sa.CheckConstraint(
            "btrim(meaning) <> '' AND char_length(meaning) <= 500",
            name=op.f("ck_ledger_accounts_meaning_length"),
        ),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_ledger_accounts")),
        schema="shop",
        comment="Chart of accounts of the journal.",
    )
    op.create_table(
        "journals",
        sa.Column(
            "journal_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the entry, ascending.",
        ),
        sa.Column(
            "kind",
            postgresql.ENUM(name="journal_kind", schema="shop", create_type=False),
            nullable=False,
            comment="What was recorded.",
        ),
        sa.Column("order_id", sa.Uuid(), nullable=True, comment="The order it is about; NULL where none is known."),
        sa.Column("payment_event_id", sa.BigInteger(), nullable=True, comment="The event that caused it, if one did."),
        sa.Column("currency", sa.Text(), nullable=False, comment="Currency of all its lines."),
        sa.Column("line_count", sa.SmallInteger(), nullable=False, comment="Number of its lines."),
        sa.Column("description", sa.Text(), nullable=False, comment="What happened, in words."),
        sa.Column(
            "posted_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was recorded.",
        ),
        sa.CheckConstraint(
            "btrim(description) <> '' AND char_length(description) <= 500",
            name=op.f("ck_journals_description_length"),
        ),
        sa.CheckConstraint("line_count BETWEEN 2 AND 50", name=op.f("ck_journals_line_count_range")),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_journals_currency"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["order_id", "currency"],
            ["shop.orders.order_id", "shop.orders.currency"],
            name=op.f("fk_journals_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["payment_event_id"],
            ["shop.payment_events.payment_event_id"],
            name=op.f("fk_journals_payment_event_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("pk_journals")),
        sa.UniqueConstraint("journal_id", "currency", name=op.f("uq_journals_journal_id_currency")),
        schema="shop",
        comment="Journal entries (double entry), one per money event. Append-only; lines arrive in one statement.",
    )
    op.create_index("ix_journals_order_id", "journals", ["order_id", "currency"], unique=False, schema="shop")
    op.create_index(
        "uq_journals_payment_event_id",
        "journals",
        ["payment_event_id"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("payment_event_id IS NOT NULL"),
    )
    op.create_index(
        "uq_journals_sale_per_order",
        "journals",
        ["order_id"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("kind = 'sale'"),
    )
    op.create_table(
        "journal_lines",
        sa.Column("journal_id", sa.BigInteger(), nullable=False, comment="The entry."),
        sa.Column("line_number", sa.SmallInteger(), nullable=False, comment="Number of the line, from 1."),
        sa.Column("account", sa.Text(), nullable=False, comment="The account."),
        sa.Column(
            "currency", sa.Text(), nullable=False, comment="Currency of the entry, tied to it by the foreign key."
        ),
        sa.Column(
            "amount_minor",
            sa.BigInteger(),
            nullable=False,
            comment="Debit positive, credit negative, in the minor unit.",
        ),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_journal_lines_amount_minor_not_zero")),
        sa.CheckConstraint("line_number BETWEEN 1 AND 50", name=op.f("ck_journal_lines_line_number_range")),
        sa.ForeignKeyConstraint(
            ["account"], ["shop.ledger_accounts.account"], name=op.f("fk_journal_lines_account"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["journal_id", "currency"],
            ["shop.journals.journal_id", "shop.journals.currency"],
            name=op.f("fk_journal_lines_journal_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("journal_id", "line_number", name=op.f("pk_journal_lines")),
        schema="shop",
        comment="Lines of the journal: debit positive, credit negative. Append-only; every entry sums to zero.",
    )
    op.create_index(
        "ix_journal_lines_account", "journal_lines", ["account", "currency", "journal_id"], unique=False, schema="shop"
    )
    op.create_table(
        "document_series",
        sa.Column("series", sa.Text(), nullable=False, comment="Such as INV-2026 or CN-2026."),
        sa.Column(
            "last_number",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="The number given last. Kept by trigger.",
        ),
        sa.CheckConstraint("series ~ '^(INV|CN)-[A-Z0-9-]{1,20}$'", name=op.f("ck_document_series_series_format")),
        sa.CheckConstraint("last_number >= 0", name=op.f("ck_document_series_last_number_not_negative")),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_document_series")),
        schema="shop",
        comment="Series of invoice and credit-note numbers. A number is given under the row's lock, so no gap can arise.",
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "invoices",
        sa.Column(
            "invoice_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Key of the invoice."
        ),
        sa.Column("series", sa.Text(), nullable=False, comment="The series its number belongs to."),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="Number in the series. Given by trigger."),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order."),
        sa.Column(
            "currency", sa.Text(), nullable=False, comment="Currency of the order, tied to it by the foreign key."
        ),
        sa.Column("buyer_name", sa.Text(), nullable=False, comment="Who is billed; kept as long as tax law asks."),
        sa.Column(
            "buyer_address",
            sa.Text(),
            nullable=False,
            comment="Billing address in one text; kept as long as tax law asks.",
        ),
        sa.Column("buyer_tax_number", sa.Text(), nullable=True, comment="Tax number of a business; kept likewise."),
        sa.Column(
            "total_minor", sa.BigInteger(), nullable=False, comment="Amount of the invoice with tax, in the minor unit."
        ),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False, comment="Tax within it, in the minor unit."),
        sa.Column(
            "credited_minor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Sum of its credit notes. Kept by trigger.",
        ),
        sa.Column(
            "issued_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Date of the invoice.",
        ),
        sa.CheckConstraint(
            "btrim(buyer_address) <> '' AND char_length(buyer_address) <= 1000",
            name=op.f("ck_invoices_buyer_address_length"),
        ),
        sa.CheckConstraint(
            "btrim(buyer_name) <> '' AND char_length(buyer_name) <= 200",
            name=op.f("ck_invoices_buyer_name_length"),
        ),
        sa.CheckConstraint(
            "btrim(buyer_tax_number) <> '' AND char_length(buyer_tax_number) <= 40",
            name=op.f("ck_invoices_buyer_tax_number_length"),
        ),
        sa.CheckConstraint("starts_with(series, 'INV-')", name=op.f("ck_invoices_series_is_for_invoices")),
        sa.CheckConstraint("credited_minor BETWEEN 0 AND total_minor", name=op.f("ck_invoices_credited_within_total")),
        sa.CheckConstraint("number > 0", name=op.f("ck_invoices_number_positive")),
        sa.CheckConstraint("tax_minor BETWEEN 0 AND total_minor", name=op.f("ck_invoices_tax_within_total")),
        sa.CheckConstraint("total_minor >= 0", name=op.f("ck_invoices_total_minor_not_negative")),
        sa.ForeignKeyConstraint(
            ["order_id", "currency"],
            ["shop.orders.order_id", "shop.orders.currency"],
            name=op.f("fk_invoices_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["series"], ["shop.document_series.series"], name=op.f("fk_invoices_series"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_invoices")),
        sa.UniqueConstraint(
            "invoice_id", "order_id", "currency", name=op.f("uq_invoices_invoice_id_order_id_currency")
        ),
        sa.UniqueConstraint("order_id", name=op.f("uq_invoices_order_id")),
        sa.UniqueConstraint("series", "number", name=op.f("uq_invoices_series_number")),
        schema="shop",
        comment="Invoices, numbered without gaps per series, one per order. Corrected by credit notes only.",
        postgresql_with={"fillfactor": "90"},
    )
    op.create_table(
        "credit_notes",
        sa.Column(
            "credit_note_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the credit note.",
        ),
        sa.Column("series", sa.Text(), nullable=False, comment="The series its number belongs to."),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="Number in the series. Given by trigger."),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False, comment="The invoice it corrects."),
        sa.Column("refund_id", sa.Uuid(), nullable=True, comment="The refund it documents, if one."),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order of invoice and refund."),
        sa.Column(
            "currency", sa.Text(), nullable=False, comment="Currency of the invoice, tied to it by the foreign key."
        ),
        sa.Column(
            "amount_minor", sa.BigInteger(), nullable=False, comment="Amount credited with tax, in the minor unit."
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why; no personal data belongs here."),
        sa.Column(
            "issued_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Date of the credit note.",
        ),
        sa.CheckConstraint(
            "btrim(reason) <> '' AND char_length(reason) <= 500", name=op.f("ck_credit_notes_reason_length")
        ),
        sa.CheckConstraint("starts_with(series, 'CN-')", name=op.f("ck_credit_notes_series_is_for_credit_notes")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_credit_notes_amount_minor_positive")),
        sa.CheckConstraint("number > 0", name=op.f("ck_credit_notes_number_positive")),
        sa.ForeignKeyConstraint(
            ["invoice_id", "order_id", "currency"],
            ["shop.invoices.invoice_id", "shop.invoices.order_id", "shop.invoices.currency"],
            name=op.f("fk_credit_notes_invoice_id_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["refund_id", "order_id", "currency"],
            ["shop.refunds.refund_id", "shop.refunds.order_id", "shop.refunds.currency"],
            name=op.f("fk_credit_notes_refund_id_order_id_currency"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["series"], ["shop.document_series.series"], name=op.f("fk_credit_notes_series"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("credit_note_id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint("series", "number", name=op.f("uq_credit_notes_series_number")),
        schema="shop",
        comment="Credit notes, numbered without gaps per series; together never more than their invoice.",
    )
    op.create_index(
        "ix_credit_notes_invoice_id",
        "credit_notes",
        ["invoice_id", "order_id", "currency"],
        unique=False,
        schema="shop",
    )
    op.create_index(
        "uq_credit_notes_refund_id",
        "credit_notes",
        ["refund_id", "order_id", "currency"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("refund_id IS NOT NULL"),
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("credit_notes", schema="shop")
    op.drop_table("invoices", schema="shop")
    op.drop_table("document_series", schema="shop")
    op.drop_table("journal_lines", schema="shop")
    op.drop_table("journals", schema="shop")
    op.drop_table("ledger_accounts", schema="shop")
    op.execute("DROP TYPE shop.journal_kind")
    run_sql_beside(__file__, ".down.sql")
