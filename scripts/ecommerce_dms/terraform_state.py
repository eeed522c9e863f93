"""Whether terraform/ has made a database, read from its local files: no Terraform, no AWS, no network.

Not for what the stack is (aws/stack.py asks Terraform), only for not overlooking it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "terraform"

_DATABASES = ("aws_db_instance", "aws_rds_cluster")


def stack_in(folder: Path) -> str:
    """What the stack is called; empty where there is none.

    A state in a backend such as S3 is not read: where this clone is connected to one, there is a stack.
    """
    backend = _read(folder / ".terraform/terraform.tfstate").get("backend") or {}
    if backend.get("type", "local") != "local":
        return f"a database (its state is in the backend {backend['type']})"
    state = _read(folder / "terraform.tfstate")
    has_database = any(each.get("type") in _DATABASES for each in state.get("resources") or [])
    name = (state.get("outputs") or {}).get("identifier", {}).get("value")
    return (name or "a database") if has_database else ""


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
