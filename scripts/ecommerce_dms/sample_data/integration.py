"""Outbox events and audit entries, as the schema's triggers and functions would write them."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable

from ecommerce_dms.sample_data import sizes
from ecommerce_dms.sample_data.randomness import uuid7
from ecommerce_dms.sample_data.tables import COLUMNS
from ecommerce_dms.sample_data.timeline import Batch, Ticket, Timeline

_UNPUBLISHED = dt.timedelta(minutes=30)
_PARKED_AFTER = 10


# The outbox -----------------------------------------------------------------------------------------------------------


def outbox(
    batch: Batch,
    rng: random.Random,
    order_id: str,
    happened: Iterable[tuple[dt.datetime, str, dict]],
    as_of: dt.datetime,
    last_is_parked: bool,
) -> None:
    """Writes what retention left of an order's events, its last one at least; those of the last minutes are not published.

    With `last_is_parked` the newest event could not be delivered: nothing of its order comes after it, so that no
    other event waits behind it.
    """
    events = sorted(happened, key=lambda event: event[0])
    for sequence, (moment, event_type, payload) in enumerate(events, start=1):
        if moment < as_of - sizes.OUTBOX_RETENTION and sequence < len(events):
            continue
        attempts, published, parked, error = 1, moment + dt.timedelta(seconds=rng.randint(1, 40)), None, None
        if last_is_parked and sequence == len(events):
            attempts, published, parked = _PARKED_AFTER, None, min(moment + dt.timedelta(hours=2), as_of)
            error = "HTTP 422 from the consumer: unknown event type"
        elif moment > as_of - _UNPUBLISHED:
            attempts, published = 0, None
        batch["outbox_events"].append(
            (
                moment,
                uuid7(rng, moment),
                "order",
                order_id,
                sequence,
                event_type,
                {"order_id": order_id, **payload},
                attempts,
                None,
                None,
                published,
                parked,
                error,
            )
        )


# The audit log --------------------------------------------------------------------------------------------------------


def audit_insert(
    timeline: Timeline, table: str, row: tuple, moment: dt.datetime, actor: str, key: object, extra: dict | None = None
) -> None:
    """Enters that a row was inserted, with its values: {column: [null, value]}, and `extra` columns beside the row's."""
    values = {**dict(zip(COLUMNS[table], row, strict=True)), **(extra or {})}
    changes = {column: [None, value] for column, value in values.items()}
    _enter(timeline, moment, actor, "insert", table, key, changes)


def audit_names(
    timeline: Timeline, table: str, columns: Iterable[str], moment: dt.datetime, actor: str, action: str, key: str
) -> None:
    """Enters that columns of a row with personal data changed, without their values: {column: true}."""
    _enter(timeline, moment, actor, action, table, key, dict.fromkeys(columns, True))


def _enter(
    timeline: Timeline, moment: dt.datetime, actor: str, action: str, table: str, key: object, changes: dict
) -> None:
    entry = Ticket("audit_log")
    timeline.at(moment, (entry,), [("audit_log", (moment, entry, actor, action, table, key, changes))])
