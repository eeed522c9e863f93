"""Turns libpq's message about a failed connection into one line: which server, what happened, what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ecommerce_dms.console import UserError
from ecommerce_dms.settings import Settings


class ConnectionFailed(UserError):  # noqa: N818 – reads as a sentence where it is caught.
    """No connection: names host, port, database and user, and the likely remedy; never the password."""


_BOOTSTRAP = "the user cannot act as the role that this program needs. scripts/bootstrap.py makes the roles."

# (pattern, remedy): the first that occurs in the message decides. libpq has no SQLSTATE for these failures.
_REMEDIES = (
    (
        "root certificate file .* does not exist|certificate verify failed|could not read root certificate",
        "the server's certificate cannot be checked. Download "
        "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem and set DB_SSLROOTCERT to it.",
    ),
    (
        "Connection refused|No such file or directory|Is the server running locally",
        "nothing listens there. Is the server started, and are host and port right?",
    ),
    (
        "could not translate host name|Name or service not known|nodename nor servname",
        "the host name is unknown. Check its spelling, and whether this machine's DNS sees its private zone.",
    ),
    (
        "timeout expired|timed out|No route to host|Network is unreachable",
        "no answer. A private database is reachable only from inside its network or through a tunnel: check "
        "the route and the security groups.",
    ),
    (
        "PAM authentication failed",
        "the IAM token was refused. Is the user in rds_iam, is IAM authentication on, and may this identity "
        "rds-db:connect?",
    ),
    (
        "password authentication failed",
        "the server refused this user name or this password.",
    ),
    (
        "no password supplied",
        "the server wants a password, and none was given: set DB_PASSWORD, DB_SECRET_ARN or DB_AUTH=iam "
        "beside the server's name, or add a line to libpq's password file (~/.pgpass).",
    ),
    (
        'database "[^"]*" does not exist',
        "check DB_NAME.",
    ),
    (
        "permission denied to set role",
        _BOOTSTRAP,
    ),
    (
        'role "[^"]*" does not exist',
        "check DB_USER.",
    ),
    (
        "no encryption|SSL off",
        "the server insists on TLS: set DB_SSLMODE=verify-full.",
    ),
    (
        "no pg_hba.conf entry",
        "the server's access rules (pg_hba.conf) have no entry for this user, database and address.",
    ),
    (
        "does not match host name",
        "the certificate is for another name. Through a tunnel keep the real name in DB_HOST and put "
        "127.0.0.1 into DB_HOSTADDR.",
    ),
    (
        "server does not support SSL",
        "it has no TLS. Only where nobody can be in between: DB_SSLMODE=prefer.",
    ),
    (
        "too many clients|remaining connection slots|too many connections",
        "all its connections are taken: close some, or wait.",
    ),
    (
        "is starting up|is shutting down|not yet accepting connections|in recovery mode",
        "try again in a moment.",
    ),
)


def explain(message: str, parameters: Mapping[str, str], settings: Settings) -> ConnectionFailed:
    """The error for libpq's `message` about a connection with `parameters`."""
    missing = re.search('role "([^"]*)" does not exist', message)
    found = (remedy for pattern, remedy in _REMEDIES if re.search(pattern, message, re.DOTALL))
    remedy = _BOOTSTRAP if missing and missing[1] != parameters["user"] else next(found, "")
    if settings.unused and "password" in message:
        remedy += f" ({', '.join(settings.unused)} was not used: it was written for another server.)"
    said = "; ".join(filter(None, [_reason(message), remedy]))
    return ConnectionFailed(_without(parameters.get("password", ""), f"cannot connect to {_where(parameters)}: {said}"))


def _where(parameters: Mapping[str, str]) -> str:
    host = f"[{parameters['host']}]" if ":" in parameters["host"] else parameters["host"]
    user = parameters["user"] or "the operating system's user"
    return f"{host}:{parameters['port']}/{parameters['dbname']} as {user}"


def _reason(message: str) -> str:
    """libpq's own words for the last address it tried, without the address, which we name already."""
    lines = [line.strip() for line in message.splitlines()]
    reasons = [line for line in lines if line and "Is the server running" not in line and "HINT:" not in line]
    if not reasons:
        return ""
    return re.sub("^.*? failed: ", "", reasons[-1]).removeprefix("FATAL:").strip().rstrip(".")


def _without(secret: str, text: str) -> str:
    """libpq does not quote passwords. Should a message ever hold one, this program does not print it."""
    return text.replace(secret, "…") if len(secret) >= 4 else text
