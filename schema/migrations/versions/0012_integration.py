"""The outbox and the audit log.

What other systems and auditors read.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute("CREATE TYPE shop.audit_action AS ENUM ('insert', 'update', 'delete')")
    op.create_table(
        "outbox_events",
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the change was made.",
        ),
        sa.Column(
            "outbox_event_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the event, for the consumer's dedupe.",
        ),
        sa.Column("aggregate_type", sa.Text(), nullable=False, comment="What kind of thing changed, such as order."),
        sa.Column("aggregate_id", sa.Text(), nullable=False, comment="Key of that thing."),
        sa.Column(
            "sequence", sa.BigInteger(), nullable=False, comment="1, 2, 3, … within the aggregate. Given by trigger."
        ),
        sa.Column("event_type", sa.Text(), nullable=False, comment="What happened, such as order.confirmed."),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Keys and amounts; never personal data.",
        ),
        sa.Column(
            "attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Deliveries tried so far."
        ),
        sa.Column("lease_token", sa.Uuid(), nullable=True, comment="Token of the worker that holds it."),
        sa.Column(
            "leased_until", sa.TIMESTAMP(timezone=True), nullable=True, comment="Until when that worker holds it."
        ),
        sa.Column("published_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it was delivered."),
        sa.Column(
            "parked_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When it was set aside after too many attempts.",
        ),
        sa.Column("last_error", sa.Text(), nullable=True, comment="What the last failed delivery said."),
        sa.CheckConstraint(
            "aggregate_type ~ '^[a-z][a-z_]{0,29}$'", name=op.f("ck_outbox_events_aggregate_type_format")
        ),
        sa.CheckConstraint(
            "btrim(aggregate_id) <> '' AND char_length(aggregate_id) <= 64",
            name=op.f("ck_outbox_events_aggregate_id_length"),
        ),
        sa.CheckConstraint(
            "btrim(event_type) <> '' AND char_length(event_type) <= 80",
            name=op.f("ck_outbox_events_event_type_length"),
        ),
        sa.CheckConstraint(
            "btrim(last_error) <> '' AND char_length(last_error) <= 2000",
            name=op.f("ck_outbox_events_last_error_length"),
        ),
        sa.CheckConstraint(
            "event_type ~ '^[a-z][a-z_]*[.][a-z][a-z_]*$'", name=op.f("ck_outbox_events_event_type_format")
        ),
        sa.CheckConstraint("jsonb_typeof(payload) = 'object'", name=op.f("ck_outbox_events_payload_is_object")),
        sa.CheckConstraint(
            "(lease_token IS NULL) = (leased_until IS NULL)", name=op.f("ck_outbox_events_lease_is_whole")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_events_attempts_not_negative")),
        sa.CheckConstraint("pg_column_size(payload) <= 65536", name=op.f("ck_outbox_events_payload_limit")),
        sa.CheckConstraint(
            "published_at IS NULL OR parked_at IS NULL", name=op.f("ck_outbox_events_published_or_parked")
        ),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_outbox_events_sequence_positive")),
        sa.CheckConstraint(
            "uuid_extract_version(outbox_event_id) = 7", name=op.f("ck_outbox_events_outbox_event_id_is_uuidv7")
        ),
        sa.PrimaryKeyConstraint("created_at", "outbox_event_id", name=op.f("pk_outbox_events")),
        sa.UniqueConstraint(
            "aggregate_type",
            "aggregate_id",
            "sequence",
            name=op.f("uq_outbox_events_aggregate_type_aggregate_id_sequence"),
        ),
        schema="shop",
        comment="Transactional outbox: delivered at least once, in sequence per aggregate. The key begins with the time, so that the table can be partitioned later.",
        postgresql_with={
            "fillfactor": "80",
            "autovacuum_vacuum_scale_factor": "0.01",
            "autovacuum_vacuum_threshold": "1000",
        },
    )
    op.create_index(
        "ix_outbox_events_unpublished",
        "outbox_events",
        ["created_at", "outbox_event_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("published_at IS NULL AND parked_at IS NULL"),
    )
    op.create_index(
        "ix_outbox_events_parked",
        "outbox_events",
        ["outbox_event_id"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("parked_at IS NOT NULL"),
    )
    op.create_table(
        "audit_log",
        sa.Column(
            "occurred_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When."
        ),
        sa.Column(
            "audit_log_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Ascending number that tells rows of one moment apart.",
        ),
        sa.Column(
            "actor",
            sa.Text(),
            nullable=False,
            comment="Who, from the setting shop.actor, such as staff:42 or customer:….",
        ),
        sa.Column(
            "action",
            postgresql.ENUM(name="audit_action", schema="shop", create_type=False),
            nullable=False,
            comment="insert, update or delete.",
        ),
        sa.Column("table_name", sa.Text(), nullable=False, comment="Table of the schema shop."),
        sa.Column("row_key", sa.Text(), nullable=False, comment="Key of the row, its parts joined by commas."),
        sa.Column(
            "changes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="By column: [before, after]; true alone where the values are personal.",
        ),
        sa.CheckConstraint("btrim(actor) <> '' AND char_length(actor) <= 200", name=op.f("ck_audit_log_actor_length")),
        sa.CheckConstraint(
            "btrim(row_key) <> '' AND char_length(row_key) <= 200", name=op.f("ck_audit_log_row_key_length")
        ),
        sa.CheckConstraint(
            "btrim(table_name) <> '' AND char_length(table_name) <= 63",
            name=op.f("ck_audit_log_table_name_length"),
        ),
        sa.CheckConstraint("jsonb_typeof(changes) = 'object'", name=op.f("ck_audit_log_changes_is_object")),
        sa.PrimaryKeyConstraint("occurred_at", "audit_log_id", name=op.f("pk_audit_log")),
        schema="shop",
        comment="Audit trail, append-only. For personal data only the names of the changed columns. The key begins with the time, so that the table can be partitioned later.",
    )
    op.create_index(
        "ix_audit_log_row", "audit_log", ["table_name", "row_key", "occurred_at"], unique=False, schema="shop"
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("audit_log", schema="shop")
    op.drop_table("outbox_events", schema="shop")
    op.execute("DROP TYPE shop.audit_action")
    run_sql_beside(__file__, ".down.sql")
