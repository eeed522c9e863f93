"""The fingerprint sees every kind of drift, and nothing that is no drift."""

from contextlib import closing

import pytest
from ecommerce_dms import bootstrap, fingerprint
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database

SCHEMA = """
CREATE TYPE shop.status AS ENUM ('open', 'closed');
CREATE DOMAIN shop.quantity AS int CHECK (value > 0);
CREATE TYPE api.address AS (line text, city text);
CREATE TABLE shop.parents (
    parent_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text COLLATE "C" NOT NULL UNIQUE,
    status shop.status NOT NULL DEFAULT 'open',
    doubled int GENERATED ALWAYS AS (length(code) * 2) STORED
) WITH (fillfactor = 80);
CREATE TABLE shop.children (
    child_id uuid DEFAULT uuidv7() PRIMARY KEY,
    parent_id bigint NOT NULL REFERENCES shop.parents ON DELETE RESTRICT,
    quantity shop.quantity,
    note text,
    CONSTRAINT note_is_short CHECK (length(note) < 100)
);
CREATE INDEX children_parent_id_idx ON shop.children (parent_id) WHERE quantity > 1;
CREATE FUNCTION shop.guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, shop, pg_temp
    AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER children_guard BEFORE UPDATE ON shop.children FOR EACH ROW EXECUTE FUNCTION shop.guard();
ALTER TABLE shop.children ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.children FOR SELECT TO shop_app, shop_storefront USING (parent_id > 1);
CREATE VIEW api.everything WITH (security_invoker) AS SELECT child_id FROM shop.children;
CREATE SEQUENCE shop.numbers;
CREATE STATISTICS shop.related ON parent_id, note FROM shop.children;
GRANT SELECT ON shop.parents TO shop_app;
GRANT EXECUTE ON FUNCTION shop.guard TO shop_app;
COMMENT ON TABLE shop.parents IS 'Parents.';
COMMENT ON COLUMN shop.parents.code IS 'A code.';
"""

# A statement, and the object that is then reported as missing, unexpected or different.
DRIFTS = {
    "a check's expression, its name kept": (
        "ALTER TABLE shop.children DROP CONSTRAINT note_is_short, "
        "ADD CONSTRAINT note_is_short CHECK (length(note) < 101)",
        "constraint note_is_short of shop.children",
    ),
    "a check that is not validated": (
        "ALTER TABLE shop.children DROP CONSTRAINT note_is_short, "
        "ADD CONSTRAINT note_is_short CHECK (length(note) < 100) NOT VALID",
        "constraint note_is_short of shop.children",
    ),
    "a domain's check": (
        "ALTER DOMAIN shop.quantity DROP CONSTRAINT quantity_check",
        "constraint quantity_check of shop.quantity",
    ),
    "a foreign key's action": (
        "ALTER TABLE shop.children DROP CONSTRAINT children_parent_id_fkey, "
        "ADD CONSTRAINT children_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES shop.parents "
        "ON DELETE CASCADE",
        "constraint children_parent_id_fkey of shop.children",
    ),
    "a partial index's condition": (
        "DROP INDEX shop.children_parent_id_idx; "
        "CREATE INDEX children_parent_id_idx ON shop.children (parent_id) WHERE quantity > 2",
        "index shop.children_parent_id_idx",
    ),
    "a trigger that is disabled": (
        "ALTER TABLE shop.children DISABLE TRIGGER children_guard",
        "trigger children_guard of shop.children",
    ),
    "a trigger's event": (
        "CREATE OR REPLACE TRIGGER children_guard BEFORE INSERT ON shop.children "
        "FOR EACH ROW EXECUTE FUNCTION shop.guard()",
        "trigger children_guard of shop.children",
    ),
    "a function's body": (
        "CREATE OR REPLACE FUNCTION shop.guard() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = pg_catalog, shop, pg_temp AS $$ BEGIN RETURN null; END $$",
        "function shop.guard()",
    ),
    "a function's search_path": ("ALTER FUNCTION shop.guard() RESET search_path", "function shop.guard()"),
    "a function's rights": ("ALTER FUNCTION shop.guard() SECURITY DEFINER", "function shop.guard()"),
    "a policy's condition": (
        "ALTER POLICY own ON shop.children USING (parent_id > 0)",
        "policy own of shop.children",
    ),
    "a policy's roles": ("ALTER POLICY own ON shop.children TO PUBLIC", "policy own of shop.children"),
    "row-level security": ("ALTER TABLE shop.children DISABLE ROW LEVEL SECURITY", "table shop.children"),
    "forced row-level security": (
        "ALTER TABLE shop.children FORCE ROW LEVEL SECURITY",
        "table shop.children",
    ),
    "a comment on a column": (
        "COMMENT ON COLUMN shop.parents.code IS 'Another.'",
        "comment on table column shop.parents.code",
    ),
    "a comment on a policy": (
        "COMMENT ON POLICY own ON shop.children IS 'New.'",
        "comment on policy own on shop.children",
    ),
    "a grant": ("GRANT INSERT ON shop.parents TO shop_app", "privileges of shop_app on table shop.parents"),
    "a grant on a column": (
        "GRANT UPDATE (code) ON shop.parents TO shop_app",
        "privileges of shop_app on column shop.parents.code",
    ),
    "a grant to PUBLIC": (
        "GRANT EXECUTE ON FUNCTION shop.guard TO PUBLIC",
        "privileges of PUBLIC on function shop.guard()",
    ),
    "a grant that may be passed on": (
        "GRANT SELECT ON shop.parents TO shop_app WITH GRANT OPTION",
        "privileges of shop_app on table shop.parents",
    ),
    "a grant on a schema": (
        "GRANT USAGE ON SCHEMA shop TO shop_app",
        "privileges of shop_app on schema shop",
    ),
    "a grant on what comes": (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO shop_app",
        "privileges of shop_app on future objects (r) in schema shop",
    ),
    "a revoked grant": (
        "REVOKE EXECUTE ON FUNCTION shop.guard FROM shop_app",
        "privileges of shop_app on function shop.guard()",
    ),
    "the fillfactor": ("ALTER TABLE shop.parents SET (fillfactor = 90)", "table shop.parents"),
    "a view's options": ("ALTER VIEW api.everything RESET (security_invoker)", "view api.everything"),
    "a view's query": (
        "CREATE OR REPLACE VIEW api.everything WITH (security_invoker) AS "
        "SELECT child_id FROM shop.children WHERE quantity > 1",
        "view api.everything",
    ),
    "an enum's label": ("ALTER TYPE shop.status RENAME VALUE 'closed' TO 'shut'", "type shop.status"),
    "an enum's order": ("ALTER TYPE shop.status ADD VALUE 'new' BEFORE 'open'", "type shop.status"),
    "a column's default": (
        "ALTER TABLE shop.parents ALTER status SET DEFAULT 'closed'",
        "column shop.parents.status",
    ),
    "a column's type": (
        "ALTER TABLE shop.children ALTER note TYPE varchar(50)",
        "column shop.children.note",
    ),
    "a column's collation": (
        'ALTER TABLE shop.children ALTER note TYPE text COLLATE "C"',
        "column shop.children.note",
    ),
    "a column's nullability": (
        "ALTER TABLE shop.parents ALTER code DROP NOT NULL",
        "column shop.parents.code",
    ),
    "a generated column's expression": (
        "ALTER TABLE shop.parents ALTER doubled SET EXPRESSION AS (length(code) * 3)",
        "column shop.parents.doubled",
    ),
    "an identity's kind": (
        "ALTER TABLE shop.parents ALTER parent_id SET GENERATED BY DEFAULT",
        "column shop.parents.parent_id",
    ),
    "a column's order": (
        "ALTER TABLE shop.children DROP quantity; ALTER TABLE shop.children ADD quantity shop.quantity",
        "table shop.children",
    ),
    "a composite type's field": ("ALTER TYPE api.address ADD ATTRIBUTE zip text", "type api.address"),
    "a sequence's step": ("ALTER SEQUENCE shop.numbers INCREMENT 2", "sequence shop.numbers"),
    "a new table": ("CREATE TABLE shop.extra (x int)", "table shop.extra"),
    "a lost statistics object": ("DROP STATISTICS shop.related", "statistics shop.related"),
    "a rule": (
        "CREATE RULE nothing AS ON DELETE TO shop.children DO INSTEAD NOTHING",
        "rule nothing of shop.children",
    ),
}


@pytest.fixture(scope="module")
def database(master):
    with scratch_database(master) as settings:
        build(settings, SCHEMA)
        yield settings


def build(settings, sql):
    with closing(connect(settings)) as connection:
        bootstrap.apply(connection)
    with closing(connect(settings, role=OWNER)) as connection:
        connection.cursor().execute(sql)
        connection.commit()


def read(settings, drift="", **options):
    """The fingerprint as it would be after `drift`, which is rolled back."""
    with closing(connect(settings, role=OWNER, **options)) as connection:
        if drift:
            connection.cursor().execute(drift)
        return fingerprint.read(connection)


@pytest.mark.parametrize("kind", DRIFTS)
def test_it_sees(kind, database):
    drift, changed = DRIFTS[kind]
    before, after = read(database), read(database, drift)
    assert before.digest != after.digest
    assert before.objects.get(changed) != after.objects.get(changed)


def test_it_sees_a_foreign_key_that_a_superuser_switched_off(database, superuser):
    with closing(connect(superuser, dbname=database.dbname)) as connection:
        connection.cursor().execute("ALTER TABLE shop.children DISABLE TRIGGER ALL")
        told = fingerprint.difference(read(database), fingerprint.read(connection))
    assert any("constraint children_parent_id_fkey of shop.children" in line for line in told), told


def test_the_same_schema_made_in_another_order_elsewhere_has_the_same_fingerprint(database, master):
    statements = [statement for statement in SCHEMA.split(";\n") if statement.strip()]
    first, last = statements[:5], statements[5:]
    # Independent ones backwards: the domain, types and comments, and what hangs on the second table.
    movable = [
        s
        for s in last
        if s.startswith(("CREATE INDEX", "CREATE STATISTICS", "CREATE SEQUENCE", "COMMENT", "GRANT SELECT"))
    ]
    order = [
        first[2],
        first[1],
        first[0],
        *first[3:],
        *reversed(movable),
        *(s for s in last if s not in movable),
    ]
    with scratch_database(master) as other:
        build(other, "CREATE TABLE shop.gone (x int); DROP TABLE shop.gone; " + ";\n".join(order))
        assert fingerprint.difference(read(database), read(other)) == []
        assert read(database).digest == read(other).digest


def test_the_search_path_and_the_reader_do_not_matter(database, superuser):
    expected = read(database).digest
    assert read(database, options={"search_path": "shop, api"}).digest == expected
    # The master has no privilege on the schemas until it acts as their owner.
    for reader in (superuser, database):
        with closing(connect(reader, dbname=database.dbname)) as connection:
            assert fingerprint.read(connection).digest == expected


def test_a_copy_of_the_database_has_the_same_fingerprint(database, master):
    with scratch_database(master, template=database) as copy:
        assert read(copy).digest == read(database).digest


def test_alembics_own_table_does_not_count(database):
    drift = "CREATE TABLE shop.alembic_version (version_num text); COMMENT ON TABLE shop.alembic_version IS 'x'"
    assert read(database, drift).digest == read(database).digest


def test_the_difference_is_readable():
    expected = fingerprint.Fingerprint({"index a": "on (x)", "function f()": "one\ntwo\nthree", "table t": "x"})
    actual = fingerprint.Fingerprint({"function f()": "one\n2\nthree", "table t": "x", "table u": "y"})
    assert fingerprint.difference(expected, actual) == [
        "different: function f()\n     one\n    -two\n    +2\n     three",
        "missing: index a",
        "unexpected: table u: y",
    ]


def test_the_committed_digest_is_the_last_line_of_the_file(tmp_path):
    path = tmp_path / "schema.sql"
    path.write_text(f"CREATE TABLE t ();\n-- fingerprint: {'a' * 64}\n")
    assert fingerprint.committed(path) == "a" * 64
    path.write_text("CREATE TABLE t ();\n")
    with pytest.raises(ValueError, match=r"run scripts/dump_schema\.py"):
        fingerprint.committed(path)
