"""The generated parts of docs/security.md: who may do what, from the matrix, and what is personal, from the database's own list.

Not for: whether the database agrees with the matrix (db_tests/privileges.py asks it).
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import privilege_matrix as matrix
from ecommerce_dms.db_tests.check import rows
from ecommerce_dms.login_roles import LOGINS
from ecommerce_dms.roles import OWNER, ROLES
from ecommerce_dms.settings import Settings

_GROUPS = [role for role in ROLES if role.name != OWNER]
_SHORT = [role.name.removeprefix("shop_") for role in _GROUPS]

_MEANINGS = {
    "secret": "what opens accounts: hashes and digests, and the trail of log-ins",
    "personal": "has columns that say who somebody is",
    "customer": "of one customer each, known by key",
    "business": "what happens in the shop; keys of orders at most",
    "public": "what every visitor may know",
    "internal": "the schema's own book-keeping",
}


def parts(settings: Settings) -> dict[str, str]:
    """The parts by name. `settings`: a database at head."""
    with closing(connect(settings, role=OWNER)) as connection:
        personal = rows(
            connection,
            "SELECT table_name, column_name, erase::text, reason FROM shop.pii_columns ORDER BY table_name, column_name",
        )
        views = rows(
            connection,
            "SELECT relname::text, obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relkind = 'v' AND relnamespace = 'api'::regnamespace ORDER BY 1",
        )
    return {
        "roles": _roles(),
        "tables": _tables(),
        "views": _views(views),
        "functions": _functions(),
        "classification": _classification(personal),
    }


def _roles() -> str:
    logins = {group: [each.name for each in LOGINS if each.group == group] for group in (r.name for r in ROLES)}
    lines = [
        [
            f"`{role.name}`",
            role.purpose,
            _words(matrix.USES_SCHEMAS.get(role.name)),
            _words(" ".join(logins[role.name])) or "nobody",
        ]
        for role in ROLES
    ]
    return _table(["group", "what it is for", "schemas", "login"], lines)


def _tables() -> str:
    lines = []
    for name, tables in matrix.CLASSES.items():
        for table in sorted(tables.split()):
            lines.append([f"`{table}`", name, *(_reads(role.name, table, name) for role in _GROUPS)])
    return _table(["table", "class", *_SHORT], lines)


def _reads(role: str, table: str, class_name: str) -> str:
    """How much of a table a role reads."""
    columns = matrix.READS_COLUMNS.get(role, {}).get(table)
    if table not in matrix.READS.get(role, "").split() and columns is None:
        return ""
    policies = matrix.ROW_SECURITY.get(class_name, {})
    own = role in policies.get("own_rows", "").split()
    return ("own rows" if own else "all") + (f", {len(columns.split())} columns" if columns else "")


def _views(views: list[tuple[Any, ...]]) -> str:
    lines = [
        [f"`api.{name}`", meaning, *(_mark(name in matrix.READS_VIEWS.get(role.name, "").split()) for role in _GROUPS)]
        for name, meaning in views
    ]
    return _table(["view", "what it shows", *_SHORT], lines)


def _functions() -> str:
    names = sorted({name for functions in matrix.EXECUTES.values() for name in functions.split()})
    lines = [
        [f"`api.{name}`", *(_mark(name in matrix.EXECUTES.get(role.name, "").split()) for role in _GROUPS)]
        for name in names
    ]
    return _table(["function", *_SHORT], lines)


def _classification(personal: list[tuple[Any, ...]]) -> str:
    meanings = [[name, _MEANINGS[name], _words(tables)] for name, tables in matrix.CLASSES.items()]
    columns = [
        [f"`{table}.{column}`", "on request" if erase == "now" else "after retention", reason]
        for table, column, erase, reason in personal
    ]
    return (
        _table(["class", "what it holds", "tables"], meanings)
        + "\n"
        + _table(["personal column", "erased", "why it is held"], columns)
    )


def _mark(holds: bool) -> str:
    return "x" if holds else ""


def _words(names: str | None) -> str:
    return ", ".join(f"`{name}`" for name in sorted((names or "").split()))


def _table(head: list[str], lines: list[list[str]]) -> str:
    return "".join("| " + " | ".join(cells) + " |\n" for cells in (head, ["---"] * len(head), *lines))
