"""schema.sql: noise is taken out, the schema is not; and the program notices when the file is stale."""

import subprocess
from contextlib import closing

import pytest
from ecommerce_dms import bootstrap, schema_dump
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UserError
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database

# The body of a function may look like what is taken out.
FUNCTION = """CREATE FUNCTION shop.f() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
-- a comment of ours

SET LOCAL work_mem = '4MB';


    RETURN 1;
END $$;"""


@pytest.fixture(scope="module")
def database(master):
    with scratch_database(master) as settings:
        with closing(connect(settings)) as connection:
            bootstrap.apply(connection)
        with closing(connect(settings, role=OWNER)) as connection:
            connection.cursor().execute(
                "CREATE TABLE shop.alembic_version (x text); CREATE TABLE shop.t (x int PRIMARY KEY);"
                f"GRANT SELECT ON shop.t TO shop_app; COMMENT ON TABLE shop.t IS 'A table.'; {FUNCTION}"
            )
            connection.commit()
        yield settings


def test_it_holds_definitions_comments_and_privileges(database):
    dumped = schema_dump.dump(database)
    for part in (
        "CREATE TABLE shop.t (\n    x integer NOT NULL\n);",
        "COMMENT ON TABLE shop.t IS 'A table.';",
        "GRANT SELECT ON TABLE shop.t TO shop_app;",
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC;",
        "ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;",
        FUNCTION,
    ):
        assert part in dumped


def test_the_roles_of_a_policy_are_in_order():
    dumped = (
        "CREATE POLICY own ON shop.t FOR SELECT TO shop_b, shop_a USING (true);\n"
        "CREATE POLICY some ON shop.t AS RESTRICTIVE TO z, m, a WITH CHECK ((x TO y, b));\n"
        "CREATE POLICY one ON shop.t TO shop_a;\n"
    )
    assert schema_dump.normalise(dumped) == (
        "CREATE POLICY own ON shop.t FOR SELECT TO shop_a, shop_b USING (true);\n"
        "CREATE POLICY some ON shop.t AS RESTRICTIVE TO a, m, z WITH CHECK ((x TO y, b));\n"
        "CREATE POLICY one ON shop.t TO shop_a;\n"
    )


def test_it_is_the_same_each_time_and_holds_no_noise(database):
    dumped = schema_dump.dump(database)
    assert dumped == schema_dump.dump(database)
    dumped = dumped.replace(FUNCTION, "")
    for noise in (
        "restrict ",
        "Dumped",
        "-- Name:",
        "OWNER TO",
        "\nSET ",
        "alembic_version",
        database.dbname,
    ):
        assert noise not in dumped


def test_a_failing_pg_dump_is_one_sentence_without_the_password(database, monkeypatch):
    monkeypatch.setattr(schema_dump, "OWNER", "nobody_at_all")
    with pytest.raises(UserError, match=r"pg_dump failed: .*nobody_at_all") as error:
        schema_dump.dump(database)
    assert database.password not in str(error.value)


def test_the_password_is_not_among_the_arguments(database, monkeypatch):
    seen = []
    run = subprocess.run

    def spy(command, **options):
        seen.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", spy)
    schema_dump.dump(database)
    assert seen
    assert not any(database.password in str(argument) for command in seen for argument in command)
