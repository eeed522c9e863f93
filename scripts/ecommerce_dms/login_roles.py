"""Logins of an environment: who logs in, what group that is a member of, and where its credential comes from.

Two kinds, one for each login:

    iam      a role with rds_iam: a 15-minute token from AWS is the password. Nothing to keep, nothing to rotate.
    secret   a pair of roles, <login>_a and <login>_b, of which Secrets Manager names the one in use. Rotation gives the idle
             one a new password, proves that it opens the door, and only then names it; the other one stays as it is until the
             next rotation. So whoever still holds the old password gets in meanwhile (docs/decisions/0040).

A password is made here, hashed here (SCRAM) and never sent to the server: its log sees a verifier at most. Roles that migrations
grant to are groups (roles.py) and are not touched.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from ecommerce_dms.connection import ConnectionFailed, connect, connection_parameters
from ecommerce_dms.console import UsageError, UserError
from ecommerce_dms.roles import MIGRATOR, OWNER, ROLES
from ecommerce_dms.settings import Settings

GROUPS = tuple(role.name for role in ROLES if role.name != OWNER)

IAM, SECRET = "iam", "secret"
_PAIR = ("a", "b")


@dataclass(frozen=True)
class Login:
    """A program or a person that logs in."""

    name: str
    group: str
    purpose: str


# What an environment has unless it is told otherwise.
LOGINS = (
    Login("shop_service", "shop_app", "The application."),
    Login("shop_web", "shop_storefront", "Storefronts, on behalf of one customer at a time."),
    Login("shop_desk", "shop_backoffice", "Tools of staff."),
    Login("shop_reports", "shop_analyst", "Reports, on a replica."),
    Login("shop_watch", "shop_monitor", "Health checks and dashboards."),
    Login("shop_deploy", MIGRATOR, "Migrations, after an approval."),
    Login("shop_check", "shop_ci", "The nightly check of the live database."),
)


# What a session of a group's logins may take before the server ends it, unless the session says otherwise: long enough for the
# slowest thing the group is there for, and short enough that a client which hangs, or forgot a transaction, frees its locks before
# customers notice. Nothing for deployments: schema/migrations/env.py sets its own. Settings are not inherited from groups, so
# each login has them.
LIMITS: dict[str, dict[str, str]] = {
    "shop_app": {"statement_timeout": "1min", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s"},
    "shop_storefront": {"statement_timeout": "15s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "15s"},
    "shop_backoffice": {
        "statement_timeout": "2min",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "1min",
    },
    "shop_analyst": {
        "statement_timeout": "15min",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "15min",
    },
    "shop_monitor": {"statement_timeout": "10min", "lock_timeout": "1s", "idle_in_transaction_session_timeout": "1min"},
    "shop_ci": {"statement_timeout": "30min", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "5min"},
}


class LoginRefused(UserError):  # noqa: N818 (reads as a sentence where it is caught)
    """A login cannot be made or rotated as asked; says why and what to do."""


@dataclass(frozen=True)
class Present:
    """A login role as the server has it."""

    name: str
    groups: tuple[str, ...]
    has_iam: bool
    powers: tuple[str, ...]
    settings: tuple[str, ...]


def known(name: str, group: str | None) -> Login:
    """The login of that name: of LOGINS, or a new one of a group. Raises UsageError."""
    found = next((login for login in LOGINS if login.name == name), None)
    if found and group in (None, found.group):
        return found
    if found:
        raise UsageError(f"login {name} is for {found.group}, not {group}: choose another name")
    if group is None:
        raise UsageError(f"login {name!r} is none of {', '.join(login.name for login in LOGINS)}: say its --group")
    if group not in GROUPS:
        raise UsageError(f"group {group!r} is none of {', '.join(GROUPS)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", name) or name in {*GROUPS, OWNER} or name.startswith(("pg_", "rds")):
        raise UsageError(
            f"{name!r} is no name for a login: small letters, digits and _, at most 61, not one of the groups"
        )
    return Login(name, group, "")


def roles_of(login: Login, auth: str) -> tuple[str, ...]:
    """The roles that a login consists of."""
    return (login.name,) if auth == IAM else tuple(f"{login.name}_{each}" for each in _PAIR)


def default_auth(connection: Any) -> str:
    """IAM where the server knows it, as RDS and Aurora do."""
    return IAM if _knows_iam(connection) else SECRET


# Reading ----------------------------------------------------------------------------------------------------------------

_PRESENT = """
SELECT r.rolname::text,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members AS a JOIN pg_roles AS g ON g.oid = a.roleid
             WHERE a.member = r.oid AND g.rolname = ANY (%(groups)s) ORDER BY 1),
       EXISTS (SELECT FROM pg_auth_members AS a JOIN pg_roles AS g ON g.oid = a.roleid
               WHERE a.member = r.oid AND g.rolname = 'rds_iam'),
       array_remove(ARRAY[
           CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
           CASE WHEN rolcreatedb THEN 'CREATEDB' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
           CASE WHEN rolreplication THEN 'REPLICATION' END], NULL),
       coalesce(rolconfig, '{}')
FROM pg_roles AS r
WHERE rolcanlogin
ORDER BY 1
"""


def present(connection: Any) -> dict[str, Present]:
    """All login roles of the server, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_PRESENT, {"groups": list(GROUPS)})
        found = {
            row[0]: Present(row[0], tuple(row[1]), row[2], tuple(row[3]), tuple(row[4])) for row in cursor.fetchall()
        }
    connection.rollback()
    return found


def _knows_iam(connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regrole('rds_iam') IS NOT NULL")
        (there,) = cursor.fetchone()
    connection.rollback()
    return there


# Making -----------------------------------------------------------------------------------------------------------------


def ensure(connection: Any, settings: Settings, login: Login, auth: str) -> list[str]:
    """Makes what is missing of a login, all or nothing, and returns what was done; nothing when all is there.

    `connection` is of `settings`, psycopg2, not in a transaction. A login of kind SECRET has no password yet: `rotate` gives it
    its first.

    Raises LoginRefused where a role of that name is something else, or where the server cannot do it.
    """
    iam = _knows_iam(connection)
    if auth == IAM and not iam:
        raise LoginRefused(
            "this server has no role rds_iam, so it takes no IAM tokens: enable IAM authentication (RDS), or --auth secret"
        )
    if auth == SECRET and iam and login.group == MIGRATOR:
        raise LoginRefused(
            f"login {login.name} may become the owner of everything: on a server that takes IAM tokens it gets no password that"
            " could leak. Use --auth iam"
        )
    there, done = present(connection), []
    try:
        with connection.cursor() as cursor:
            for role in roles_of(login, auth):
                done += _ensure_role(cursor, role, login, there.get(role))
                if auth == IAM and not (role in there and there[role].has_iam):
                    _say(cursor, "GRANT rds_iam TO {}", role)
                    done.append(f"{role} logs in by IAM token")
    except psycopg2.errors.InsufficientPrivilege as error:
        connection.rollback()
        raise LoginRefused(
            f"login {login.name} cannot be made by this user: {error.diag.message_primary}. Connect as whoever prepared the"
            " database (scripts/bootstrap.py), or as an administrator"
        ) from None
    connection.commit()
    if auth == IAM and done:
        _prove_that_we_still_get_in(connection, settings, login)
    return done


def _ensure_role(cursor: Any, role: str, login: Login, found: Present | None) -> list[str]:
    done = []
    if found is None:
        # A group of that name, or a role that somebody made NOLOGIN on purpose, is refused by CREATE ROLE.
        try:
            _say(cursor, "CREATE ROLE {} LOGIN", role)
        except psycopg2.errors.DuplicateObject:
            cursor.connection.rollback()
            raise LoginRefused(
                f"role {role} exists and may not log in: choose another name, or ALTER ROLE {role} LOGIN"
            ) from None
        if login.purpose:
            cursor.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(role), sql.Literal(login.purpose)))
        done.append(f"role {role} made")
    elif found.powers or set(found.groups) - {login.group}:
        more = ", ".join([*found.powers, *(set(found.groups) - {login.group})])
        raise LoginRefused(
            f"role {role} exists and has more than {login.group}: {more}. Revoke that, or choose another name"
        )
    if found is None or login.group not in found.groups:
        cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(login.group), sql.Identifier(role)))
        done.append(f"{role} is a member of {login.group}")
    # A limit that somebody chose for this login stays.
    chosen = {setting.partition("=")[0] for setting in found.settings} if found else set()
    missing = {name: value for name, value in LIMITS.get(login.group, {}).items() if name not in chosen}
    for name, value in missing.items():
        cursor.execute(
            sql.SQL("ALTER ROLE {} SET {} = {}").format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value))
        )
    if missing:
        done.append(f"{role} has {', '.join(f'{name} {value}' for name, value in missing.items())}")
    return done


def _say(cursor: Any, statement: str, role: str) -> None:
    cursor.execute(sql.SQL(statement).format(sql.Identifier(role)))


def _prove_that_we_still_get_in(connection: Any, settings: Settings, login: Login) -> None:
    """Whoever makes a role is a member of it, if only to administer it; where access rules count that as holding rds_iam, the
    administrator has just lost the password login. Then the grant is taken back, through the connection that is still open."""
    try:
        connect(settings).close()
    except ConnectionFailed as error:
        with connection.cursor() as cursor:
            _say(cursor, "REVOKE rds_iam FROM {}", login.name)
        connection.commit()
        raise LoginRefused(
            f"with rds_iam granted to {login.name} this administrator could not log in any more ({error}); the grant was taken"
            " back. Let another administrator make the login, who is not the one with the password, or use --auth secret"
        ) from error


# Rotating ---------------------------------------------------------------------------------------------------------------


def secret_name(stack: str, login: Login) -> str:
    """The name of the secret: within what the deployment of the stack may write to."""
    return f"{stack}-login-{login.name.replace('_', '-')}"


def rotate(connection: Any, settings: Settings, login: Login, stack: str, client: Any) -> str:
    """Gives the idle role of the pair a new password, and names it in the secret. Returns its name.

    Interrupted anywhere, what the secret names still opens the door; repeating it starts anew. `client`: boto3's, for Secrets
    Manager. Raises LoginRefused when somebody else rotates the same login, or the new password does not open the door.
    """
    with _alone(connection, login):
        name = secret_name(stack, login)
        current = (_read(client, name) or {}).get("username")
        first, second = roles_of(login, SECRET)
        idle = second if current == first else first
        # Printable, without blanks or quotes: 32 random bytes.
        password = secrets.token_urlsafe(32)
        _set_password(connection, idle, password)
        _prove(settings, login, idle, password)
        parameters = connection_parameters(settings)
        content = {
            "engine": "postgres",
            **{key: str(parameters.get(key, "")) for key in ("host", "port", "dbname")},
            "username": idle,
            "password": password,
        }
        _write(client, name, login, content)
        return idle


def is_usable(settings: Settings, login: Login, stack: str, client: Any) -> bool:
    """Whether the secret names a role of the pair and its password opens the door."""
    content = _read(client, secret_name(stack, login)) or {}
    if content.get("username") not in roles_of(login, SECRET):
        return False
    try:
        _prove(settings, login, content["username"], content.get("password", ""))
    except LoginRefused:
        return False
    return True


@contextmanager
def _alone(connection: Any, login: Login) -> Iterator[None]:
    """Keeps a second rotation of the same login out: each would overwrite the password that the other one publishes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"rotate {login.name}",))
        (mine,) = cursor.fetchone()
        connection.commit()
        if not mine:
            raise LoginRefused(f"another rotation of {login.name} is under way: wait for it")
        try:
            yield
        finally:
            connection.rollback()
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (f"rotate {login.name}",))
            connection.commit()


def _set_password(connection: Any, role: str, password: str) -> None:
    verifier = encrypt_password(password, role, scope=connection, algorithm="scram-sha-256")
    with connection.cursor() as cursor:
        try:
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))
        except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedObject) as error:
            connection.rollback()
            raise LoginRefused(f"the password of {role} cannot be set: {error.diag.message_primary}") from None
    connection.commit()


def _prove(settings: Settings, login: Login, role: str, password: str) -> None:
    parameters = connection_parameters(settings) | {"user": role, "password": password}
    try:
        with closing(psycopg2.connect(**parameters)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_has_role(current_user, %s, 'MEMBER')", (login.group,))
            (member,) = cursor.fetchone()
    except psycopg2.OperationalError as error:
        raise LoginRefused(f"{role} cannot log in with its new password: {str(error).splitlines()[-1]}") from None
    if not member:
        raise LoginRefused(f"{role} is no member of {login.group}: run scripts/db_roles.py create {login.name}")


# Secrets Manager --------------------------------------------------------------------------------------------------------


def secrets_manager(region: str) -> Any:
    """boto3's client. Raises LoginRefused where AWS cannot be asked."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.session.Session().client("secretsmanager", region_name=region or None)
    except BotoCoreError as error:
        raise LoginRefused(f"AWS cannot be asked: {error} (set AWS_REGION and the usual AWS credentials)") from None


def _read(client: Any, name: str) -> dict[str, Any] | None:
    """The content of the secret; None where there is none yet."""
    answer = _ask(client, name, "get_secret_value", missing=None, SecretId=name)
    if answer is None:
        return None
    try:
        content = json.loads(answer.get("SecretString") or "")
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise LoginRefused(
            f"secret {name} exists and was not written by this program: choose another --stack, or delete it"
        )
    return content


def _write(client: Any, name: str, login: Login, content: dict[str, str]) -> None:
    text = json.dumps(content)
    if _ask(client, name, "put_secret_value", missing=None, SecretId=name, SecretString=text) is None:
        _ask(
            client,
            name,
            "create_secret",
            Name=name,
            SecretString=text,
            Description=f"Login of PostgreSQL: {login.name}",
        )


def _ask(client: Any, name: str, call: str, missing: Any = ..., **arguments: Any) -> Any:
    """What AWS answers; `missing` where there is no such secret. What it was told is in no message."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return getattr(client, call)(**arguments)
    except ClientError as error:
        reason = error.response.get("Error", {})
        if reason.get("Code") == "ResourceNotFoundException" and missing is not ...:
            return missing
        raise LoginRefused(f"secret {name}: AWS answered {reason.get('Code')}: {reason.get('Message')}") from None
    except BotoCoreError as error:
        raise LoginRefused(f"secret {name}: AWS cannot be asked: {error}") from None
