"""Gives the emulated RDS a real PostgreSQL behind its endpoint. Imported by emulator.py alone, where one is named.

EMULATOR_POSTGRES names a JSON file with the connection of a superuser, and beside it `fail_next_modify` makes the next
change of a password fail as RDS fails it. The instance answers at 127.0.0.1 on that server's port; its master gets what
RDS gives one: LOGIN, CREATEROLE, CREATEDB, ADMIN on pg_monitor and on rds_iam, and no superuser. The server has no TLS
(the real one insists on it), and loopback addresses default to sslmode=prefer, so nothing has to be switched off.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBInstance, RDSBackend
from psycopg2 import sql

from .emulator_gaps import wrapping

# What a new RDS instance does not have: everything that users of an earlier one made.
_FOREIGN_ROLES = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper AND rolname <> ALL (%s)"
_OWN_ROLES = ["shop_master"]  # The embedded server's own, which nobody uses here.


class Postgres:
    """The server behind the endpoint."""

    def __init__(self, file: Path) -> None:
        self._parameters = json.loads(file.read_text())
        self.port = int(self._parameters["port"])
        self._fail_next_modify = file.with_name("fail_next_modify")

    def create(self, name: str, master: str, password: str) -> None:
        """A database and its master, as a new instance has them."""
        self._execute(
            sql.SQL("DO $$ BEGIN CREATE ROLE rds_iam NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"),
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(
                sql.Identifier(master), sql.Literal(password)
            ),
            sql.SQL("GRANT pg_monitor, rds_iam TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE").format(
                sql.Identifier(master)
            ),
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(master)),
        )

    def change_password(self, master: str, password: str) -> None:
        """Refuses once where a test asks for it."""
        if self._fail_next_modify.exists():
            self._fail_next_modify.unlink()
            raise RDSClientError("InvalidParameterValue", "The parameter MasterUserPassword is not valid today.")
        self._execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(master), sql.Literal(password)))

    def delete(self, name: str) -> None:
        """The database and all that its users made in the cluster."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        with closing(psycopg2.connect(**self._parameters)) as connection, connection.cursor() as cursor:
            cursor.execute(_FOREIGN_ROLES, (_OWN_ROLES,))
            roles = [role for (role,) in cursor.fetchall()]
        for role in roles:
            self._execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
        for role in roles:
            self._execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    def _execute(self, *statements: sql.Composable) -> None:
        with closing(psycopg2.connect(**self._parameters)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)


def stand_behind_rds(postgres: Postgres) -> None:
    """From now on instances of RDS with a database name are that server. Clusters and replicas stay emulated."""

    @wrapping(DBInstance, "__init__")
    def instance_is_the_server(original, self, backend, *args: Any, **kwargs: Any):
        original(self, backend, *args, **kwargs)
        self.is_real = bool(kwargs.get("db_name") and kwargs.get("master_user_password"))
        if self.is_real:
            postgres.create(kwargs["db_name"], kwargs["master_username"], kwargs["master_user_password"])

    @wrapping(RDSBackend, "modify_db_instance")
    def password_is_forwarded(original, self, identifier: str, request: dict[str, Any]):
        instance = self.describe_db_instances(identifier)[0]
        if request.get("master_user_password") and getattr(instance, "is_real", False):
            postgres.change_password(instance.master_username, request["master_user_password"])
        return original(self, identifier, request)

    @wrapping(RDSBackend, "delete_db_instance")
    def database_goes_with_the_instance(original, self, *args: Any, **kwargs: Any):
        deleted = original(self, *args, **kwargs)
        if getattr(deleted, "is_real", False):
            postgres.delete(deleted.db_name)
        return deleted

    moto_address = DBInstance.address.fget
    DBInstance.address = property(lambda self: "127.0.0.1" if getattr(self, "is_real", False) else moto_address(self))
