"""Logs in to a stack's database with the password that is stored, because an apply alone proves nothing.

When RDS refuses a new password, Terraform records the new version all the same: the next plan is empty while the
database keeps its old password. Only a login tells.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from ecommerce_dms import connection, console
from ecommerce_dms.aws import account, runner_access
from ecommerce_dms.settings import Settings

# A fresh public name takes a moment to be known everywhere, and so does a rule of a security group.
_PATIENCE = 90  # seconds
_PAUSE = 3
_PROBE = 5


class PasswordRefused(console.UserError):
    """The database has another password than the one stored for it."""


def settings_of_stack(outputs: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, str]:
    """The settings that lead to a stack's database: what belongs into scripts/.env.

    Args:
        outputs: Terraform's.
        chosen: what the user's own .env says; with a password there, that is the credential, else the secret.
    """
    values = {
        "DB_HOST": outputs["db_host"],
        "DB_PORT": str(outputs["db_port"]),
        "DB_NAME": outputs["db_name"],
        "DB_USER": outputs["db_user"],
        "DB_ENVIRONMENT": outputs["environment"],
        "AWS_REGION": outputs["region"],
        **access_settings(outputs),
    }
    return values if chosen.get("DB_PASSWORD") else {**values, "DB_SECRET_ARN": outputs["db_secret_arn"]}


def access_settings(outputs: Mapping[str, Any]) -> dict[str, str]:
    """What scripts/runner_access.py or scripts/tunnel.py needs to know; nothing where the database is private."""
    if outputs["access"] == "ssm":
        return {"TUNNEL_INSTANCE_ID": outputs["tunnel_instance_id"]}
    if outputs["access"] != "leased_public":
        return {}
    return {setting: str(outputs[output]) for setting, output in runner_access.SETTINGS.values() if "LEASE" in setting}


def stored_password(aws: Any, secret: str) -> str:
    """The master password in the stack's secret; empty when the secret has no content yet."""
    try:
        answer = account.ask(
            f"secret {secret}", account.client(aws, "secretsmanager").get_secret_value, SecretId=secret
        )
    except account.AwsRefused as error:
        if error.code == "ResourceNotFoundException":
            return ""
        raise
    return json.loads(answer["SecretString"])["password"]


def can_be_reached(settings: Settings) -> bool:
    """Whether something listens there, as seen from this machine."""
    try:
        socket.create_connection((settings.hostaddr or settings.host, settings.port), timeout=_PROBE).close()
    except OSError:
        return False
    return True


def verify(settings: Settings, var_file: str, password_version: int) -> str:
    """Logs in once, waiting for names and rules to get about. Returns the server's version.

    Raises:
        PasswordRefused: the stored password is not the database's, with the way out.
        ConnectionFailed: it cannot be reached.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with closing(connection.connect(settings)) as session, session.cursor() as cursor:
                cursor.execute("SHOW server_version")
                return cursor.fetchone()[0]
        except connection.ConnectionFailed as error:
            if "password authentication failed" in str(error):
                raise PasswordRefused(
                    f"{settings.address()} refuses the stored master password: a change of it has failed half-way. "
                    f"Raise it: master_password_version = {password_version + 1} in {var_file}, then run this again. "
                    "It sends a password to the database and to the secret once more; no data are touched."
                ) from None
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)
