"""A rule about a database, as data: the claim, what finds whatever breaks it, and faults that prove that it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Names for what most queries start from. The version table is Alembic's, made as Alembic likes.
_CATALOGUE = """
WITH tables AS (
    SELECT c.oid, c.relname AS bare_name, c.oid::regclass::text AS name, c.reloptions
    FROM pg_class AS c
    WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p')
      AND c.oid IS DISTINCT FROM to_regclass('shop.alembic_version')
),
columns AS (
    SELECT t.oid AS table_oid, t.bare_name AS table_name, t.name || '.' || a.attname AS name, a.attname AS bare_name,
           a.attnum, a.atttypid, a.atttypmod, a.attgenerated, a.attidentity, y.typname AS type, y.typcategory,
           col_description(t.oid, a.attnum) AS comment
    FROM tables AS t JOIN pg_attribute AS a ON a.attrelid = t.oid JOIN pg_type AS y ON y.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped
),
functions AS (
    SELECT p.*, p.oid::regprocedure::text AS name
    FROM pg_proc AS p WHERE p.pronamespace IN ('shop'::regnamespace, 'api'::regnamespace)
)
"""


@dataclass(frozen=True)
class Check:
    """A rule that a database keeps.

    claim: what holds, as a sentence; the test carries it as its name.
    find: takes a psycopg2 connection, returns a sentence for each thing that breaks the rule, and ends no
        transaction.
    faults: SQL with which the owner breaks the rule in a scratch database, by what the sentence about it contains.
    """

    claim: str
    find: Callable[[Any], list[str]]
    faults: dict[str, str]

    def __str__(self) -> str:
        return self.claim


def query(select: str) -> Callable[[Any], list[str]]:
    """A `find` that returns the one text column of a SELECT over the tables, columns and functions above."""

    def find(connection: Any) -> list[str]:
        return [sentence for (sentence,) in rows(connection, f"{_CATALOGUE} {select} ORDER BY 1")]

    return find


def rows(connection: Any, statement: str, parameters: Any = None) -> list[tuple]:
    """The rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
