"""A checksum for each table, whatever the order of its rows: the sum of a hash of each row, worked out by the server.

Two databases with the same rows have the same checksums, on any platform and minor version. Settings that change how
values are printed are fixed for the query.
"""

from __future__ import annotations

from typing import Any

from psycopg2 import sql

_PRINTING = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL bytea_output = 'hex'"
_QUERY = """
SELECT to_hex((coalesce(sum(('x' || encode(substr(sha256(convert_to(t::text, 'UTF8')), 1, 7), 'hex'))::bit(56)::bigint), 0)
    % 9223372036854775807)::bigint)
FROM shop.{} AS t
"""


def read(cursor: Any, tables: list[str]) -> dict[str, str]:
    """{table: 16 hexadecimal digits}. Reads every row."""
    cursor.execute(_PRINTING)
    found = {}
    for table in tables:
        cursor.execute(sql.SQL(_QUERY).format(sql.Identifier(table)))
        found[table] = cursor.fetchone()[0].rjust(16, "0")
    return found
