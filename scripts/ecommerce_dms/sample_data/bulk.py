"""Takes triggers, foreign keys and secondary indexes out of the way of a load, and puts back exactly what was there.

Triggers would refuse rows that arrive with a finished history (an order starts pending), and would write the history a
second time. Foreign keys and indexes cost time: 2 million lines with both took 30.6 s, without 8.9 s, and to rebuild
and validate them 2 s. Definitions are read from the catalogue, so nothing here knows what they are. All of it
happens inside the load's transaction: whoever else looks sees the tables with every guard, before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

_FOREIGN_KEYS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'shop'::regnamespace AND conparentid = 0
ORDER BY 1, 2
"""

# What belongs to a constraint stays, and so does what pg_get_indexdef does not tell all about: clustering, replica
# identity, a tablespace, statistics targets.
_INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, 'pg_class')
FROM pg_index AS i
JOIN pg_class AS t ON t.oid = i.indrelid
JOIN pg_class AS x ON x.oid = i.indexrelid
WHERE t.relnamespace = 'shop'::regnamespace AND t.relname = ANY (%s)
  AND i.indisvalid AND NOT i.indisclustered AND NOT i.indisreplident AND x.reltablespace = 0
  AND NOT EXISTS (
      SELECT FROM pg_constraint AS c
      WHERE c.conindid = i.indexrelid AND (c.contype <> 'f' OR c.connamespace <> t.relnamespace))
  AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0)
ORDER BY 1
"""

_UNUSUAL_TRIGGERS = """
SELECT t.relname, g.tgname, g.tgenabled
FROM pg_trigger AS g
JOIN pg_class AS t ON t.oid = g.tgrelid
WHERE t.relnamespace = 'shop'::regnamespace AND NOT g.tgisinternal AND g.tgenabled <> 'O'
"""
_FIRES = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


@dataclass(frozen=True)
class Definition:
    """Something that can be dropped and made again, with its comment."""

    drop: str
    create: str
    comment_on: str
    comment: str | None


class Guards:
    """The triggers of some tables, and where it pays the foreign keys and indexes. Nothing is kept between runs."""

    def __init__(self, cursor: Any, tables: list[str]) -> None:
        """`tables` are those that are loaded. Names in definitions are written out, whatever the search path was."""
        self._cursor, self._tables = cursor, tables
        self._aside: list[Definition] = []
        cursor.execute("SET LOCAL search_path = pg_catalog")

    def set_aside(self, *, constraints_too: bool) -> None:
        """Disables the triggers; with `constraints_too` also drops foreign keys, then secondary indexes."""
        self._cursor.execute(_UNUSUAL_TRIGGERS)
        self._unusual = self._cursor.fetchall()
        for table in self._tables:
            self._alter(table, "DISABLE TRIGGER USER")
        if constraints_too:
            self._aside = [*self._foreign_keys(), *self._indexes()]
        for definition in self._aside:
            self._cursor.execute(definition.drop)

    def put_back(self) -> None:
        """Makes everything again, which validates it, in the opposite order."""
        # ALTER TABLE refuses while checks wait for the end of the transaction (55006).
        self._cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for definition in reversed(self._aside):
            self._cursor.execute(definition.create)
            if definition.comment is not None:
                self._cursor.execute(f"COMMENT ON {definition.comment_on} IS %s", (definition.comment,))
        for table in self._tables:
            self._alter(table, "ENABLE TRIGGER USER")
        for table, trigger, state in self._unusual:
            if table in self._tables:
                self._alter(table, f"{_FIRES[state]} TRIGGER {{}}", trigger)

    def _alter(self, table: str, action: str, *names: str) -> None:
        statement = sql.SQL(f"ALTER TABLE shop.{{}} {action}")
        self._cursor.execute(statement.format(*map(sql.Identifier, (table, *names))))

    def _foreign_keys(self) -> list[Definition]:
        self._cursor.execute(_FOREIGN_KEYS)
        return [
            Definition(
                f"ALTER TABLE {table} DROP CONSTRAINT {name}",
                f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}",
                f"CONSTRAINT {name} ON {table}",
                comment,
            )
            for table, name, definition, comment in self._quoted(self._cursor.fetchall())
        ]

    def _quoted(self, rows: list[tuple]) -> list[tuple]:
        return [
            (table, sql.Identifier(name).as_string(self._cursor), definition, comment)
            for table, name, definition, comment in rows
        ]

    def _indexes(self) -> list[Definition]:
        self._cursor.execute(_INDEXES, (self._tables,))
        return [
            Definition(f"DROP INDEX {name}", definition, f"INDEX {name}", comment)
            for name, definition, comment in self._cursor.fetchall()
        ]
