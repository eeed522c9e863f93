"""Scratch databases disappear, whatever happens in them; what killed runs left is swept, and nothing else."""

from contextlib import closing

import pytest
from ecommerce_dms import bootstrap
from ecommerce_dms.connection import connect
from ecommerce_dms.scratch import scratch_database

PREFIX = "shop_scratch_test"


@pytest.fixture
def cluster(master):
    with closing(connect(master)) as connection:
        connection.autocommit = True
        yield connection


def databases(cluster):
    with cluster.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{PREFIX}%",))
        return {name for (name,) in cursor.fetchall()}


def test_it_is_dropped_at_the_end_even_when_a_session_is_left_open(master, cluster):
    with scratch_database(master, PREFIX) as settings:
        left_open = connect(settings)
        assert databases(cluster) == {settings.dbname}
    assert databases(cluster) == set()
    left_open.close()


def test_it_is_dropped_when_the_block_fails(master, cluster):
    with pytest.raises(ZeroDivisionError), scratch_database(master, PREFIX):
        raise ZeroDivisionError
    assert databases(cluster) == set()


def test_a_copy_has_the_templates_content_and_is_as_closed_as_it(master):
    with scratch_database(master, PREFIX) as template:
        with closing(connect(template)) as connection:
            bootstrap.apply(connection)
            connection.cursor().execute("SET LOCAL ROLE shop_owner; CREATE TABLE shop.t AS SELECT 42 AS x")
            connection.commit()
        with (
            scratch_database(master, PREFIX, template=template) as copy,
            closing(connect(copy, role="shop_owner")) as connection,
        ):
            assert bootstrap.missing(connection) == []
            with connection.cursor() as cursor:
                cursor.execute("SELECT x FROM shop.t")
                assert cursor.fetchall() == [(42,)]


def test_what_killed_runs_left_is_swept_after_a_day_and_nothing_else(master, cluster):
    old, used, fresh, foreign = (
        f"{PREFIX}_20200101000000_00000001",
        f"{PREFIX}_20200101000000_00000002",
        f"{PREFIX}_29990101000000_00000003",
        f"{PREFIX}_20200101000000_mine",
    )
    try:
        for name in (old, used, fresh, foreign):
            cluster.cursor().execute(f"CREATE DATABASE {name}")
        with closing(connect(master, dbname=used)), scratch_database(master, PREFIX) as settings:
            assert databases(cluster) == {used, fresh, foreign, settings.dbname}
    finally:
        for name in (old, used, fresh, foreign):
            cluster.cursor().execute(f"DROP DATABASE IF EXISTS {name}")


def test_a_prefix_that_could_mean_other_databases_is_refused(master):
    with pytest.raises(ValueError, match="no prefix"), scratch_database(master, 'x"; DROP'):
        pass
