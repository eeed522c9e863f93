"""docs/sql_api.md: what schema api offers, as the database itself says it.

Signatures, promises and privileges come from the catalogue; which codes a function raises, from its COMMENT; what a code
means, from the lines `--   SH123  meaning` at the head of the migration that introduced it, where whoever writes the
function reads them too; examples, from the files in docs/sql_api/, which are programs for psql and are run.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg2.extensions import make_dsn

from ecommerce_dms import client_programs
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.console import UserError
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "sql_api"
VERSIONS = ROOT / "schema" / "migrations" / "versions"

# Chapters, in the order in which a shop is built, and the revisions whose functions stand in them. A revision that nobody
# put anywhere is refused, so that no function is left out of the page.
CHAPTERS = {
    "Accounts": ("contract_accounts",),
    "Catalogue": ("contract_catalogue",),
    "Stock": ("contract_stock",),
    "Carts": ("contract_carts",),
    "Checkout": ("contract_checkout",),
    "Orders": ("contract_orders",),
    "Payments": ("contract_payments",),
    "Outbox and retention": ("contract_integration",),
    "Erasure": ("contract_erasure",),
    "Care": ("reference", "monitoring"),
}

# In this order in one fresh database: each goes on where the one before it ended.
STORIES = ("setup", "catalogue", "stock", "accounts", "carts", "orders", "operation")
WORKED_EXAMPLE = "worked_example"


@dataclass(frozen=True)
class Function:
    """A function of schema api, as the catalogue has it."""

    name: str
    arguments: str
    result: str
    promise: str
    executed_by: tuple[str, ...]

    @property
    def codes(self) -> list[str]:
        """The codes that its promise names, ranges written out."""
        found = re.findall(r"(SH\d{3})(?: to (SH\d{3}))?", self.promise)
        return [f"SH{n:03d}" for first, last in found for n in range(int(first[2:]), int((last or first)[2:]) + 1)]

    @property
    def signature(self) -> str:
        """As one would declare it; an argument a line where one line would be too long."""
        arguments, result = _shorter(self.arguments), _shorter(self.result)
        line = f"{self.name}({arguments}) → {result}"
        if len(line) <= 100:
            return line
        return f"{self.name}(\n    " + re.sub(r", (?=[\w\"]+ )", ",\n    ", arguments) + f")\n→ {result}"

    @property
    def paragraphs(self) -> tuple[str, str, str]:
        """What it promises, which locks it takes, which errors it raises; empty where its COMMENT does not say."""
        parts = re.fullmatch(r"(.*?)(?: Locks: (.*?))?(?: Errors: (.*?))?", self.promise, re.DOTALL)
        return (parts[1], parts[2] or "", parts[3] or "")


def _shorter(declared: str) -> str:
    """Types as people write them, and NULL without a cast."""
    return re.sub(r"\bNULL::[a-z ]+", "NULL", declared.replace("timestamp with time zone", "timestamptz"))


@dataclass(frozen=True)
class Example:
    """A paragraph of a story: what it shows, and the SQL."""

    function: str
    says: str
    sql: str


@dataclass(frozen=True)
class Reference:
    """All that the page says."""

    functions: dict[str, Function]
    types: list[tuple[str, str, str]]
    views: list[tuple[str, str, str, list[str]]]
    codes: dict[str, str]
    examples: dict[str, list[Example]] = field(default_factory=dict)


# Reading ----------------------------------------------------------------------------------------------------------------


def read(settings: Settings) -> Reference:
    """What the database of `settings`, at head, and the files beside it say."""
    with closing(connect(settings, role=OWNER, options={"search_path": "pg_catalog"})) as connection:
        functions = {row[0]: Function(*row[:4], tuple(row[4])) for row in _rows(connection, _FUNCTIONS)}
        types, views = _rows(connection, _TYPES), _rows(connection, _VIEWS)
    examples: dict[str, list[Example]] = {}
    for story in STORIES:
        for example in examples_of((EXAMPLES / f"{story}.sql").read_text(encoding="utf-8")):
            examples.setdefault(example.function, []).append(example)
    return Reference(functions, types, views, codes_of_migrations(), examples)


_FUNCTIONS = """
    SELECT 'api.' || proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
           coalesce(obj_description(p.oid, 'pg_proc'), ''),
           ARRAY(SELECT grantee::regrole::text FROM aclexplode(proacl)
                 WHERE grantee <> proowner AND privilege_type = 'EXECUTE' ORDER BY 1)
    FROM pg_proc AS p
    WHERE pronamespace = 'api'::regnamespace
    ORDER BY 1
"""
_TYPES = """
    SELECT t.oid::regtype::text, obj_description(t.oid, 'pg_type'),
           (SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = typrelid AND attnum > 0)
    FROM pg_type AS t JOIN pg_class AS c ON c.oid = typrelid
    WHERE typnamespace = 'api'::regnamespace AND relkind = 'c'
    ORDER BY 1
"""
_VIEWS = """
    SELECT c.oid::regclass::text, coalesce(obj_description(c.oid, 'pg_class'), ''),
           (SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0),
           ARRAY(SELECT grantee::regrole::text FROM aclexplode(relacl)
                 WHERE grantee <> relowner AND privilege_type = 'SELECT' ORDER BY 1)
    FROM pg_class AS c
    WHERE relnamespace = 'api'::regnamespace AND relkind = 'v'
    ORDER BY 1
"""


def _rows(connection: Any, query: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def codes_of_migrations() -> dict[str, str]:
    """Meaning by SQLSTATE. Where a later file repeats a code, the first one's words stand."""
    found: dict[str, str] = {}
    for path in sorted(VERSIONS.glob("[0-9]*_*.sql")):
        for code, meaning in re.findall(r"^--   (SH\d{3})  (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(code, meaning)
    return dict(sorted(found.items()))


def chapter_of_functions() -> dict[str, str]:
    """Chapter by function: that of the first revision that makes it.

    Raises UserError for a revision that has functions and no chapter.
    """
    chapters = {slug: chapter for chapter, slugs in CHAPTERS.items() for slug in slugs}
    found: dict[str, str] = {}
    for path in sorted(VERSIONS.glob("[0-9]*_*.sql")):
        slug = path.name.partition("_")[2].removesuffix(".sql").removesuffix(".down")
        for name in re.findall(r"^CREATE (?:OR REPLACE )?FUNCTION (api\.\w+)\(", path.read_text("utf-8"), re.MULTILINE):
            if name not in found and slug not in chapters:
                raise UserError(f"{path.name} makes {name}: say in CHAPTERS of api_reference.py where it stands")
            found.setdefault(name, chapters.get(slug, ""))
    return found


def examples_of(story: str) -> list[Example]:
    """The paragraphs that begin with `-- api.name: what it shows`; the others only prepare."""
    found = []
    for paragraph in re.split(r"\n{2,}", story.strip()):
        heading = re.match(r"-- (api\.\w+): (.+)\n", paragraph)
        if heading:
            found.append(Example(heading[1], heading[2], paragraph[heading.end() :].rstrip()))
    return found


# Running ----------------------------------------------------------------------------------------------------------------


def run_stories(settings: Settings) -> None:
    """All examples, one after the other, in a fresh database at head. Raises UserError where one of them fails."""
    for story in STORIES:
        psql(settings, EXAMPLES / f"{story}.sql")


def run_worked_example(settings: Settings, owner: Settings | None = None) -> str:
    """What psql prints for the worked example, statements and results, in a fresh database at head.

    The shop is made as the owner; the example itself runs as whoever `settings` logs in as, where `owner` is given too.
    """
    psql(owner or settings, EXAMPLES / "setup.sql")
    printed = psql(settings, EXAMPLES / f"{WORKED_EXAMPLE}.sql", "--echo-all", role=None if owner else OWNER)
    return "\n".join(line.rstrip() for line in printed.strip().splitlines())


def psql(settings: Settings, file: Path, *arguments: str, role: str | None = OWNER) -> str:
    """What psql prints when it runs the file.

    Raises UserError at the first statement that fails.
    """
    parameters = connection_parameters(settings, role=role, options={"timezone": "UTC"})
    environment = os.environ | {"PGPASSWORD": parameters.pop("password", ""), "PSQLRC": os.devnull}
    command = [
        client_programs.find("psql"),
        *("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--pset=pager=off", "--pset=linestyle=ascii"),
        *arguments,
        f"--dbname={make_dsn(**parameters)}",
        f"--file={file}",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"psql failed: {done.stderr.strip()}")
    return done.stdout


# Writing ----------------------------------------------------------------------------------------------------------------

_HEAD = """\
# The SQL API

Every function of schema `api`, generated by `scripts/dump_api.py` from the database, from the heads of the migrations and
from the examples in [sql_api/](sql_api/), which are programs for psql and are run by the tests.

An application calls these functions and writes to no table. Each is one round trip and does the work of one transaction;
several calls may share a transaction. What holds for all of them:

- Keys that customers' requests make (`uuid`, version 7) are made by the client: the same call again with the same key is the
  same request, and is answered alike; the same key with other content is refused (SH004).
- Functions that write want isolation level READ COMMITTED, the default (SH002).
- Settings, for the transaction (`SET LOCAL`): `shop.customer_id` says for which customer it acts, and rows of others are
  refused (SH003); `shop.actor` says who acts, where changes are audited (SH109).
- An error has a SQLSTATE of class SH, a message for a person, a HINT that names the way out, and where a program needs it a
  DETAIL in JSON. Nothing was changed then. `40P01` and `40001` may be tried again as they are.
- Amounts are integers in the minor unit of their currency.
- Locks are taken in one order: customer, cart, order, payment, coupon, stock by (variant, warehouse, slot). Whoever calls
  several functions in one transaction keeps to it.

One order's whole life, call by call: [worked_example.md](worked_example.md). Complete programs with retries, in Python and
JavaScript: [using_from_your_app.md](using_from_your_app.md).
"""


def markdown(reference: Reference) -> str:
    """The page."""
    chapters = chapter_of_functions()
    parts = [_HEAD, _contents(reference, chapters)]
    for chapter in CHAPTERS:
        functions = [reference.functions[name] for name in chapters if chapters[name] == chapter]
        parts.append(f"## {chapter}\n\n" + "\n".join(_function(each, reference) for each in functions))
    parts += [_views(reference), _types(reference), _codes(reference)]
    return "\n".join(parts)


def _contents(reference: Reference, chapters: dict[str, str]) -> str:
    def links(chapter: str) -> str:
        names = [name for name in reference.functions if chapters[name] == chapter]
        return ", ".join(f"[{name.removeprefix('api.')}](#{name.replace('.', '')})" for name in names)

    rows = [f"- **{chapter}**: {links(chapter)}" for chapter in CHAPTERS]
    return "\n".join([*rows, "- [Views](#views), [types](#types), [errors](#errors)", ""])


def worked_example_md(printed: str) -> str:
    """The page of the worked example, from what psql printed: comments become sentences, statements and results blocks."""
    source = iter((EXAMPLES / f"{WORKED_EXAMPLE}.sql").read_text(encoding="utf-8").splitlines())
    parts, kind, expected = [_WORKED_HEAD], "", next(source, None)
    for line in printed.splitlines():
        while expected is not None and not expected.strip():
            expected = next(source, None)
        if not line.strip():
            continue
        found = "text"
        if line == expected:
            found, expected = "says" if line.startswith("-- ") else "sql", next(source, None)
        if found != kind:
            parts += ["```\n"] if kind in ("sql", "text") else []
            parts += ["\n" if kind else "", f"```{found}\n" if found != "says" else ""]
            kind = found
        parts.append(line.removeprefix("-- ") + "\n")
    return "".join(parts) + "```\n"


_WORKED_HEAD = """\
# From an empty cart to a refunded order

Every call of one order's life in psql, with what it answers: generated by `scripts/dump_api.py`, which runs
[worked_example.sql](sql_api/worked_example.sql) in the shop that [setup.sql](sql_api/setup.sql) makes. A test runs it as a login of
`shop_app`, which may execute functions and write to no table. Keys are written out, where an application makes them with
`uuidv7()`; amounts are cents.

What each function promises: [sql_api.md](sql_api.md). To follow it, in a database without data beside the one that
`python3 scripts/local.py` has made:

```sh
python3 scripts/local.py psql -c "CREATE DATABASE example"
(cd schema && DB_SERVER=embedded DB_NAME=example ../.venv/bin/alembic upgrade head)
python3 scripts/local.py psql -d example -c "SET ROLE shop_owner" -f docs/sql_api/setup.sql -a -f docs/sql_api/worked_example.sql
```

"""


def _function(function: Function, reference: Reference) -> str:
    promise, locks, errors = function.paragraphs
    facts = {"Locks": locks, "Errors": errors, "Executed by": ", ".join(function.executed_by) + "."}
    listed = "".join(f"- {name}: {fact}\n" for name, fact in facts.items() if fact)
    parts = [f"### {function.name}\n", f"```text\n{function.signature}\n```\n", f"{promise}\n", listed]
    for example in reference.examples.get(function.name, ()):
        parts.append(f"{example.says}\n\n```sql\n{example.sql}\n```\n")
    return "\n".join(parts)


def _views(reference: Reference) -> str:
    shown = "".join(
        f"- `{name}` ({_shorter(columns)}): {meaning} Read by {', '.join(readers)}.\n"
        for name, meaning, columns, readers in reference.views
    )
    return f"## Views\n\nWhose rows they show, and to whom, is told in [security.md](security.md).\n\n{shown}"


def _types(reference: Reference) -> str:
    return "## Types\n\n" + "".join(
        f"- `{name}` ({columns}): {meaning}\n" for name, meaning, columns in reference.types
    )


def _codes(reference: Reference) -> str:
    raised: dict[str, list[str]] = {}
    for function in reference.functions.values():
        for code in function.codes:
            raised.setdefault(code, []).append(function.name.removeprefix("api."))
    rows = [f"| {code} | {meaning} | {_names(raised.get(code))} |" for code, meaning in reference.codes.items()]
    return "\n".join(
        [
            "## Errors",
            "",
            "SQLSTATEs of class SH, what they mean, and which functions promise them. Those of SH1xx that no function names"
            " are the schema's own guards: they answer whoever writes to the tables.",
            "",
            "| SQLSTATE | meaning | functions |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _names(functions: Iterable[str] | None) -> str:
    return ", ".join(functions) if functions else "the tables themselves"
