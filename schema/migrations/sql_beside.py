"""Runs the .sql file that stands beside a revision.

Functions and triggers are written as SQL, in a file of their own, because that is how they are read,
reviewed, linted and pasted into psql. It is imported as `from migrations.sql_beside import run_sql_beside`:
Alembic loads revisions by path, so that they cannot import each other, but alembic.ini puts schema/ on the
import path.
"""

import re
from pathlib import Path

import sqlalchemy
from alembic import op
from ecommerce_dms.console import UserError


def run_sql_beside(revision_file: str, suffix: str = ".sql") -> None:
    """Execute the file of the same name with `suffix`: `run_sql_beside(__file__)` in 0004_stock.py runs
    0004_stock.sql.

    The file may hold any number of statements. Nothing in it is read as a parameter: `%`, `:name`, `::type`
    and dollar quotes reach the server as written. With `alembic upgrade --sql` the text is printed instead.

    Raises FileNotFoundError when there is no such file, UserError when nobody filled it in, and the database's
    error, with file and line in its notes.
    """
    path = Path(revision_file).with_suffix(suffix)
    sql = path.read_text(encoding="utf-8")
    if not re.sub(r"--.*", "", sql).strip():
        raise UserError(
            f"{path.name} holds no statement: fill it in, or remove it together with the call that runs it."
        )
    migration = op.get_context()
    if migration.as_sql:
        migration.impl.static_output(sql.rstrip())
        return
    # text() would bind `:name` and psycopg2 would expand `%`, if it were given parameters, even none of them.
    # The option goes with the statement: set on the connection, it would hold for the rest of the run and
    # leave every `%` in comments that op.create_table() writes doubled.
    try:
        op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})
    except sqlalchemy.exc.DBAPIError as error:
        error.add_note(f"in {path}, line {_line_of(error, sql)}")
        raise


def _line_of(error: sqlalchemy.exc.DBAPIError, sql: str) -> int | str:
    position = error.orig.diag.statement_position
    return sql.count("\n", 0, int(position)) + 1 if position else "unknown"
