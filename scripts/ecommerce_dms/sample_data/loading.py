"""The one transaction of a load: look, lock, set guards aside, COPY, put guards back, verify, commit.

Whatever goes wrong before the commit, a killed loader included, leaves the database as it was: even the sequences are
moved by ALTER TABLE, which is undone by a rollback, and not by setval(), which is not.
"""

from __future__ import annotations

import datetime as dt
import enum
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from ecommerce_dms import console
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data import checksums, present, sizes
from ecommerce_dms.sample_data.bulk import Guards
from ecommerce_dms.sample_data.history import History
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.present import Identity
from ecommerce_dms.sample_data.progress import Meter, Progress
from ecommerce_dms.sample_data.stream import RowStream
from ecommerce_dms.sample_data.tables import COLUMNS
from ecommerce_dms.settings import Settings

_BLOCK = 65_536
_SESSION = {
    "timezone": "UTC",
    # Long enough for a running checkout, short enough not to queue everybody else behind a waiting loader.
    "lock_timeout": "5s",
    # The load is one long transaction by design; what a server sets for its applications does not fit it.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
}


class Onto(enum.Enum):
    """What a load may find."""

    EMPTY = "empty"
    APPEND = "append"
    REPLACE = "replace"


class LoadRefused(console.UserError):
    """The database is not one to load sample data into, and was not touched."""


class LoadFailed(console.UserError):
    """The load was undone."""


@dataclass(frozen=True)
class Request:
    """What is asked for: same request onto an empty database, same content."""

    orders: int
    seed: int
    as_of: dt.datetime
    onto: Onto = Onto.EMPTY
    checksums: bool = False
    # The catalogue of a shop with so many orders; None: of one with those that are loaded.
    catalogue_for: int | None = None


def load(settings: Settings, request: Request) -> str:
    """Loads, and returns the summary table.

    Raises:
        LoadRefused: the database is production, holds data, has no schema, or is in use.
        LoadFailed: something went wrong, and nothing was changed.
    """
    with closing(connect(settings, role=OWNER, application_name="data_loader", options=_SESSION)) as connection:
        try:
            return _Load(connection, request).run()
        except errors.LockNotAvailable:
            raise LoadRefused(
                "other sessions use the shop's tables, and the loader needs them for itself: stop them "
                "(SELECT pid, application_name, query FROM pg_stat_activity) and run this again. Nothing was changed."
            ) from None
        except psycopg2.Error as error:
            # Closing the connection rolls back, should it still be there.
            text = str(error).strip() or type(error).__name__
            raise LoadFailed(f"nothing was changed: {text}") from error


class _Load:
    def __init__(self, connection: Any, request: Request) -> None:
        self._connection, self._request = connection, request
        self._cursor = connection.cursor()
        self._progress = Progress(request.orders)
        self._meter = Meter()
        self._is_onto_nothing = self._is_all_sample_data = False

    def run(self) -> str:
        """Loads; returns the summary table."""
        tables = self._look()
        self._lock(tables)
        self._look()  # Again, now that nobody else can write.
        keys = self._identities()
        guards = Guards(self._cursor, tables)
        self._set_aside(guards)
        history = self._copy(self._plan(keys))
        with self._progress.step("putting everything back, and validating it"):
            self._settle(history)
            guards.put_back()
            self._restart_identities(keys, history.numbers)
        with self._progress.step("verifying every invariant"):
            examined = self._verify()
        self._cursor.execute("UPDATE shop.deployment SET is_sample_data = %s", (self._is_all_sample_data,))
        found = checksums.read(self._cursor, list(COLUMNS)) if self._request.checksums else None
        self._connection.commit()
        console.say(f"committed; {examined}")
        self._vacuum()
        return self._meter.table(found)

    # Before -----------------------------------------------------------------------------------------------------------

    def _look(self) -> list[str]:
        """Refuses what is not to be loaded into; returns the tables, and remembers what is in them."""
        try:
            self._cursor.execute("SELECT environment, is_sample_data FROM shop.deployment")
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            raise LoadRefused("there is no schema yet: run `cd schema && alembic upgrade head` first") from None
        environment, is_sample = self._cursor.fetchone()
        if environment == "production":
            raise LoadRefused(
                "shop.deployment says that this database is production, and sample data never go there. If it is not, "
                "and holds no orders: UPDATE shop.deployment SET environment = 'staging'"
            )
        tables = present.tables(self._cursor)
        unknown, missing = set(tables) - set(COLUMNS), set(COLUMNS) - set(tables)
        if unknown or missing:
            raise LoadRefused(
                f"the schema is not the one this loader fills (unknown tables: {_list(unknown)}; missing tables: "
                f"{_list(missing)}): upgrade the schema, or use the loader of its version"
            )
        filled = present.filled(self._cursor, tables)
        self._refuse_data(filled, is_sample)
        self._is_onto_nothing = not filled or self._request.onto is Onto.REPLACE
        self._is_all_sample_data = is_sample or self._is_onto_nothing
        return tables

    def _refuse_data(self, filled: list[str], is_sample: bool) -> None:
        if filled and self._request.onto is Onto.EMPTY:
            raise LoadRefused(
                f"the database already holds data (in {_list(filled[:3])}{' and others' if filled[3:] else ''}): "
                "--append adds to them, --replace replaces sample data"
            )
        if filled and self._request.onto is Onto.REPLACE and not is_sample:
            raise LoadRefused(
                "the database holds data that the loader did not make (shop.deployment.is_sample_data is false), "
                "and --replace would delete them: load into another database, or add with --append"
            )

    def _lock(self, tables: list[str]) -> None:
        """Takes all tables for this transaction, by name, as every other loader does."""
        names = [sql.Identifier("shop", name) for name in sorted([*tables, "deployment"])]
        statement = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(names))
        self._cursor.execute(statement)

    def _identities(self) -> list[Identity]:
        """Where each table goes on counting; what is replaced begins again, as if nothing had ever been there."""
        found = present.identities(self._cursor)
        if self._request.onto is not Onto.REPLACE:
            return found
        return [Identity(key.table, key.column, key.start, key.start - 1) for key in found]

    def _set_aside(self, guards: Guards) -> None:
        # To rebuild costs in proportion to what is there, to check row by row in proportion to what comes.
        self._cursor.execute("SELECT count(*) FROM shop.orders")
        is_bulk = self._is_onto_nothing or self._request.orders > self._cursor.fetchone()[0]
        with self._progress.step("setting triggers aside" + (", foreign keys and indexes" if is_bulk else "")):
            guards.set_aside(constraints_too=is_bulk)
        if self._request.onto is Onto.REPLACE:
            names = sql.SQL(", ").join(sql.Identifier("shop", name) for name in COLUMNS)
            self._cursor.execute(sql.SQL("TRUNCATE {}").format(names))

    def _plan(self, keys: list[Identity]) -> Plan:
        request = self._request
        found = present.read(self._cursor, keys)
        return Plan(request.seed, request.as_of, sizes.sizes_for(request.orders, request.catalogue_for), found)

    # Rows -------------------------------------------------------------------------------------------------------------

    def _copy(self, plan: Plan) -> History:
        """Makes the history and writes it, batch by batch. Parents come before children, should the keys be in place."""
        console.say(f"loading {plan.sizes.orders:,} orders, seed {plan.seed}, as of {plan.as_of.isoformat()} …")
        history = History(plan)
        with self._progress.counting():
            for batch in history.batches():
                for table, columns in COLUMNS.items():
                    if batch.get(table):
                        self._copy_rows(table, columns, batch[table])
                self._progress.reached(history.orders_made, self._meter.total_rows)
        return history

    def _copy_rows(self, table: str, columns: tuple[str, ...], rows: list[tuple]) -> None:
        statement = sql.SQL("COPY shop.{} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        started = time.monotonic()
        self._cursor.copy_expert(statement, RowStream(rows), size=_BLOCK)
        self._meter.count(table, len(rows), time.monotonic() - started)

    def _settle(self, history: History) -> None:
        """Writes the sums that were known only at the end. They stand on parents, which had to come first."""
        places = [(*place, *level) for place, level in history.levels.items()]
        self._cursor.execute(
            "UPDATE shop.stock_levels AS s SET on_hand = v.on_hand, reserved = v.reserved"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::smallint[], %s::integer[], %s::integer[])"
            "  AS v (variant_id, warehouse_id, slot, on_hand, reserved)"
            " WHERE (s.variant_id, s.warehouse_id, s.slot) = (v.variant_id, v.warehouse_id, v.slot)",
            [list(column) for column in zip(*places, strict=True)],
        )
        self._cursor.execute(
            "UPDATE shop.coupons AS c SET times_used = v.times_used"
            " FROM unnest(%s::bigint[], %s::integer[]) AS v (coupon_id, times_used) WHERE c.coupon_id = v.coupon_id",
            (list(history.coupon_uses), list(history.coupon_uses.values())),
        )
        self._cursor.execute(
            "UPDATE shop.document_series AS s SET last_number = v.last_number"
            " FROM unnest(%s::text[], %s::bigint[]) AS v (series, last_number) WHERE s.series = v.series",
            (list(history.series), list(history.series.values())),
        )

    # After ------------------------------------------------------------------------------------------------------------

    def _restart_identities(self, keys: list[Identity], numbers: dict[str, int]) -> None:
        for key in keys:
            statement = sql.SQL("ALTER TABLE shop.{} ALTER COLUMN {} RESTART WITH {}").format(
                sql.Identifier(key.table), sql.Identifier(key.column), sql.Literal(numbers[key.table] + 1)
            )
            self._cursor.execute(statement)

    def _verify(self) -> str:
        """Walks every invariant; each must have had something to examine. Returns a sentence."""
        self._cursor.execute("SELECT invariant, examined, violations, example FROM api.verify_integrity()")
        rows = self._cursor.fetchall()
        wrong = [
            f"{name}: {violations} violations, e.g. {example}" for name, _, violations, example in rows if violations
        ]
        wrong += [f"{name}: nothing to examine" for name, examined, *_ in rows if not examined]
        if wrong:
            raise LoadFailed(f"the data break the schema's rules, so nothing was changed: {'; '.join(wrong)}")
        return f"{len(rows)} invariants, {sum(row[1] for row in rows):,} rows examined, 0 violations"

    def _vacuum(self) -> None:
        """Planner statistics and visibility maps for what is new, which are no part of the content."""
        self._connection.autocommit = True
        names = sql.SQL(", ").join(sql.Identifier("shop", name) for name in COLUMNS)
        with self._progress.step("vacuuming and analysing"):
            self._cursor.execute(sql.SQL("VACUUM (ANALYZE) {}").format(names))


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
