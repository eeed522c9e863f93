"""A new data directory with its roles, and the configuration that the server runs with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import locale
import secrets
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from ecommerce_dms.embedded.errors import EmbeddedServerError, disk_is_full
from ecommerce_dms.embedded.program import MAJOR
from ecommerce_dms.embedded.state import State

SUPERUSER = "postgres"
# What RDS gives its customers, and what all programs here work as: proven as the master, proven for RDS.
MASTER = "shop_master"
DATABASE = "shop"

# Durability is not touched: fsync, synchronous_commit and full_page_writes stay on, as in production.
_CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "ecommerce-dms",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
    "log_checkpoints": "off",
    # Sizes for a laptop or a small container with two cores and 2 GB.
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    # Solid state disks, as on RDS.
    "random_page_cost": "1.1",
}

_ACCESS_RULES = """\
# Written at every start by ecommerce_dms/embedded. A password for everybody, on the socket too.
# TYPE  DATABASE  USER  ADDRESS        METHOD
local   all       all                  scram-sha-256
host    all       all   127.0.0.1/32   scram-sha-256
# For base backups and standbys, which the drills make.
host    replication  postgres  127.0.0.1/32  scram-sha-256
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def create(data: Path, verifier_file: Path, program: Path, state: State, run: Run) -> None:
    """Makes a data directory with the superuser, the RDS-like master and the shop's database.

    Args:
        data: does not exist yet; its parent belongs to the user that `run` runs programs as.
        verifier_file: holds the superuser's `scram_verifier`; removed afterwards.
        program: the server's installation.
        state: the passwords. PostgreSQL gets verifiers alone, so that no password passes through files or
            pipes.
        run: starts a program with these arguments, and input, as that user.

    Raises:
        EmbeddedServerError: it did not work; the directory is not usable then.
    """
    try:
        _check(
            run(
                program / "bin/initdb",
                f"--pgdata={data}",
                f"--username={SUPERUSER}",
                f"--pwfile={verifier_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                f"--locale={_libc_locale()}",
                "--data-checksums",
            )
        )
    finally:
        verifier_file.unlink(missing_ok=True)
    # Single-user mode needs no port, no password and no second start.
    _check(
        run(
            *(program / "bin/postgres", "--single", "-D", data, "-c", "exit_on_error=true", SUPERUSER),
            input="\n".join(_first_statements(state)) + "\n",
        )
    )


def _first_statements(state: State) -> list[str]:
    """One statement per line, as single-user mode reads them."""
    verifier = scram_verifier(state.master_password)
    return [
        f"CREATE ROLE {MASTER} LOGIN NOSUPERUSER CREATEROLE CREATEDB PASSWORD '{verifier}'",
        f"GRANT pg_monitor TO {MASTER} WITH ADMIN OPTION",
        f"CREATE DATABASE {DATABASE} OWNER {MASTER}",
    ]


def configuration_text(home: Path, data: Path, state: State, extra: Mapping[str, str]) -> str:
    """postgresql.conf, kept outside the data directory: the server's user reads it and cannot change it."""
    settings = {
        "hba_file": str(home / "pg_hba.conf"),
        "ident_file": str(data / "pg_ident.conf"),
        "port": str(state.port),
        "unix_socket_directories": _list_item(state.socket_directory),
        **_CONFIGURATION,
        **extra,
    }
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    return "\n".join(
        [
            "# Written at every start by ecommerce_dms/embedded. Settings of your own: ALTER SYSTEM SET …",
            "# What initdb found out about this machine comes first.",
            f"include = {_quoted(str(data / 'postgresql.conf'))}",
            *lines,
            "",
        ]
    )


def access_rules_text() -> str:
    """pg_hba.conf."""
    return _ACCESS_RULES


def refuse_other_major(data: Path) -> None:
    """A data directory can be read by the major version that made it alone.

    Raises:
        EmbeddedServerError: another one made it, or it is no data directory.
    """
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(f"{data} is no data directory of PostgreSQL: move it away.") from None
    if made_by != MAJOR:
        raise EmbeddedServerError(
            f"{data} was made by PostgreSQL {made_by}, and this is {MAJOR}: dump it with the programs of "
            f"{made_by} if you need what is in it; python3 scripts/local.py reset then starts anew."
        )


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores for an ASCII password (RFC 5802, RFC 7677; src/common/scram-common.c)."""
    salt, iterations = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client_key).digest(), server_key))
    encoded_salt, stored_key, encoded_server_key = parts
    return f"SCRAM-SHA-256${iterations}:{encoded_salt}${stored_key}:{encoded_server_key}"


def _libc_locale() -> str:
    """For what the built-in provider leaves to the C library, such as finding words in text to search."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8"):
            try:
                locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
            return name
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def _check(result: subprocess.CompletedProcess[str]) -> None:
    if result.returncode == 0:
        return
    output = f"{result.stdout}\n{result.stderr}"
    if disk_is_full(output):
        raise EmbeddedServerError("the disk is full: free some space and run this again.")
    last = " | ".join(line.strip() for line in output.splitlines()[-3:] if line.strip())
    raise EmbeddedServerError(f"a new data directory could not be made: {last}")


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _list_item(directory: str) -> str:
    """An element of a comma-separated setting, whatever stands in the path."""
    return '"' + directory.replace('"', '""') + '"'
