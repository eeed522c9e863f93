"""What other systems and auditors read: the outbox of events, and the audit log."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Integer, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column

from models.base import (
    Base,
    Mapped,
    enum_type,
    length_check,
    line_of_text,
    moment,
    not_negative,
    uuid_version_check,
)

audit_action = enum_type("audit_action", "insert", "update", "delete")


class OutboxEvent(Base):
    """An event for other systems, written in the same transaction as the change it tells of."""

    __tablename__ = "outbox_events"
    __table_args__ = (
        uuid_version_check("outbox_event_id"),
        CheckConstraint("aggregate_type ~ '^[a-z][a-z_]{0,29}$'", name="aggregate_type_format"),
        CheckConstraint("event_type ~ '^[a-z][a-z_]*[.][a-z][a-z_]*$'", name="event_type_format"),
        length_check("event_type", 80),
        length_check("aggregate_id", 64),
        CheckConstraint("sequence > 0", name="sequence_positive"),
        CheckConstraint("jsonb_typeof(payload) = 'object'", name="payload_is_object"),
        CheckConstraint("pg_column_size(payload) <= 65536", name="payload_limit"),
        not_negative("attempts"),
        CheckConstraint("(lease_token IS NULL) = (leased_until IS NULL)", name="lease_is_whole"),
        CheckConstraint("published_at IS NULL OR parked_at IS NULL", name="published_or_parked"),
        length_check("last_error", 2000),
        UniqueConstraint("aggregate_type", "aggregate_id", "sequence"),
        Index(
            "ix_outbox_events_unpublished",
            "created_at",
            "outbox_event_id",
            postgresql_where=text("published_at IS NULL AND parked_at IS NULL"),
        ),
        Index("ix_outbox_events_parked", "outbox_event_id", postgresql_where=text("parked_at IS NOT NULL")),
        {
            "comment": "Transactional outbox: delivered at least once, in sequence per aggregate. The key begins with the"
            " time, so that the table can be partitioned later.",
            # A queue leaves an entry of its index behind for each event that goes out, and every claim wades through them until
            # vacuum comes: 1,000 pages a claim after 200,000 events, 80 once it had been.
            "postgresql_with": {
                "fillfactor": "80",
                "autovacuum_vacuum_scale_factor": "0.01",
                "autovacuum_vacuum_threshold": "1000",
            },
        },
    )

    created_at: Mapped[dt.datetime] = mapped_column(
        primary_key=True, server_default=text("now()"), comment="When the change was made."
    )
    outbox_event_id: Mapped[uuid.UUID] = mapped_column(
        Uuid,
        primary_key=True,
        server_default=text("uuidv7()"),
        comment="Key of the event, for the consumer's dedupe.",
    )
    aggregate_type: Mapped[str] = line_of_text("What kind of thing changed, such as order.")
    aggregate_id: Mapped[str] = line_of_text("Key of that thing.")
    sequence: Mapped[int] = mapped_column(
        BigInteger, nullable=False, comment="1, 2, 3, … within the aggregate. Given by trigger."
    )
    event_type: Mapped[str] = line_of_text("What happened, such as order.confirmed.")
    payload: Mapped[dict] = mapped_column(
        JSONB, nullable=False, server_default=text("'{}'"), comment="Keys and amounts; never personal data."
    )
    attempts: Mapped[int] = mapped_column(
        Integer, nullable=False, server_default=text("0"), comment="Deliveries tried so far."
    )
    lease_token: Mapped[uuid.UUID | None] = mapped_column(comment="Token of the worker that holds it.")
    leased_until: Mapped[dt.datetime | None] = moment("Until when that worker holds it.", nullable=True)
    published_at: Mapped[dt.datetime | None] = moment("When it was delivered.", nullable=True)
    parked_at: Mapped[dt.datetime | None] = moment("When it was set aside after too many attempts.", nullable=True)
    last_error: Mapped[str | None] = line_of_text("What the last failed delivery said.", nullable=True)


class AuditLog(Base):
    """Who changed which price, coupon, stock or customer. Append-only, without personal data."""

    __tablename__ = "audit_log"
    __table_args__ = (
        length_check("actor", 200),
        length_check("table_name", 63),
        length_check("row_key", 200),
        CheckConstraint("jsonb_typeof(changes) = 'object'", name="changes_is_object"),
        Index("ix_audit_log_row", "table_name", "row_key", "occurred_at"),
        {
            "comment": "Audit trail, append-only. For personal data only the names of the changed columns. The key begins"
            " with the time, so that the table can be partitioned later."
        },
    )

    occurred_at: Mapped[dt.datetime] = mapped_column(primary_key=True, server_default=text("now()"), comment="When.")
    audit_log_id: Mapped[int] = mapped_column(
        BigInteger,
        Identity(always=True),
        primary_key=True,
        comment="Ascending number that tells rows of one moment apart.",
    )
    actor: Mapped[str] = line_of_text("Who, from the setting shop.actor, such as staff:42 or customer:….")
    action: Mapped[str] = mapped_column(audit_action, nullable=False, comment="insert, update or delete.")
    table_name: Mapped[str] = line_of_text("Table of the schema shop.")
    row_key: Mapped[str] = line_of_text("Key of the row, its parts joined by commas.")
    changes: Mapped[dict] = mapped_column(
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="By column: [before, after]; true alone where the values are personal.",
    )
