"""Makes the roles, schemas and closed doors that the first migration stands on, in the database of a
connection.

It needs no superuser: LOGIN, CREATEROLE, ADMIN on pg_monitor and ownership of the database do, which is what
the master of an RDS instance has. It can be repeated: what is there is left alone, so that a second database
of the same cluster gets only its own part. Nothing here drops or takes over what others made.

`read_state` looks, `plan` decides (a pure function), `apply` executes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg2 import errors
from psycopg2.extensions import quote_ident

from ecommerce_dms.console import UserError
from ecommerce_dms.roles import MIGRATOR, OWNER, ROLES, SCHEMAS

# Two bootstraps of different databases may make the same roles at the same time. The loser starts again and
# finds them.
_LOST_A_RACE = (errors.UniqueViolation, errors.DuplicateObject, errors.DuplicateSchema, errors.InternalError_)
_ATTEMPTS = 5


class BootstrapRefused(UserError):  # noqa: N818 (reads as a sentence where it is caught)
    """The connected user may not do what is missing. `sql` does it, run by somebody who may."""

    def __init__(self, message: str, sql: str) -> None:
        super().__init__(message)
        self.sql = sql


@dataclass(frozen=True)
class Step:
    """Something missing, and the statements that provide it. `cluster`: a matter of roles, not of this
    database."""

    missing: str
    sql: tuple[str, ...]
    cluster: bool = False


@dataclass(frozen=True)
class State:
    """What a database and its cluster have, as far as the bootstrap cares."""

    user: str
    database: str
    user_owns_database: bool
    user_may_become_owner: bool
    roles: frozenset[str]
    memberships: frozenset[tuple[str, str]]
    schema_owners: dict[str, str]
    public_on_database: frozenset[str]
    public_on_schema_public: frozenset[str]
    may_connect: frozenset[str]
    public_by_default: frozenset[str]


_STATE = """
SELECT session_user,
       current_database(),
       pg_has_role(session_user, d.datdba, 'USAGE'),
       (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)
           OR EXISTS (SELECT FROM pg_roles
                      WHERE rolname = %(owner)s AND pg_has_role(session_user, oid, 'SET')),
       ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(roles)s)),
       ARRAY(SELECT DISTINCT g.rolname || ' ' || m.rolname
             FROM pg_auth_members AS a
                  JOIN pg_roles AS g ON g.oid = a.roleid JOIN pg_roles AS m ON m.oid = a.member
             WHERE m.rolname = ANY (%(roles)s) AND (a.set_option OR a.inherit_option)),
       (SELECT coalesce(jsonb_object_agg(nspname, pg_get_userbyid(nspowner)), '{}')
        FROM pg_namespace WHERE nspname = ANY (%(schemas)s)),
       ARRAY(SELECT privilege_type FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba)))
             WHERE grantee = 0),
       ARRAY(SELECT a.privilege_type
             FROM pg_namespace AS n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
             WHERE n.nspname = 'public' AND a.grantee = 0),
       ARRAY(SELECT r.rolname::text FROM aclexplode(d.datacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
             WHERE a.privilege_type = 'CONNECT'),
       ARRAY(SELECT kind::text FROM unnest(ARRAY['f', 'T']::"char"[]) AS kind
             WHERE NOT EXISTS (
                 SELECT FROM pg_default_acl AS p JOIN pg_roles AS r ON r.oid = p.defaclrole
                 WHERE r.rolname = %(owner)s AND p.defaclnamespace = 0 AND p.defaclobjtype = kind
                   AND NOT EXISTS (SELECT FROM aclexplode(p.defaclacl) WHERE grantee = 0)))
FROM pg_database AS d
WHERE d.datname = current_database()
"""

# What PUBLIC may do with every new object of these kinds unless it is taken away, by its letter in
# pg_default_acl.
_DEFAULTS = {"f": "EXECUTE ON FUNCTIONS", "T": "USAGE ON TYPES"}


def read_state(connection: Any) -> State:
    """What is there, read through catalogues that everybody may read."""
    names = {"owner": OWNER, "roles": [role.name for role in ROLES], "schemas": list(SCHEMAS)}
    with connection.cursor() as cursor:
        cursor.execute(_STATE, names)
        user, database, owns, becomes, roles, members, schemas, on_database, on_public, connect, default = (
            cursor.fetchone()
        )
    return State(
        user=quote_ident(user, connection),
        database=quote_ident(database, connection),
        user_owns_database=owns,
        user_may_become_owner=becomes,
        roles=frozenset(roles),
        memberships=frozenset(tuple(pair.split(" ")) for pair in members),
        schema_owners=schemas,
        public_on_database=frozenset(on_database),
        public_on_schema_public=frozenset(on_public),
        may_connect=frozenset(connect),
        public_by_default=frozenset(default),
    )


def plan(state: State) -> list[Step]:
    """What is missing, in the order in which it can be provided. Empty when all is there.

    Raises BootstrapRefused when a schema of ours exists and belongs to somebody else.
    """
    return [
        *_plan_roles(state),
        *_plan_user(state),
        *_plan_schemas(state),
        *_plan_privileges(state),
        *_plan_defaults(state),
    ]


def _plan_roles(state: State) -> Iterable[Step]:
    for role in ROLES:
        if role.name not in state.roles:
            sql = (
                f"CREATE ROLE {role.name} NOLOGIN",
                f"COMMENT ON ROLE {role.name} IS {_literal(role.purpose)}",
            )
            yield Step(f"role {role.name} does not exist", sql, cluster=True)
        if role.member_of and (role.member_of, role.name) not in state.memberships:
            options = " WITH INHERIT FALSE, SET TRUE" if role.only_set else ""
            sql = (f"GRANT {role.member_of} TO {role.name}{options}",)
            yield Step(f"role {role.name} is not a member of {role.member_of}", sql, cluster=True)


def _plan_user(state: State) -> Iterable[Step]:
    # The creator of a role gets ADMIN on it, but neither SET nor INHERIT; without SET it can give the role no
    # schema.
    if not state.user_may_become_owner:
        yield Step(
            f"user {state.user} may not SET ROLE {OWNER}",
            (f"GRANT {MIGRATOR} TO {state.user}",),
            cluster=True,
        )


def _plan_schemas(state: State) -> Iterable[Step]:
    for schema, purpose in SCHEMAS.items():
        owner = state.schema_owners.get(schema)
        if owner is None:
            sql = (
                f"CREATE SCHEMA {schema} AUTHORIZATION {OWNER}",
                *_as_owner(f"COMMENT ON SCHEMA {schema} IS {_literal(purpose)}"),
            )
            yield Step(f"schema {schema} does not exist", sql)
        elif owner != OWNER:
            raise BootstrapRefused(
                f"database {state.database} has a schema {schema} that belongs to {owner}, not to {OWNER}; "
                "choose another database, or let its owner run the SQL above",
                f"ALTER SCHEMA {schema} OWNER TO {OWNER};\n",
            )


def _plan_privileges(state: State) -> Iterable[Step]:
    if state.public_on_database:
        sql = (f"REVOKE ALL ON DATABASE {state.database} FROM PUBLIC",)
        yield Step(f"PUBLIC has {_list(state.public_on_database)} on the database", sql)
    unable = [role.name for role in ROLES if role.connects and role.name not in state.may_connect]
    if unable:
        sql = (f"GRANT CONNECT ON DATABASE {state.database} TO {', '.join(unable)}",)
        yield Step(f"{_list(unable)} may not connect to the database", sql)
    if state.public_on_schema_public:
        sql = ("REVOKE ALL ON SCHEMA public FROM PUBLIC",)
        yield Step(f"PUBLIC has {_list(state.public_on_schema_public)} on schema public", sql)


def _plan_defaults(state: State) -> Iterable[Step]:
    for kind in sorted(state.public_by_default):
        # Without IN SCHEMA: a schema's own default privileges add to the global ones, they cannot take from
        # them.
        sql = _as_owner(f"ALTER DEFAULT PRIVILEGES REVOKE {_DEFAULTS[kind]} FROM PUBLIC")
        yield Step(f"PUBLIC gets {_DEFAULTS[kind]} on what {OWNER} makes", sql)


def _as_owner(statement: str) -> tuple[str, ...]:
    # `ALTER DEFAULT PRIVILEGES FOR ROLE` is refused to those who do not inherit the role; the role itself
    # may.
    return (f"SET LOCAL ROLE {OWNER}", statement, "RESET ROLE")


def apply(connection: Any) -> list[Step]:
    """Provide what is missing, all or nothing, and return it. `connection`: psycopg2, not in a transaction.

    Raises BootstrapRefused, with the SQL for an administrator, when the user may not.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _apply_once(connection)
        except _LOST_A_RACE:
            connection.rollback()
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _apply_once(connection: Any) -> list[Step]:
    state = read_state(connection)
    steps = plan(state)
    try:
        with connection.cursor() as cursor:
            for statement in (statement for step in steps for statement in step.sql):
                cursor.execute(statement)
    except errors.InsufficientPrivilege as error:
        connection.rollback()
        raise _refusal(state, steps, str(error).splitlines()[0]) from error
    # A REVOKE or GRANT by somebody who may not is a mere warning, so look again.
    remaining = plan(read_state(connection))
    if remaining:
        connection.rollback()
        raise _refusal(state, steps, remaining[0].missing)
    connection.commit()
    return steps


def missing(connection: Any) -> list[str]:
    """What the bootstrap would still have to provide, as sentences; empty when the database is ready for
    migrations."""
    steps = plan(read_state(connection))
    connection.rollback()
    return [step.missing for step in steps]


def preview(connection: Any) -> str:
    """The SQL that `apply` would run, for psql; a comment when nothing is missing."""
    state = read_state(connection)
    connection.rollback()
    steps = plan(state)
    return script(steps, state) if steps else f"-- Database {state.database} is prepared already.\n"


def script(steps: list[Step], state: State) -> str:
    """The statements of `steps` as one transaction for psql, run by an administrator who need not be
    `state.user`."""
    of_cluster = [step for step in steps if step.cluster]
    of_database = [step for step in steps if not step.cluster]
    lines = [f"-- In database {state.database}, as a superuser or as the master that owns it:", "BEGIN;"]
    lines += _statements(of_cluster)
    if of_database:
        lines += [
            "-- a master that is no superuser must be able to act as the owner",
            f"GRANT {MIGRATOR} TO CURRENT_USER;",
        ]
    lines += _statements(of_database)
    return "\n".join([*lines, "COMMIT;", ""])


def _statements(steps: list[Step]) -> list[str]:
    return [line for step in steps for line in (f"-- {step.missing}", *(f"{statement};" for statement in step.sql))]


def _refusal(state: State, steps: list[Step], reason: str) -> BootstrapRefused:
    # The owner of the database can do the rest itself, once the roles are there and it may become shop_owner.
    of_cluster = [step for step in steps if step.cluster]
    needed = of_cluster if state.user_owns_database and of_cluster else steps
    return BootstrapRefused(
        f"user {state.user} may not prepare database {state.database} ({reason}); "
        "let an administrator run the SQL above, then run this again",
        script(needed, state),
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
