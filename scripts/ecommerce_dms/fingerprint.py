"""Says whether two databases have the same schema, and where they differ, without pg_dump.

`alembic check` compares tables, columns and names. It sees no changed CHECK expression or partial index, and
no function, trigger, view, policy or privilege at all; this sees each of them. Two databases that ran the
same migrations have the same fingerprint, whatever their names, OIDs, owners, minor versions, and the order
in which things were made.
"""

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_QUERY = Path(__file__).with_suffix(".sql")
_COMMITTED = re.compile(r"^-- fingerprint: ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class Fingerprint:
    """The definition of each object, by its name: {"index shop.orders_pkey": "CREATE UNIQUE INDEX …", …}."""

    objects: dict[str, str]

    @property
    def lines(self) -> list[str]:
        """The objects as sorted text, one paragraph each; lines after an object's first are indented."""
        return [f"{name}: {definition}".replace("\n", "\n    ") for name, definition in sorted(self.objects.items())]

    @property
    def digest(self) -> str:
        """SHA-256 of the lines, in hexadecimal."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()


def read(connection: Any) -> Fingerprint:
    """The fingerprint of the schemas shop and api as they are now.

    `connection` is psycopg2's, not in a transaction, of any user: catalogues are open to all.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = pg_catalog")
        cursor.execute(_QUERY.read_text(encoding="utf-8"))
        rows = cursor.fetchall()
    connection.rollback()
    objects = dict(rows)
    if len(objects) < len(rows):
        raise AssertionError("fingerprint.sql gives two objects one name")
    return Fingerprint(objects)


def committed(schema_sql: Path) -> str:
    """The digest in the last line of schema/schema.sql. Raises ValueError when it has none."""
    found = _COMMITTED.findall(schema_sql.read_text(encoding="utf-8"))
    if not found:
        raise ValueError(f"{schema_sql} has no line '-- fingerprint: …': run scripts/dump_schema.py")
    return found[-1]


def difference(expected: Fingerprint, actual: Fingerprint) -> list[str]:
    """What to tell a reader: a paragraph for each object that is missing, unexpected or defined otherwise."""
    found = []
    for name in sorted(expected.objects.keys() | actual.objects.keys()):
        wanted, present = expected.objects.get(name), actual.objects.get(name)
        if present is None:
            found.append(f"missing: {name}")
        elif wanted is None:
            found.append(f"unexpected: {name}: {present}")
        elif wanted != present:
            found.append(f"different: {name}\n{_compare(wanted, present)}")
    return found


def _compare(wanted: str, present: str) -> str:
    # Three header lines of the unified format say nothing here.
    lines = list(difflib.unified_diff(wanted.splitlines(), present.splitlines(), lineterm="", n=1))[3:]
    return "\n".join(f"    {line}" for line in lines)
