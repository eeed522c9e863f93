"""The files of the guard proof are read strictly: what would prove nothing is an error that names file and line."""

import pytest
from ecommerce_dms.guards import Attack, Given, Guard, GuardFileError, Upkeep, parse, read_guard_proof

ATTACK = """-- Attacks on something, for readers.

-- attack: too_much
-- rule: never too much
-- after: enough
-- guard: constraint shop.things ck_things_limit
-- guard: trigger shop.things things_are_kept
-- depends: trigger shop.things things_count
-- refused: 23514 ck_things_limit
-- invariant: things_are_few
-- hostile: 7
-- A comment of the SQL.
INSERT INTO shop.things VALUES (2);

-- given: enough
INSERT INTO shop.things VALUES (1);
"""

UPKEEP = """-- upkeep: things_are_counted
-- rule: things count
-- guard: trigger shop.things things_count
-- holds: (SELECT count(*) = 1 FROM shop.things)
INSERT INTO shop.things VALUES (1);
"""


def without(line: str, text: str = ATTACK) -> str:
    return "\n".join(each for each in text.splitlines() if not each.startswith(f"-- {line}"))


def test_blocks_are_read() -> None:
    attack, given = parse(ATTACK, "things.sql")
    assert isinstance(attack, Attack)
    assert isinstance(given, Given)
    assert (attack.name, attack.rule, attack.after) == ("too_much", "never too much", ("enough",))
    assert attack.guards == (
        Guard("constraint", "shop.things", "ck_things_limit"),
        Guard("trigger", "shop.things", "things_are_kept"),
    )
    assert attack.depends == (Guard("trigger", "shop.things", "things_count"),)
    assert (attack.sqlstate, attack.refused_by) == ("23514", "ck_things_limit")
    assert (attack.invariant, attack.hostile, attack.where) == ("things_are_few", 7, "things.sql:3")
    assert attack.sql == "-- A comment of the SQL.\nINSERT INTO shop.things VALUES (2);"
    assert given.sql == "INSERT INTO shop.things VALUES (1);"


def test_upkeep_is_read() -> None:
    (upkeep,) = parse(UPKEEP, "things.sql")
    assert isinstance(upkeep, Upkeep)
    assert (upkeep.invariant, upkeep.holds) == (None, "(SELECT count(*) = 1 FROM shop.things)")


def test_an_invariant_may_be_none_with_a_reason() -> None:
    attack, _ = parse(ATTACK.replace("things_are_few", "none: nothing is left to see"), "things.sql")
    assert (attack.invariant, attack.unseen_because) == (None, "nothing is left to see")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ATTACK.replace("too_much", "Too much"), "things.sql:3: 'Too much' is no name"),
        (without("rule"), "things.sql:3: attack too_much has no line `-- rule: …`"),
        (without("guard"), "things.sql:3: attack too_much has no line `-- guard: …`"),
        (without("refused"), "things.sql:3: attack too_much has no line `-- refused: …`"),
        (without("invariant"), "things.sql:3: attack too_much has no line `-- invariant: …`"),
        (
            ATTACK.replace("constraint shop.things", "constraint things"),
            "things.sql:6: 'constraint things ck_things_limit'",
        ),
        (ATTACK.replace("23514 ck", "23514, ck"), "things.sql:9: refused: '23514, ck_things_limit' is not an SQLSTATE"),
        (ATTACK.replace("things_are_few", "none"), "things.sql:10: invariant: 'none' is neither a name nor"),
        (ATTACK.replace("hostile: 7", "hostile: very"), "things.sql:11: hostile: 'very' is no number"),
        (ATTACK.replace("hostile", "hostility"), "things.sql:11: attack has no line 'hostility'; it can have: rule"),
        (ATTACK.replace("-- depends", "-- rule"), "things.sql:8: a second line 'rule'"),
        (ATTACK.replace("INSERT INTO shop.things VALUES (2);", ""), "things.sql:3: attack too_much has no SQL"),
        (
            ATTACK.replace("given: enough\n", "given: enough\n-- rule: none\n"),
            "things.sql:16: given has no line 'rule'",
        ),
        (without("holds", UPKEEP), "things.sql:1: upkeep things_are_counted needs either `invariant` or `holds`"),
    ],
)
def test_errors_name_file_and_line(text: str, message: str) -> None:
    with pytest.raises(GuardFileError) as error:
        parse(text, "things.sql")
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.sql": ATTACK, "b.sql": ATTACK}, "b.sql:3: name too_much stands in a.sql:3 already"),
        (
            {"a.sql": ATTACK, "b.sql": without("after", ATTACK).replace("too_much", "more").replace("enough", "less")},
            "b.sql:3: hostile 7 stands in a.sql:3 already",
        ),
        ({"a.sql": ATTACK.partition("-- given")[0]}, "a.sql:3: after enough: there is no block `given: enough`"),
    ],
)
def test_names_are_used_once_and_exist(files: dict[str, str], message: str, tmp_path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(GuardFileError) as error:
        read_guard_proof(tmp_path)
    assert str(error.value) == message


def test_a_folder_without_guard_files_proves_nothing(tmp_path) -> None:
    with pytest.raises(GuardFileError, match="no guard files are here"):
        read_guard_proof(tmp_path)


@pytest.mark.parametrize(
    ("guard", "removal"),
    [
        (Guard("constraint", "shop.things", "ck_x"), "ALTER TABLE shop.things DROP CONSTRAINT ck_x CASCADE"),
        (Guard("trigger", "shop.things", "x_kept"), "DROP TRIGGER x_kept ON shop.things"),
        (Guard("index", "shop.things", "uq_x"), "DROP INDEX shop.uq_x"),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_guards_are_removed_by_sql(guard: Guard, removal: str) -> None:
    assert guard.removal() == removal


def test_preparations_come_in_the_order_of_their_lines() -> None:
    proof = read_guard_proof()
    attack = next(attack for attack in proof.attacks if len(attack.after) > 1)
    assert proof.preparation(attack) == "\n".join(proof.givens[name].sql for name in attack.after)
