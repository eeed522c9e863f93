"""Runs the guard proof of schema/guards/ in a scratch database that holds the small shop.

Each attack is run as the owner of the tables, who may write anything but alter nothing, and must be refused by the guard
that is named; with its guards removed it must go through, and an invariant must tell. Removing a guard costs nothing:
DDL is transactional, and every test ends in a rollback. Races, which need two connections, stand in races.py.

The tests are imported by scripts/test_db.py, which is where pytest finds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from ecommerce_dms.connection import connect
from ecommerce_dms.guards import Attack, Guard, Upkeep, read_guard_proof
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

PROOF = read_guard_proof()
APPLICATION = "shop_app"
PRIVILEGE_MISSING = "42501"

# Who writes, where a trigger asks. Every test begins with it.
ACTOR = "SET LOCAL shop.actor = 'attacker'"
# A statement that stands for COMMIT: what is deferred is checked now.
COMMIT = "SET CONSTRAINTS ALL IMMEDIATE"

# Alembic's own table: it holds one row that the next migration puts right.
NOT_OURS = ("alembic_version",)

by_name = pytest.mark.parametrize("attack", PROOF.attacks, ids=lambda attack: attack.name)


@pytest.fixture(scope="module")
def guarded_shop(copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
    """A small shop for the tests below. None of them commits."""
    with copy_of(small_shop) as settings:
        yield settings


@pytest.fixture(scope="module")
def owner(guarded_shop: Settings) -> Iterator[Any]:
    """The owner's connection to it, for all tests."""
    # Without its guard a category can stand below itself, and what walks the tree then never ends.
    with closing(connect(guarded_shop, role=OWNER, options={"statement_timeout": "10s"})) as connection:
        yield connection


@pytest.fixture
def attacker(owner: Any) -> Iterator[Any]:
    """A cursor of the owner in a transaction that is rolled back."""
    with owner.cursor() as cursor:
        cursor.execute(ACTOR)
        yield cursor
    owner.rollback()


@pytest.fixture
def application(guarded_shop: Settings) -> Iterator[Any]:
    """A cursor of somebody who may become the owner and the application, in a transaction that is rolled back."""
    with closing(connect(guarded_shop)) as connection, connection.cursor() as cursor:
        # The user of the tests has ADMIN on the role, which it made, but need not be a member. Rolled back as well.
        cursor.execute("SELECT pg_has_role(session_user, %s, 'SET')", (APPLICATION,))
        if cursor.fetchone() == (False,):
            cursor.execute(f"GRANT {APPLICATION} TO CURRENT_USER")
        yield cursor
        connection.rollback()


def refusal(cursor: Any, sql: str) -> psycopg2.Error | None:
    """Run the SQL as if it were committed; what refused it, or None when it was accepted."""
    try:
        cursor.execute(sql)
        rows = cursor.rowcount
        cursor.execute(COMMIT)
    except psycopg2.Error as error:
        return error
    assert rows != 0, "it was accepted because it found no row to change: the attack is aimed wrongly"
    return None


def prepare(cursor: Any, block: Attack | Upkeep) -> None:
    """Run what the block starts from, which is legal."""
    preparation = PROOF.preparation(block)
    if preparation:
        cursor.execute(preparation)


def remove(cursor: Any, guards: tuple[Guard, ...]) -> None:
    """Take guards away, until the rollback."""
    for guard in guards:
        cursor.execute(guard.removal())


def violations(cursor: Any) -> dict[str, int]:
    """Every invariant by name, with how many rows break it."""
    cursor.execute("SELECT invariant, violations FROM api.verify_integrity()")
    return dict(cursor.fetchall())


def named_by(error: psycopg2.Error) -> tuple[str, str]:
    """SQLSTATE and what the error names: a constraint or trigger, or the column that is NULL."""
    return error.pgcode, error.diag.constraint_name or error.diag.column_name or ""


# The ground ------------------------------------------------------------------------------------------------------------


@pytest.mark.scratch
def test_legal_work_is_accepted_and_consistent(attacker: Any) -> None:
    """The small shop was written with every guard on; here is what the invariants say of it."""
    attacker.execute("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0 OR examined = 0")
    assert attacker.fetchall() == []


# Attacks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.scratch
@by_name
def test_attack_is_refused(attack: Attack, attacker: Any) -> None:
    """By the guard that is named, though it comes from the owner."""
    prepare(attacker, attack)
    error = refusal(attacker, attack.sql)
    assert error is not None, f"{attack.where}: accepted"
    assert named_by(error) == (attack.sqlstate, attack.refused_by), f"{attack.where}: {error}"


@pytest.mark.scratch
@by_name
def test_attack_goes_through_without_its_guards(attack: Attack, attacker: Any) -> None:
    """So it is these guards that refuse it; and what they no longer prevent, an invariant sees."""
    remove(attacker, attack.guards)
    prepare(attacker, attack)
    error = refusal(attacker, attack.sql)
    assert error is None, f"{attack.where}: refused though its guards are removed: {error}"
    if attack.invariant:
        assert violations(attacker)[attack.invariant] > 0, f"{attack.where}: {attack.invariant} does not see it"


@pytest.mark.scratch
@pytest.mark.parametrize(
    ("attack", "guard"),
    [(attack, guard) for attack in PROOF.attacks if len(attack.guards) > 1 for guard in attack.guards],
    ids=lambda value: value.name,
)
def test_each_guard_refuses_alone(attack: Attack, guard: Guard, attacker: Any) -> None:
    """Where several guards cover one rule, each is one: with all others removed the attack is refused still."""
    remove(attacker, tuple(other for other in attack.guards if other != guard))
    prepare(attacker, attack)
    assert refusal(attacker, attack.sql) is not None, f"{attack.where}: {guard} alone lets it through"


@pytest.mark.scratch
@pytest.mark.parametrize(
    ("attack", "guard"),
    [(attack, guard) for attack in PROOF.attacks for guard in attack.depends],
    ids=lambda value: value.name,
)
def test_attack_goes_through_without_what_its_guards_stand_on(attack: Attack, guard: Guard, attacker: Any) -> None:
    """A CHECK on a counter is worth what the trigger is worth that counts."""
    remove(attacker, (guard,))
    prepare(attacker, attack)
    error = refusal(attacker, attack.sql)
    assert error is None, f"{attack.where}: refused though {guard} is removed: {error}"


@pytest.mark.scratch
@by_name
def test_application_may_not_even_try(attack: Attack, application: Any) -> None:
    """The application writes through functions of schema api; it has no right to write to a table."""
    application.execute(f"SET LOCAL ROLE {OWNER}")
    application.execute(ACTOR)
    prepare(application, attack)
    application.execute(f"SET LOCAL ROLE {APPLICATION}")
    error = refusal(application, attack.sql)
    assert error is not None, f"{attack.where}: accepted"
    assert error.pgcode == PRIVILEGE_MISSING, f"{attack.where}: {error}"


# Upkeep: triggers that carry a legal write on ---------------------------------------------------------------------------


def kept(cursor: Any, upkeep: Upkeep) -> bool:
    """Whether what the triggers of the block keep is as it should be."""
    if upkeep.invariant:
        return violations(cursor)[upkeep.invariant] == 0
    cursor.execute(f"SELECT {upkeep.holds}")
    return cursor.fetchone() == (True,)


@pytest.mark.scratch
@pytest.mark.parametrize("upkeep", PROOF.upkeeps, ids=lambda upkeep: upkeep.name)
def test_trigger_carries_on(upkeep: Upkeep, attacker: Any) -> None:
    prepare(attacker, upkeep)
    error = refusal(attacker, upkeep.sql)
    assert error is None, f"{upkeep.where}: refused: {error}"
    assert kept(attacker, upkeep), f"{upkeep.where}: {upkeep.rule}"


@pytest.mark.scratch
@pytest.mark.parametrize("upkeep", PROOF.upkeeps, ids=lambda upkeep: upkeep.name)
def test_nothing_carries_on_without_the_trigger(upkeep: Upkeep, attacker: Any) -> None:
    """The write fails, or what the trigger kept is wrong: nothing else does its work."""
    remove(attacker, upkeep.guards)
    prepare(attacker, upkeep)
    assert refusal(attacker, upkeep.sql) is not None or not kept(attacker, upkeep), (
        f"{upkeep.where}: nothing is missing"
    )


# TRUNCATE --------------------------------------------------------------------------------------------------------------


def tables(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'"
        " AND relname <> ALL (%s) ORDER BY 1",
        (list(NOT_OURS),),
    )
    return [name for (name,) in cursor.fetchall()]


def truncate_guards(cursor: Any) -> dict[str, str]:
    """The trigger of each table that fires before it is truncated."""
    cursor.execute(
        "SELECT relname::text, tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE relnamespace = 'shop'::regnamespace AND NOT tgisinternal AND tgtype & 32 <> 0"
    )
    return dict(cursor.fetchall())


@pytest.mark.scratch
def test_truncate_of_every_table_is_refused_by_its_own_trigger(attacker: Any) -> None:
    """With CASCADE, and with all other tables' triggers removed; once its own is removed too, the table is emptied."""
    guards = truncate_guards(attacker)
    for table in tables(attacker):
        attacker.execute("SAVEPOINT before")
        remove(attacker, tuple(Guard("trigger", f"shop.{t}", name) for t, name in guards.items() if t != table))
        attacker.execute("SAVEPOINT alone")
        with pytest.raises(psycopg2.Error) as refused:
            attacker.execute(f"TRUNCATE shop.{table} CASCADE")
        assert named_by(refused.value) == ("SH101", guards[table])
        attacker.execute("ROLLBACK TO SAVEPOINT alone")
        attacker.execute(f"DROP TRIGGER {guards[table]} ON shop.{table}")
        attacker.execute(f"TRUNCATE shop.{table} CASCADE")
        attacker.execute(f"SELECT count(*) FROM shop.{table}")
        assert attacker.fetchone() == (0,)
        attacker.execute("ROLLBACK TO SAVEPOINT before")


# Completeness ----------------------------------------------------------------------------------------------------------


@pytest.mark.scratch
def test_every_trigger_is_proven(attacker: Any) -> None:
    """Each stands as a guard in some block, or is proven by the test of TRUNCATE."""
    attacker.execute(
        "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE relnamespace = 'shop'::regnamespace AND NOT tgisinternal AND tgtype <> 34"  # 34: TRUNCATE only
    )
    found = {Guard("trigger", _with_schema(table), name) for table, name in attacker.fetchall()}
    named = {guard for guard in PROOF.covered() if guard.kind == "trigger"}
    assert sorted(map(str, found - named)) == []
    assert sorted(map(str, named - found)) == []


@pytest.mark.scratch
def test_every_rule_between_columns_is_proven(attacker: Any) -> None:
    """Each CHECK over several columns stands as a guard in some block; those over one are test_db.py's to violate."""
    attacker.execute(
        "SELECT conrelid::regclass::text, conname::text FROM pg_constraint"
        " WHERE connamespace = 'shop'::regnamespace AND contype = 'c' AND cardinality(conkey) > 1"
    )
    found = {Guard("constraint", _with_schema(table), name) for table, name in attacker.fetchall()}
    assert sorted(map(str, found - PROOF.covered())) == []


@pytest.mark.scratch
def test_every_invariant_is_proven(attacker: Any) -> None:
    """Each is seen to fail by some block: an invariant that cannot fail proves nothing."""
    named = {block.invariant for block in (*PROOF.attacks, *PROOF.upkeeps)}
    assert sorted(set(violations(attacker)) - named) == []


@pytest.mark.scratch
def test_every_append_only_table_is_attacked_both_ways() -> None:
    """By UPDATE and by DELETE, in a block of its own each."""
    attacked = {
        (match[2], match[1])
        for attack in PROOF.attacks
        if attack.sqlstate == "SH101"
        for match in re.finditer(r"^(UPDATE|DELETE FROM) shop[.](\w+)", attack.sql, re.MULTILINE)
    }
    append_only = {guard.table for guard in PROOF.covered() if guard.name.endswith("_append_only")}
    missing = [
        (table, verb)
        for table in sorted(name.removeprefix("shop.") for name in append_only)
        for verb in ("UPDATE", "DELETE FROM")
        if (table, verb) not in attacked
    ]
    assert missing == []


@pytest.mark.scratch
def test_there_are_23_hostile_writes() -> None:
    """As many as were tried on other shops' schemas (docs: 21 of 23 accepted there); here none is."""
    assert sorted(attack.hostile for attack in PROOF.attacks if attack.hostile) == list(range(1, 24))


def _with_schema(table: str) -> str:
    return table if "." in table else f"shop.{table}"
