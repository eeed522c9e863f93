"""env.py and what stands beside it: what is kept when a revision fails, who waits for whom, what is refused.

The revisions are toys; the server is real.
"""

import logging
import re
import threading
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from alembic.util import CommandError
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from psycopg2 import errors
from sqlalchemy.exc import DBAPIError, ProgrammingError
from toy_revisions import ToyRevisions

NASTY_SQL = """
-- :name, %, %s, %(name)s and 100% are text here; so is ?.
CREATE FUNCTION shop.nasty(n int) RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    half int := n / 2;
    rest int;
BEGIN
    rest := n % 2;
    RAISE NOTICE 'half % of %, 100%%', half, n;
    RETURN format('%s:%s', half, rest) || ' ' || ('{"a": 1}'::jsonb ->> 'a') || $$ :b $$;
END
$body$;
CREATE TABLE shop.after_the_function (x int DEFAULT '1'::int, CHECK (x % 2 = 1 OR x = ANY ('{2,4}'::int[])));
"""


@pytest.fixture
def revisions(tmp_path):
    folder = tmp_path / "versions"
    folder.mkdir()
    return ToyRevisions(folder)


@pytest.fixture
def database(master):
    with scratch_database(master) as settings:
        yield settings


@pytest.fixture
def upgrade(database, revisions):
    """migrations.upgrade on the scratch database and the toy revisions, without long pauses."""

    def run(revision="head", **options):
        migrations.upgrade(database, revision, versions=revisions.folder, **({"lock_pause_seconds": 0.01} | options))

    return run


def query(settings, sql, role=OWNER):
    with closing(connect(settings, role=role)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def tables(settings):
    rows = query(settings, "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'")
    return {name for (name,) in rows} - {"alembic_version"}


@contextmanager
def locked(settings, table):
    """Another session that keeps a table locked; yields what makes it let go."""
    with closing(connect(settings, role=OWNER)) as other:
        other.cursor().execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        yield other.rollback


@contextmanager
def on_log(logger, text, action):
    """Calls `action` when `logger` says `text`; yields all it said."""
    said = []

    class Watcher(logging.Handler):
        def emit(self, record):
            said.append(record.getMessage())
            if text in said[-1]:
                action()

    watcher, watched = Watcher(), logging.getLogger(logger)
    level = watched.level
    watched.addHandler(watcher)
    watched.setLevel(logging.INFO)
    try:
        yield said
    finally:
        watched.removeHandler(watcher)
        watched.setLevel(level)


# What is kept


def test_when_the_third_revision_fails_the_first_two_are_kept(upgrade, revisions, database):
    revisions.add_table("one")
    revisions.add_table("two")
    revisions.add('op.execute("CREATE TABLE shop.three (x int)")', 'op.execute("SELECT 1 / 0")')
    with pytest.raises(DBAPIError, match="division by zero"):
        upgrade()
    assert tables(database) == {"one", "two"}
    assert migrations.current(database) == "0002"


def test_everything_belongs_to_the_owner_and_the_version_table_lies_in_shop(upgrade, revisions, database):
    revisions.add_table("one")
    upgrade()
    owners = query(
        database,
        "SELECT DISTINCT schemaname, tableowner FROM pg_tables WHERE tablename IN ('one', 'alembic_version')",
    )
    assert owners == [("shop", OWNER)]


def test_revisions_run_with_timeouts_and_must_name_schemas(upgrade, revisions, database):
    settings = (
        "lock_timeout",
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "search_path",
        "role",
    )
    values = ", ".join(f"current_setting('{name}') AS {name}" for name in settings)
    revisions.add(f'op.execute("CREATE TABLE shop.seen AS SELECT {values}")')
    upgrade(lock_timeout="3s", statement_timeout="2min")
    assert query(database, "SELECT * FROM shop.seen") == [("3s", "2min", "5min", "pg_catalog", OWNER)]


@pytest.mark.parametrize("environment", ["test", ""])
def test_revisions_are_told_what_the_database_is_for(environment, upgrade, revisions, database):
    revisions.add("op.execute(\"CREATE TABLE shop.told AS SELECT current_setting('shop.environment') AS x\")")
    upgrade(environment=environment)
    assert query(database, "SELECT x FROM shop.told") == [(environment,)]


def test_an_unknown_environment_is_refused(upgrade, revisions):
    revisions.add_table("one")
    with pytest.raises(CommandError, match="environment is 'prod'"):
        upgrade(environment="prod")


def test_upgrade_and_downgrade_can_be_repeated(upgrade, revisions, database):
    revisions.add_table("one")
    for _ in range(2):
        upgrade()
        assert tables(database) == {"one"}
        migrations.downgrade(database, "base", versions=revisions.folder)
        assert tables(database) == set()


# Two runners


def test_a_second_runner_waits_while_an_index_is_built_concurrently_and_then_finds_nothing_to_do(
    upgrade, revisions, database
):
    revisions.add(
        'op.execute("CREATE TABLE shop.one (x int)")',
        'op.get_context().config.attributes["start_second_runner"]()',
        "with outside_transaction():",
        '    op.execute("CREATE INDEX CONCURRENTLY one_x ON shop.one (x)")',
    )
    second = []

    def start_second_runner():
        second.append(revisions.alembic(database, "upgrade", "head"))
        # The index is not begun until the second runner has said that it waits.
        assert any("waiting for it" in line for line in second[0].stderr)

    # With a second runner blocked inside pg_advisory_lock() the index would wait for that one until this
    # limit.
    upgrade(start_second_runner=start_second_runner, statement_timeout="20s")
    assert query(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.one_x'::regclass") == [(True,)]
    _, said = second[0].communicate()
    assert (second[0].returncode, said.splitlines()[-1]) == (0, "Nothing to do.")


def test_a_second_runner_gives_up_in_the_end_and_names_the_first(upgrade, revisions, database):
    revisions.add_table("one")
    upgrade()
    with closing(connect(database, application_name="first runner")) as first:
        first.cursor().execute("SELECT pg_advisory_lock(%s)", (int.from_bytes(b"shop:mig", "big"),))
        with pytest.raises(CommandError, match=r"another migration .*first runner.* still running"):
            upgrade(runner_wait_seconds=0)
    upgrade(runner_wait_seconds=0)


# Locks


def test_a_revision_that_gets_no_lock_in_time_is_repeated_until_it_does(upgrade, revisions, database):
    revisions.add_table("busy")
    revisions.add(
        'op.execute("CREATE TABLE shop.before (x int)")',
        'op.execute("ALTER TABLE shop.busy ADD COLUMN y int")',
    )
    upgrade("0001")
    with (
        locked(database, "shop.busy") as let_go,
        on_log("alembic.shop.steps", "attempt 3 of 5", let_go) as said,
    ):
        upgrade(lock_timeout="20ms", lock_attempts=5)
    assert [line for line in said if "attempt" in line][-1].startswith("canceling statement due to lock timeout")
    assert migrations.current(database) == "0002"
    assert tables(database) == {"busy", "before"}


def test_a_revision_gives_way_within_a_second_and_before_the_server_looks_for_a_deadlock(upgrade, revisions, database):
    milliseconds = "SELECT name, setting::int AS ms FROM pg_settings WHERE name IN ('lock_timeout', 'deadlock_timeout')"
    revisions.add(f'op.execute("CREATE TABLE shop.seen AS {milliseconds}")')
    upgrade()
    seen = dict(query(database, "SELECT name, ms FROM shop.seen"))
    assert 0 < seen["lock_timeout"] < min(1000, seen["deadlock_timeout"])


def test_repeating_does_not_go_beyond_a_relative_target(upgrade, revisions, database):
    revisions.add_table("busy")
    revisions.add_table("two")
    revisions.add('op.execute("ALTER TABLE shop.busy ADD COLUMN y int")')
    revisions.add_table("four")
    upgrade("0001")
    with locked(database, "shop.busy") as let_go, on_log("alembic.shop.steps", "attempt 2", let_go):
        upgrade("+2", lock_timeout="20ms")
    assert migrations.current(database) == "0003"


def test_a_revision_that_never_gets_its_lock_is_given_up_and_the_ones_before_it_are_kept(upgrade, revisions, database):
    revisions.add_table("busy")
    revisions.add_table("two")
    revisions.add('op.execute("ALTER TABLE shop.busy ADD COLUMN y int")')
    upgrade("0001")
    with locked(database, "shop.busy"), pytest.raises(CommandError, match="lock timeout in 2 attempts"):
        upgrade(lock_timeout="20ms", lock_attempts=2)
    assert migrations.current(database) == "0002"


def test_a_revision_that_has_committed_a_part_is_not_repeated(upgrade, revisions, database):
    revisions.add_table("busy")
    revisions.add(
        "with op.get_context().autocommit_block():",
        '    op.execute("CREATE TABLE shop.part (x int)")',
        'op.execute("ALTER TABLE shop.busy ADD COLUMN y int")',
    )
    upgrade("0001")
    with locked(database, "shop.busy"), pytest.raises(CommandError, match="already committed a part"):
        upgrade(lock_timeout="20ms")


def test_an_index_built_concurrently_waits_longer_than_the_lock_timeout(upgrade, revisions, database):
    revisions.add_table("busy")
    revisions.add(
        "with outside_transaction():",
        '    op.execute("CREATE INDEX CONCURRENTLY busy_x ON shop.busy (x)")',
        "op.execute(\"CREATE TABLE shop.after AS SELECT current_setting('lock_timeout') AS x\")",
    )
    upgrade("0001")
    waits = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'
          AND clock_timestamp() - query_start > interval '20 ms'
    """
    with closing(connect(database, role=OWNER)) as writer:
        writer.cursor().execute("INSERT INTO shop.busy VALUES (1)")

        def commit_once_the_index_has_waited():
            while not query(database, waits, role=None):
                pass
            writer.commit()

        patience = threading.Thread(target=commit_once_the_index_has_waited, daemon=True)
        patience.start()
        upgrade(lock_timeout="10ms", statement_timeout="20s")
        patience.join()
    assert query(database, "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid") == []
    assert query(database, "SELECT x FROM shop.after") == [("10ms",)]


# Batches

FILL = """
    UPDATE shop.big SET y = 1
    WHERE x IN (SELECT x FROM shop.big WHERE y IS NULL ORDER BY x LIMIT 4 FOR NO KEY UPDATE)
"""


@pytest.fixture
def big(revisions):
    """A table of ten rows, and the revision after it, which fills a column four rows at a time."""
    revisions.add(
        'op.execute("CREATE TABLE shop.big (x int PRIMARY KEY, y int)")',
        'op.execute("INSERT INTO shop.big SELECT generate_series(1, 10)")',
    )
    revisions.add(
        "from migrations.online import in_batches",
        f"in_batches({FILL!r})",
        "op.execute(\"CREATE TABLE shop.after AS SELECT current_setting('lock_timeout') AS x\")",
    )


def batches(database):
    """How many rows each transaction has filled."""
    return [
        rows
        for (rows,) in query(
            database, "SELECT count(*) FROM shop.big WHERE y IS NOT NULL GROUP BY xmin ORDER BY min(x)"
        )
    ]


def test_batches_are_committed_one_by_one_until_nothing_is_left(upgrade, big, database):
    upgrade(lock_timeout="1s")
    assert batches(database) == [4, 4, 2]
    assert query(database, "SELECT x FROM shop.after") == [("1s",)]


def test_batches_that_fail_half_way_go_on_where_they_stopped(upgrade, big, database):
    upgrade("0001")
    query(database, "ALTER TABLE shop.big ADD CONSTRAINT in_the_way CHECK (x <> 7 OR y IS NULL)")
    with pytest.raises(DBAPIError, match="in_the_way"):
        upgrade()
    assert (batches(database), migrations.current(database)) == ([4], "0001")
    query(database, "ALTER TABLE shop.big DROP CONSTRAINT in_the_way")
    upgrade()
    assert (batches(database), migrations.current(database)) == ([4, 4, 2], "0002")


def test_batches_wait_for_a_row_longer_than_the_lock_timeout(upgrade, big, database):
    upgrade("0001")
    waits = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%UPDATE shop.big%' AND wait_event_type = 'Lock'
          AND pid <> pg_backend_pid() AND clock_timestamp() - query_start > interval '20 ms'
    """
    with closing(connect(database, role=OWNER)) as buyer:
        buyer.cursor().execute("SELECT FROM shop.big WHERE x = 6 FOR UPDATE")

        def let_go_once_the_batch_has_waited():
            while not query(database, waits, role=None):
                pass
            buyer.rollback()

        patience = threading.Thread(target=let_go_once_the_batch_has_waited, daemon=True)
        patience.start()
        upgrade(lock_timeout="10ms", statement_timeout="20s")
        patience.join()
    assert batches(database) == [4, 4, 2]


def test_batches_printed_for_an_administrator_do_the_same(upgrade, revisions, big, database):
    upgrade("0001")
    printed = revisions.run_alembic(None, "upgrade", "0001:0002", "--sql")
    assert printed.returncode == 0, printed.stderr
    before, block, after = re.split(r"(^DO \$in_batches\$.*?^\$in_batches\$;$)", printed.stdout, flags=re.M | re.S)
    # Each batch commits, which the server allows outside a transaction alone.
    assert (before.count("BEGIN;"), before.count("COMMIT;"), after.count("BEGIN;")) == (1, 1, 1)
    query(database, block)
    assert batches(database) == [4, 4, 2]


# What must not be left behind


def test_a_constraint_that_was_not_validated_is_an_error(upgrade, revisions):
    revisions.add_table("one")
    revisions.add('op.execute("ALTER TABLE shop.one ADD CONSTRAINT positive CHECK (x > 0) NOT VALID")')
    with pytest.raises(CommandError, match=r"constraint positive of shop\.one was never validated"):
        upgrade()
    revisions.add('op.execute("ALTER TABLE shop.one VALIDATE CONSTRAINT positive")')
    upgrade()


def test_an_invalid_index_is_an_error_even_when_there_is_nothing_to_do(upgrade, revisions, database):
    revisions.add('op.execute("CREATE TABLE shop.one AS SELECT 1 AS x FROM generate_series(1, 2)")')
    upgrade()
    with pytest.raises(errors.UniqueViolation):
        query(database, "CREATE UNIQUE INDEX CONCURRENTLY one_x ON shop.one (x)")
    with pytest.raises(CommandError, match=r"index shop\.one_x is invalid"):
        upgrade()


# Production


@pytest.fixture
def production(upgrade, revisions, database):
    revisions.add(
        "op.execute(\"CREATE TABLE shop.deployment AS SELECT 'production' AS environment\")",
        downgrade='op.execute("DROP TABLE shop.deployment")',
    )
    revisions.add_table("orders")
    upgrade()
    return database


def test_production_is_not_downgraded(production, revisions):
    with pytest.raises(CommandError, match="is production"):
        migrations.downgrade(production, "base", versions=revisions.folder)
    assert "orders" in tables(production)


def test_production_is_downgraded_only_when_the_operator_names_it(production, revisions):
    wrong = revisions.run_alembic(production, "-x", "allow-production-downgrade=other", "downgrade", "-1")
    assert wrong.returncode != 0
    assert "orders" in tables(production)
    right = revisions.run_alembic(
        production, "-x", f"allow-production-downgrade={production.dbname}", "downgrade", "-1"
    )
    assert right.returncode == 0, right.stderr
    assert "orders" not in tables(production)


def test_production_is_upgraded(production, revisions, upgrade):
    revisions.add_table("more")
    upgrade()
    assert "more" in tables(production)


def test_other_environments_are_downgraded(production, revisions):
    query(production, "UPDATE shop.deployment SET environment = 'staging'")
    migrations.downgrade(production, "base", versions=revisions.folder)
    assert tables(production) == set()


# SQL beside a revision


def test_sql_beside_a_revision_reaches_the_server_as_written(upgrade, revisions, database):
    revisions.add(sql=NASTY_SQL)
    upgrade()
    assert query(database, "SELECT shop.nasty(5)") == [("2:1 1 :b ",)]
    assert tables(database) == {"after_the_function"}


def test_what_follows_a_sql_file_is_written_as_ever(upgrade, revisions, database):
    revisions.add(
        "import sqlalchemy",
        "op.create_table('t', sqlalchemy.Column('x', sqlalchemy.Integer, comment='10 %'), schema='shop')",
        sql="SELECT 1;",
    )
    upgrade()
    assert query(database, "SELECT col_description('shop.t'::regclass, 1)") == [("10 %",)]


def test_an_error_in_the_sql_file_names_file_and_line(upgrade, revisions):
    revisions.add(sql="SELECT 1;\nSELECT 2;\nSELECT nonsense;\n")
    with pytest.raises(ProgrammingError) as error:
        upgrade()
    assert error.value.__notes__ == [f"in {revisions.folder / '0001_toy.sql'}, line 3"]


def test_offline_mode_prints_the_sql_as_written_and_needs_no_server(revisions):
    revisions.add(sql=NASTY_SQL)
    revisions.add_table("two")
    printed = revisions.run_alembic(None, "upgrade", "head", "--sql")
    assert printed.returncode == 0, printed.stderr
    assert NASTY_SQL.strip() in printed.stdout
    assert printed.stdout.count("BEGIN;") == 2, "one transaction for each revision"


# The command line


def test_new_revisions_number_themselves_without_a_server(revisions):
    for message, expected in (
        ("reference data", "0001_reference_data.py"),
        ("catalogue", "0002_catalogue.py"),
    ):
        written = revisions.run_alembic(None, "revision", "-m", message)
        assert written.returncode == 0, written.stdout + written.stderr
        assert (revisions.folder / expected).exists()
    assert 'down_revision = "0001"' in (revisions.folder / "0002_catalogue.py").read_text()


def test_the_first_line_says_which_server(revisions, database):
    revisions.add_table("one")
    upgraded = revisions.run_alembic(database, "upgrade", "head")
    assert upgraded.returncode == 0, upgraded.stderr
    first, *_, last = upgraded.stderr.splitlines()
    assert first.startswith("Server: ") and database.dbname in first
    assert last == "Done."


def test_looking_prepares_nothing(revisions, database):
    looked = revisions.run_alembic(database, "current")
    assert looked.returncode == 1
    assert "run scripts/bootstrap.py" in looked.stderr
    assert query(database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'shop'", role=None) == [(0,)]


def test_a_user_without_rights_gets_one_line_and_the_sql_for_the_administrator(revisions, database, superuser):
    query(superuser, "DROP ROLE IF EXISTS toy_deployer", role=None)
    query(superuser, "CREATE ROLE toy_deployer LOGIN PASSWORD 'only-for-tests'", role=None)
    try:
        refused = revisions.run_alembic(
            replace(database, user="toy_deployer", password="only-for-tests"), "upgrade", "head"
        )
    finally:
        query(superuser, "DROP ROLE toy_deployer", role=None)
    assert refused.returncode == 1
    assert "error: user" in refused.stderr
    assert 'GRANT shop_migrator TO "toy_deployer";' in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


def test_a_wrong_setting_is_one_line_without_the_password(revisions, database):
    refused = revisions.run_alembic(replace(database, password="wrong-password"), "upgrade", "head")
    assert refused.returncode == 1
    assert "error: cannot connect" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "wrong-password" not in refused.stdout + refused.stderr
