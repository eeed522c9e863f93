"""Runs the guard proof of schema/guards/ in a scratch database that holds the small shop.

Each attack is run as the owner of the tables, who may write anything but alter nothing, and must be refused by the guard
that is named; with its guards removed it must go through, and an invariant must tell. Removing a guard costs nothing:
DDL is transactional, and every test ends in a rollback. Races, which need two connections, stand in races.py,
and are played by concurrency.py.

pytest finds the tests through scripts/test_db.py.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
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

by_attack = pytest.mark.parametrize("attack", PROOF.attacks, ids=lambda attack: attack.name)
by_upkeep = pytest.mark.parametrize("upkeep", PROOF.upkeeps, ids=lambda upkeep: upkeep.name)


def by_guard(pairs: list[tuple[Attack, Guard]]) -> pytest.MarkDecorator:
    """One test for each attack and guard."""
    return pytest.mark.parametrize(("attack", "guard"), pairs, ids=lambda value: value.name)


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


def remove(cursor: Any, guards: Iterable[Guard]) -> None:
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


def content(connection: Any) -> dict[str, str]:
    """A digest of the rows of each table."""
    with connection.cursor() as cursor:
        digests = {}
        for table in tables(cursor):
            cursor.execute(f"SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM shop.{table} AS t")
            digests[table] = cursor.fetchone()[0]
    connection.rollback()
    return digests


class OnSmallShop:
    """Fixtures of the tests below: a copy of the small shop for each class. No test commits."""

    @pytest.fixture(scope="class")
    @classmethod
    def guarded_shop(cls, copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
        """Settings of the copy."""
        with copy_of(small_shop) as settings:
            yield settings

    @pytest.fixture(scope="class")
    @classmethod
    def owner(cls, guarded_shop: Settings) -> Iterator[Any]:
        """The owner's connection to it, for all tests of the class, which leave no trace."""
        with closing(connect(guarded_shop, role=OWNER, options={"statement_timeout": "30s"})) as connection:
            before = content(connection)
            yield connection
            assert content(connection) == before

    @pytest.fixture
    def attacker(self, owner: Any) -> Iterator[Any]:
        """A cursor of the owner in a transaction that is rolled back."""
        with owner.cursor() as cursor:
            cursor.execute(ACTOR)
            yield cursor
        owner.rollback()


@pytest.mark.scratch
class TestAttacks(OnSmallShop):
    """What breaks a rule is refused, by what is said to refuse it."""

    @pytest.fixture(scope="class")
    @classmethod
    def staff(cls, guarded_shop: Settings) -> Iterator[Any]:
        """A connection of somebody who may become both the owner and the application."""
        with closing(connect(guarded_shop)) as connection:
            yield connection

    @pytest.fixture
    def application(self, staff: Any) -> Iterator[Any]:
        """A cursor in a transaction that is rolled back, with the right to become the application."""
        with staff.cursor() as cursor:
            # The user of the tests has ADMIN on the role, which it made, but need not be a member.
            cursor.execute("SELECT pg_has_role(session_user, %s, 'SET')", (APPLICATION,))
            if cursor.fetchone() == (False,):
                cursor.execute(f"GRANT {APPLICATION} TO CURRENT_USER")
            yield cursor
        staff.rollback()

    def test_legal_work_is_accepted_and_consistent(self, attacker: Any) -> None:
        """The small shop was written with every guard on; here is what the invariants say of it."""
        attacker.execute("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0 OR examined = 0")
        assert attacker.fetchall() == []

    @by_attack
    def test_attack_is_refused(self, attack: Attack, attacker: Any) -> None:
        """By the guard that is named, though it comes from the owner."""
        prepare(attacker, attack)
        error = refusal(attacker, attack.sql)
        assert error is not None, f"{attack.where}: accepted"
        assert named_by(error) == (attack.sqlstate, attack.refused_by), f"{attack.where}: {error}"

    @by_attack
    def test_attack_goes_through_without_its_guards(self, attack: Attack, attacker: Any) -> None:
        """So it is these guards that refuse it; and what they no longer prevent, an invariant sees."""
        remove(attacker, attack.guards)
        prepare(attacker, attack)
        error = refusal(attacker, attack.sql)
        assert error is None, f"{attack.where}: refused though its guards are removed: {error}"
        if attack.invariant:
            assert violations(attacker)[attack.invariant] > 0, f"{attack.where}: {attack.invariant} does not see it"

    @by_guard([(attack, guard) for attack in PROOF.attacks if len(attack.guards) > 1 for guard in attack.guards])
    def test_each_guard_refuses_alone(self, attack: Attack, guard: Guard, attacker: Any) -> None:
        """Where several guards cover one rule, each is one: with all others removed the attack is refused still."""
        remove(attacker, (other for other in attack.guards if other != guard))
        prepare(attacker, attack)
        assert refusal(attacker, attack.sql) is not None, f"{attack.where}: {guard} alone lets it through"

    @by_guard([(attack, guard) for attack in PROOF.attacks for guard in attack.depends])
    def test_attack_goes_through_without_what_its_guards_stand_on(
        self, attack: Attack, guard: Guard, attacker: Any
    ) -> None:
        """A CHECK on a counter is worth what the trigger is worth that counts."""
        remove(attacker, (guard,))
        prepare(attacker, attack)
        error = refusal(attacker, attack.sql)
        assert error is None, f"{attack.where}: refused though {guard} is removed: {error}"

    @by_attack
    def test_application_may_not_even_try(self, attack: Attack, application: Any) -> None:
        """The application writes through functions of schema api; it has no right to write to a table."""
        application.execute(f"SET LOCAL ROLE {OWNER}")
        application.execute(ACTOR)
        prepare(application, attack)
        application.execute(f"SET LOCAL ROLE {APPLICATION}")
        error = refusal(application, attack.sql)
        assert error is not None, f"{attack.where}: accepted"
        assert error.pgcode == PRIVILEGE_MISSING, f"{attack.where}: {error}"


@pytest.mark.scratch
class TestUpkeep(OnSmallShop):
    """What triggers carry on after a legal write."""

    @staticmethod
    def kept(cursor: Any, upkeep: Upkeep) -> bool:
        """Whether what the triggers of the block keep is as it should be."""
        if upkeep.invariant:
            return violations(cursor)[upkeep.invariant] == 0
        cursor.execute(f"SELECT {upkeep.holds}")
        return cursor.fetchone() == (True,)

    @by_upkeep
    def test_trigger_carries_on(self, upkeep: Upkeep, attacker: Any) -> None:
        prepare(attacker, upkeep)
        error = refusal(attacker, upkeep.sql)
        assert error is None, f"{upkeep.where}: refused: {error}"
        assert self.kept(attacker, upkeep), f"{upkeep.where}: not kept: {upkeep.rule}"

    @by_upkeep
    def test_nothing_carries_on_without_the_trigger(self, upkeep: Upkeep, attacker: Any) -> None:
        """The write fails, or what the trigger kept is wrong: nothing else does its work."""
        remove(attacker, upkeep.guards)
        prepare(attacker, upkeep)
        error = refusal(attacker, upkeep.sql)
        assert error or not self.kept(attacker, upkeep), f"{upkeep.where}: nothing is missing"


# Where rows go in by COPY, what they are, and who refuses them.
COPIES = {
    "full_stock_level": (
        "stock_levels (variant_id, warehouse_id, slot, on_hand)",
        "7,1,0,100",
        ("SH103", "stock_levels_start_empty"),
    ),
    "late_pair_of_journal_lines": (
        "journal_lines (journal_id, line_number, account, currency, amount_minor)",
        "1,5,revenue,USD,100\n1,6,suspense,USD,-100",
        ("SH104", "journal_lines_balance"),
    ),
    "reservation_for_nobody": (
        "stock_movements (variant_id, warehouse_id, kind, reserved_delta, order_id, line_number)",
        "1,1,reservation,1,01990000-0000-7000-8000-00000000d001,1",
        ("SH103", "stock_movements_of_orders_follow_their_rows"),
    ),
    "new_transition": (
        "order_transitions",
        "completed,pending,Once more.",
        ("SH102", "order_transitions_are_schema"),
    ),
}


@pytest.mark.scratch
class TestOtherWaysIn(OnSmallShop):
    """Ways to write that one block of SQL does not show."""

    def test_truncate_of_every_table_is_refused_by_its_own_trigger(self, attacker: Any) -> None:
        """With CASCADE, and with all other tables' triggers removed; once its own is removed too, it goes through."""
        guards = truncate_guards(attacker)
        for table in tables(attacker):
            attacker.execute("SAVEPOINT before")
            remove(attacker, (Guard("trigger", f"shop.{t}", name) for t, name in guards.items() if t != table))
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

    @pytest.mark.parametrize(("columns", "line", "refused"), COPIES.values(), ids=COPIES)
    def test_copy_is_refused_as_insert_is(
        self, columns: str, line: str, refused: tuple[str, str], attacker: Any
    ) -> None:
        with pytest.raises(psycopg2.Error) as error:
            attacker.copy_expert(f"COPY shop.{columns} FROM STDIN WITH (FORMAT csv)", io.StringIO(line))
        assert named_by(error.value) == refused

    def test_temporary_tables_do_not_shadow_what_triggers_read(self, guarded_shop: Settings) -> None:
        """Even the owner of the database, who may make them, changes nothing that a guard sees."""
        with closing(connect(guarded_shop)) as connection, connection.cursor() as cursor:
            cursor.execute(ACTOR)
            for table in ("orders", "order_items", "order_addresses", "payments", "coupons", "stock_levels", "carts"):
                cursor.execute(f"SET LOCAL ROLE {OWNER}")
                cursor.execute("SELECT has_database_privilege(current_database(), 'TEMP')")
                may = cursor.fetchone() == (True,)
                cursor.execute("RESET ROLE")
                assert not may, f"{OWNER} may make temporary tables"
                cursor.execute(f"CREATE TEMP TABLE {table} (LIKE pg_class)")
            cursor.execute("SET LOCAL search_path = pg_temp, shop, pg_catalog")
            cursor.execute(f"SET LOCAL ROLE {OWNER}")
            lines_missing = next(attack for attack in PROOF.attacks if attack.name == "order_without_lines")
            prepare(cursor, lines_missing)
            error = refusal(cursor, lines_missing.sql)
            assert error is not None
            assert named_by(error) == (lines_missing.sqlstate, lines_missing.refused_by)
            connection.rollback()

    @pytest.mark.parametrize("setting", ["session_replication_role = replica", "shop.purging = on"])
    def test_no_setting_of_the_session_switches_guards_off(self, setting: str, attacker: Any) -> None:
        """The one is refused to all but superusers; the other lets nothing young go from the audit log, and nothing else."""
        attacker.execute("SAVEPOINT before")
        try:
            attacker.execute(f"SET LOCAL {setting}")
        except psycopg2.errors.InsufficientPrivilege:
            attacker.execute("ROLLBACK TO SAVEPOINT before")
        for name in (
            "stock_movement_is_deleted",
            "history_is_deleted",
            "journal_line_is_deleted",
            "audit_entry_is_deleted",
        ):
            attack = next(attack for attack in PROOF.attacks if attack.name == name)
            attacker.execute("SAVEPOINT before")
            error = refusal(attacker, attack.sql)
            assert error is not None, f"{name}: accepted"
            assert named_by(error) == (attack.sqlstate, attack.refused_by)
            attacker.execute("ROLLBACK TO SAVEPOINT before")

    def test_guards_hold_in_savepoints(self, attacker: Any) -> None:
        """What a savepoint takes back, deferred checks do not count; what it leaves, they do."""
        blocks = PROOF.givens
        attacker.execute(blocks["cart_for_a_new_order"].sql + blocks["new_header"].sql)
        attacker.execute("SAVEPOINT lines")
        for name in ("new_line", "new_taxes", "new_addresses"):
            attacker.execute(blocks[name].sql)
        attacker.execute("ROLLBACK TO SAVEPOINT lines")
        with pytest.raises(psycopg2.Error) as error:
            attacker.execute(COMMIT)
        assert named_by(error.value) == ("SH104", "orders_are_whole")


@pytest.mark.scratch
class TestCompleteness(OnSmallShop):
    """Nothing that guards is left out of the proof."""

    def test_every_trigger_is_proven(self, attacker: Any) -> None:
        """Each stands as a guard in some block; those for TRUNCATE alone have their own test above."""
        attacker.execute(
            "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE relnamespace = 'shop'::regnamespace AND NOT tgisinternal AND tgtype <> 34"  # 34: TRUNCATE only
        )
        found = {Guard("trigger", _with_schema(table), name) for table, name in attacker.fetchall()}
        named = {guard for guard in PROOF.covered() if guard.kind == "trigger"}
        assert sorted(map(str, found - named)) == []
        assert sorted(map(str, named - found)) == []

    def test_every_rule_between_columns_is_proven(self, attacker: Any) -> None:
        """Each CHECK over several columns stands as a guard in some block; TestBadWrites violates those over one."""
        attacker.execute(
            "SELECT conrelid::regclass::text, conname::text FROM pg_constraint"
            " WHERE connamespace = 'shop'::regnamespace AND contype = 'c' AND cardinality(conkey) > 1"
        )
        found = {Guard("constraint", _with_schema(table), name) for table, name in attacker.fetchall()}
        assert sorted(map(str, found - PROOF.covered())) == []

    def test_every_invariant_is_proven(self, attacker: Any) -> None:
        """Each is seen to fail by some block: an invariant that cannot fail proves nothing."""
        named = {block.invariant for block in (*PROOF.attacks, *PROOF.upkeeps)}
        assert sorted(set(violations(attacker)) - named) == []

    def test_every_append_only_table_is_attacked_both_ways(self) -> None:
        """By UPDATE and by DELETE, in a block of its own each."""
        attacked = {
            (match[2], match[1])
            for attack in PROOF.attacks
            if attack.sqlstate == "SH101"
            for match in re.finditer(r"^(UPDATE|DELETE FROM) (shop[.]\w+)", attack.sql, re.MULTILINE)
        }
        append_only = {guard.table for guard in PROOF.covered() if guard.name.endswith("_append_only")}
        wanted = {(table, verb) for table in append_only for verb in ("UPDATE", "DELETE FROM")}
        assert sorted(wanted - attacked) == []

    def test_there_are_23_hostile_writes(self) -> None:
        """As many as were tried on the schemas of four other shops, which accepted 21; here none is accepted."""
        assert sorted(attack.hostile for attack in PROOF.attacks if attack.hostile) == list(range(1, 24))


def tables(cursor: Any) -> list[str]:
    """Every table of the shop, by its bare name."""
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


def _with_schema(table: str) -> str:
    return table if "." in table else f"shop.{table}"
