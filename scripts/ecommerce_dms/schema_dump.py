"""The whole schema as one text: `pg_dump -s`, without what differs from run to run or says nothing."""

import os
import re
import subprocess

from psycopg2.extensions import make_dsn

from ecommerce_dms import client_programs
from ecommerce_dms.connection import connection_parameters
from ecommerce_dms.console import UserError
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

# What pg_dump writes about itself and for the session that restores. The token of \restrict is random.
_NOISE = re.compile(
    r"^(\\(un)?restrict .*"
    r"|-- Dumped (from|by) .*"
    r"|SELECT pg_catalog\.set_config\('search_path', '', false\);"
    r"|SET (statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout"
    r"|client_encoding|standard_conforming_strings|check_function_bodies|xmloption|client_min_messages|row_security"
    r"|default_tablespace|default_table_access_method) = .*;)\n",
    re.MULTILINE,
)
# pg_dump names the roles of a policy in the order in which the server happens to store them.
_POLICY_ROLES = re.compile(r"^(CREATE POLICY .*? TO )(\w+(?:, \w+)+)(?= USING| WITH CHECK|;)", re.MULTILINE)
_HEADINGS = re.compile(r"\n*^--\n-- (Name: .*; Type: .*|PostgreSQL database dump.*)\n--\n+", re.MULTILINE)


def dump(settings: Settings) -> str:
    """The schema of the database of `settings`, without owners, with privileges, in pg_dump's stable order.

    Raises UserError when there is no pg_dump 18, or when it fails.
    """
    parameters = connection_parameters(settings)
    environment = os.environ | {"PGPASSWORD": parameters.pop("password", "")}
    command = [
        client_programs.find("pg_dump"),
        "--schema-only",
        "--no-owner",
        # Alembic's own table is no part of what it migrates.
        "--exclude-table=shop.alembic_version",
        # The owner may lock and read every table.
        f"--role={OWNER}",
        f"--dbname={make_dsn(**parameters)}",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"pg_dump failed: {done.stderr}")
    return normalise(done.stdout)


def normalise(dumped: str) -> str:
    """pg_dump's text without its noise, with a blank line for each heading, and with the roles of a policy in order."""
    text = _HEADINGS.sub("\n\n", _NOISE.sub("", dumped)).strip() + "\n"
    return _POLICY_ROLES.sub(lambda found: found[1] + ", ".join(sorted(found[2].split(", "))), text)
