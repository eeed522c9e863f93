"""Tells GitHub Actions of the repository where the stack is, through the GitHub command line, if it is there.

Variables are readable by everybody who can read the repository's settings: nothing here is a secret.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecommerce_dms.aws import sign_in
from ecommerce_dms.console import say

_TIMEOUT = 60


def of_stack(outputs: Mapping[str, Any]) -> dict[str, str]:
    """The variables by name. What the stack does not have is left out."""
    roles = outputs.get("github_role_arns") or {}
    values = {
        "AWS_REGION": outputs["region"],
        "DB_ENVIRONMENT": outputs["environment"],
        "DB_HOST": outputs["db_host"],
        "DB_PORT": str(outputs["db_port"]),
        "DB_NAME": outputs["db_name"],
        "DB_USER": outputs["db_user"],
        "DB_SECRET_ARN": outputs["db_secret_arn"],
        **sign_in.access_settings(outputs),
        **{f"AWS_{name.upper()}_ROLE_ARN": arn for name, arn in sorted(roles.items())},
    }
    return {name: value for name, value in values.items() if value}


def publish(outputs: Mapping[str, Any], folder: Path) -> None:
    """Sets them where that can be done, and says why where it cannot. Never fails: the stack is up."""
    if outputs["environment"] == "production":
        say("GitHub: variables are not set, so that no workflow is pointed at production by accident.")
        return
    if not shutil.which("gh"):
        say("GitHub: gh is not installed, so the repository's variables are not set (https://cli.github.com).")
        return
    found = _gh(folder, "repo", "view", "--json", "nameWithOwner", "--jq", ".nameWithOwner")
    if found.returncode != 0:
        say(f"GitHub: variables are not set: {_last_line(found)} (`gh auth login` logs in).")
        return
    names = of_stack(outputs)
    for name, value in names.items():
        done = _gh(folder, "variable", "set", name, "--body", value)
        if done.returncode != 0:
            say(f"GitHub: variable {name} of {found.stdout.strip()} is not set: {_last_line(done)}.")
            return
    say(f"GitHub: set {', '.join(names)} of {found.stdout.strip()}.")


def _gh(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["gh", *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 1, "", f"gh did not answer within {_TIMEOUT} s")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (
        (done.stderr.strip() or done.stdout.strip() or f"gh ended with {done.returncode}").splitlines()[-1].rstrip(".")
    )
