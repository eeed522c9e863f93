"""The bootstrap works with what an RDS master may do, can be repeated, and closes the database to everybody
else.

Roles are shared by all databases of a cluster, so these tests have a cluster of their own and take the roles
away between them.
"""

import os
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import as_environment
from ecommerce_dms import bootstrap
from ecommerce_dms.connection import ConnectionFailed, connect
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.roles import OWNER, ROLES
from ecommerce_dms.settings import load_settings
from psycopg2 import errors

PASSWORD = "only-for-tests"
GROUPS = [role.name for role in ROLES if role.name != OWNER]


def run(settings, *statements, role=None):
    """Run each statement in a transaction of its own, and return the last one's rows."""
    with closing(connect(settings, role=role)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def prepare(settings):
    with closing(connect(settings)) as connection:
        return bootstrap.apply(connection)


def missing(settings):
    with closing(connect(settings)) as connection:
        return bootstrap.missing(connection)


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory):
    embedded = EmbeddedServer(tmp_path_factory.mktemp("cluster"))
    try:
        embedded.start()
        yield load_settings(environ=as_environment(embedded.superuser_parameters()))
    finally:
        embedded.destroy()


@pytest.fixture
def superuser(own_cluster):
    """The superuser of a cluster without any of our roles and without databases but its own."""
    databases = run(
        own_cluster,
        "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')",
    )
    for (name,) in databases:
        run(own_cluster, f'DROP DATABASE "{name}" WITH (FORCE)')
    for (name,) in run(own_cluster, "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> current_user"):
        run(own_cluster, f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')
    return own_cluster


@pytest.fixture
def login(superuser):
    """Makes a login role and returns settings with which it connects to a database."""

    def make(name, database, options=""):
        run(superuser, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}")
        return replace(superuser, user=name, password=PASSWORD, dbname=database)

    return make


@pytest.fixture
def make_master(superuser, login):
    """Makes what RDS calls the master, and a database that belongs to it."""

    def make(name, database):
        settings = login(name, database, "CREATEROLE CREATEDB")
        run(
            superuser,
            f"GRANT pg_monitor TO {name} WITH ADMIN OPTION",
            f"CREATE DATABASE {database} OWNER {name}",
        )
        return settings

    return make


@pytest.fixture
def master(make_master):
    return make_master("master", "store")


def test_a_master_without_superuser_prepares_its_database(master):
    assert "role shop_owner does not exist" in missing(master)
    prepare(master)
    assert missing(master) == []


def test_a_superuser_prepares_a_database_and_is_granted_nothing(superuser):
    prepare(superuser)
    assert missing(superuser) == []
    members = run(superuser, "SELECT member::regrole::text FROM pg_auth_members WHERE roleid::regrole::text ~ '^shop_'")
    assert members == [("shop_migrator",)]


def test_repeating_it_changes_nothing(master):
    prepare(master)
    assert prepare(master) == []


def test_the_roles_are_groups_that_nobody_logs_in_as(master):
    prepare(master)
    assert (
        run(
            master,
            "SELECT rolname FROM pg_roles WHERE rolname ~ '^shop_' AND (rolcanlogin OR rolsuper)",
        )
        == []
    )


def test_a_second_database_of_the_cluster_gets_its_own_part_alone(master):
    prepare(master)
    run(master, "CREATE DATABASE second")
    steps = prepare(replace(master, dbname="second"))
    assert steps
    assert not [step.missing for step in steps if step.cluster]
    assert missing(replace(master, dbname="second")) == []


def test_two_databases_can_be_prepared_at_the_same_time(master):
    databases = ["first", "second", "third"]
    run(master, *(f"CREATE DATABASE {name}" for name in databases))
    together = threading.Barrier(len(databases))
    failures = []

    def prepare_one(name):
        together.wait()
        try:
            prepare(replace(master, dbname=name))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=prepare_one, args=(name,)) for name in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [missing(replace(master, dbname=name)) for name in databases] == [[], [], []]


def test_another_master_is_told_what_to_ask_of_the_first(make_master):
    first, second = make_master("master", "store"), make_master("other_master", "other_store")
    prepare(first)
    with pytest.raises(bootstrap.BootstrapRefused, match='"other_master" may not') as refused:
        prepare(second)
    assert missing(second), "a refusal must leave the database as it was"
    run(first, refused.value.sql)
    prepare(second)
    assert missing(second) == []


@pytest.mark.parametrize("administrator", ["superuser", "master"])
def test_the_sql_for_the_administrator_suffices(administrator, superuser, master, login):
    deployer = login("deployer", "store")
    with pytest.raises(bootstrap.BootstrapRefused) as refused:
        prepare(deployer)
    run(master if administrator == "master" else replace(superuser, dbname="store"), refused.value.sql)
    assert prepare(deployer) == []
    assert run(deployer, "SELECT current_user", role=OWNER) == [(OWNER,)]


def test_somebody_elses_schema_is_not_taken_over(master):
    run(master, "CREATE SCHEMA shop")
    with pytest.raises(bootstrap.BootstrapRefused, match="belongs to master, not to shop_owner"):
        prepare(master)


def test_a_stranger_cannot_connect(master, login):
    stranger = login("stranger", "store")
    assert run(stranger, "SELECT 1") == [(1,)], "before, everybody could"
    prepare(master)
    with pytest.raises(ConnectionFailed, match="CONNECT privilege"):
        run(stranger, "SELECT 1")


@pytest.mark.parametrize("group", GROUPS)
def test_members_can_connect_and_make_nothing(group, superuser, master, login):
    prepare(master)
    member = login("member", "store", f"IN ROLE {group}")
    assert run(member, "SELECT 1") == [(1,)]
    for statement in ("CREATE TEMP TABLE t (x int)", "CREATE TABLE public.t (x int)", "CREATE SCHEMA mine"):
        with pytest.raises(errors.InsufficientPrivilege):
            run(member, statement)


def test_what_the_owner_makes_is_closed_to_public(superuser, master, login):
    prepare(master)
    run(
        master,
        "CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE shop.kind AS ENUM ('a')",
        "CREATE TABLE shop.t (x int)",
        "GRANT USAGE ON SCHEMA shop TO shop_app",
        role=OWNER,
    )
    member = login("member", "store", "IN ROLE shop_app")
    privileges = run(
        member,
        """SELECT has_function_privilege('shop.f()', 'EXECUTE'), has_type_privilege('shop.kind', 'USAGE'),
                  has_table_privilege('shop.t', 'SELECT, INSERT, UPDATE, DELETE')""",
    )
    assert privileges == [(False, False, False)]


def test_a_migrator_may_become_the_owner_and_has_no_rights_before(master, login):
    prepare(master)
    run(master, "CREATE TABLE shop.t (x int)", role=OWNER)
    migrator = login("migrator", "store", "IN ROLE shop_migrator")
    with pytest.raises(errors.InsufficientPrivilege):
        run(migrator, "SELECT * FROM shop.t")
    assert run(migrator, "SELECT * FROM shop.t", role=OWNER) == []


def program(settings, *arguments):
    """scripts/bootstrap.py as users run it."""
    url = f"postgresql://{settings.user}:{settings.password}@{settings.host}:{settings.port}/{settings.dbname}"
    script = Path(__file__).parents[1] / "bootstrap.py"
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "DB_SSLMODE": "disable"}
    return subprocess.run(
        [sys.executable, script, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_the_program_checks_prints_prepares(master):
    assert program(master, "--check").returncode == 1
    printed = program(master, "--print-sql")
    assert printed.stdout.startswith("-- In database") and printed.stdout.endswith("COMMIT;\n")
    assert program(master, "--check").returncode == 1, "printing changes nothing"
    assert program(master).returncode == 0
    assert program(master, "--check").returncode == 0
    assert program(master, "--print-sql").stdout == '-- Database "store" is prepared already.\n'


def test_the_printed_sql_can_be_run_as_it_is(master):
    run(master, program(master, "--print-sql").stdout)
    assert missing(master) == []


def test_the_program_gives_a_user_without_rights_the_sql_and_one_line(master, login):
    done = program(login("deployer", "store"))
    assert done.returncode == 1
    assert 'GRANT shop_migrator TO "deployer";' in done.stdout
    assert done.stderr.splitlines()[-1].startswith('error: user "deployer" may not prepare database')
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
