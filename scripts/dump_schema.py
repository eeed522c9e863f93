"""Writes schema/schema.sql: the whole schema as the migrations make it, for readers and reviewers.

It upgrades a scratch database on the configured server (default: the embedded one), dumps it, drops it, and
ends the file with its fingerprint, by which test_db.py compares a live server.
"""

from contextlib import closing
from pathlib import Path

from ecommerce_dms import console, fingerprint, generated_file, migrations, schema_dump
from ecommerce_dms.connection import connect
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings

SCHEMA_SQL = Path(__file__).parents[1] / "schema" / "schema.sql"

EXAMPLES = """\
examples:
  python3 scripts/dump_schema.py            write schema/schema.sql, after each change of the migrations
  python3 scripts/dump_schema.py --check    exit with 1 and show the difference if it is not up to date
"""

HEADER = """\
-- The whole schema at revision {revision}, to be read; scripts/dump_schema.py writes it from the migrations.
-- `cd schema && alembic upgrade head` makes the schema, scripts/bootstrap.py the roles named here.

"""


def main(argv: list[str] | None = None) -> int:
    """Write or check the file. Returns the exit code."""
    arguments = generated_file.parser(__doc__, EXAMPLES).parse_args(argv)
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    with console.step("Upgrading a scratch database and dumping it"):
        wanted = schema_sql(settings)
    return generated_file.put(
        SCHEMA_SQL, wanted, check=arguments.check, source="the migrations", program=Path(__file__).name
    )


def schema_sql(settings: Settings) -> str:
    """The content that the file should have."""
    with scratch_database(settings) as scratch:
        migrations.upgrade(scratch, environment="test")
        with closing(connect(scratch)) as connection:
            digest = fingerprint.read(connection).digest
        text = schema_dump.dump(scratch)
    return f"{HEADER.format(revision=migrations.head())}{text}\n-- fingerprint: {digest}\n"


if __name__ == "__main__":
    raise SystemExit(console.run(main))
