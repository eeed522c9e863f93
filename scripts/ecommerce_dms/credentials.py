"""Turns what `Settings` say about a credential into a user and a password, anew for each connection.

Nothing is cached: an IAM token lives 15 minutes, and a secret may be rotated while a program runs.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from ecommerce_dms.console import UserError
from ecommerce_dms.settings import Settings


class CredentialError(UserError):
    """AWS did not hand out the credential. Says which one and why; holds nothing of the secret."""


class Credential(NamedTuple):
    """A user and a password; an empty password leaves it to libpq (password file, peer, certificate)."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credential(user={self.user!r})"


def resolve(settings: Settings, session: Any = None) -> Credential:
    """Fetches the credential for a new connection.

    Args:
        settings: for a server that is not the embedded one.
        session: a boto3 session to use instead of the default one.

    Raises:
        CredentialError: AWS refused or could not be asked, or the secret has another form.
    """
    if settings.auth == "secret":
        return _from_secret(settings, session)
    if settings.auth == "iam":
        return Credential(settings.user, _iam_token(settings, session))
    return Credential(settings.user, settings.password)


def _from_secret(settings: Settings, session: Any) -> Credential:
    region = settings.secret_arn.split(":")[3]
    client = _client("secretsmanager", region or settings.region, session)
    answer = _ask(f"secret {settings.secret_arn}", client.get_secret_value, SecretId=settings.secret_arn)
    text = answer.get("SecretString")
    if not text:
        raise CredentialError(f"secret {settings.secret_arn} holds binary data, not a password.")

    user, password = _read_secret(text, settings.secret_arn)
    if settings.user and user and settings.user != user:
        raise CredentialError(
            f"DB_USER is {settings.user!r}, but secret {settings.secret_arn} is for {user!r}: "
            "leave DB_USER out, or name that user's secret."
        )
    if not (settings.user or user):
        raise CredentialError(f"secret {settings.secret_arn} names no user: set DB_USER.")
    return Credential(settings.user or user, password)


def _read_secret(text: str, arn: str) -> tuple[str, str]:
    """RDS writes {"username": …, "password": …}; a plain string is a password alone."""
    try:
        content = json.loads(text)
    except ValueError:
        return "", text
    if not isinstance(content, dict):
        return "", text
    password = content.get("password")
    if not (isinstance(password, str) and password):
        raise CredentialError(f'secret {arn} is JSON without a "password".')
    return str(content.get("username") or ""), password


def _iam_token(settings: Settings, session: Any) -> str:
    """A signed 15-minute password. Computed on this machine: AWS sees it when PostgreSQL checks it."""
    in_name = re.search(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com", settings.host)
    client = _client("rds", settings.region or (in_name[1] if in_name else ""), session)
    return _ask(
        f"IAM token for {settings.user} at {settings.host}",
        client.generate_db_auth_token,
        DBHostname=settings.host,
        Port=settings.port,
        DBUsername=settings.user,
    )


def _client(service: str, region: str, session: Any) -> Any:
    # boto3 takes a third of a second to import; only those who use it wait.
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return (session or boto3.session.Session()).client(service, region_name=region or None)
    except BotoCoreError as error:
        raise CredentialError(f"AWS cannot be asked: {error} (set AWS_REGION and the usual AWS credentials).") from None


def _ask(what: str, call: Any, **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(**arguments)
    except ClientError as error:
        reason = error.response.get("Error", {})
        raise CredentialError(f"{what}: AWS answered {reason.get('Code')}: {reason.get('Message')}") from None
    except BotoCoreError as error:
        raise CredentialError(f"{what}: AWS cannot be asked: {error}") from None
