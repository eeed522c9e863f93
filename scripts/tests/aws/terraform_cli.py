"""Runs Terraform on copies of terraform/ against the emulated AWS, and reads what it says as data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULE = Path(__file__).parents[3] / "terraform"
MONITORING = MODULE.parent / "monitoring"  # which terraform/ calls as ../monitoring


@dataclass(frozen=True)
class Finished:
    """A run that ended: exit code, and both streams, in which secrets would show."""

    code: int
    output: str

    def messages(self) -> Iterator[dict[str, Any]]:
        """The lines of `-json` output. Other lines are skipped."""
        for line in self.output.splitlines():
            if line.startswith("{"):
                yield json.loads(line)

    def diagnostics(self) -> list[dict[str, Any]]:
        """Errors and warnings, each with `severity`, `summary`, `detail` and, where Terraform knows it, `snippet`."""
        return [message["diagnostic"] for message in self.messages() if message.get("type") == "diagnostic"]


class Terraform:
    """One folder with the module and its state."""

    def __init__(self, folder: Path, endpoint: str | None) -> None:
        self.folder = folder
        self.environment = {
            **clean_environment(),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKPOINT_DISABLE": "1",
        }
        if endpoint:
            self.environment["AWS_ENDPOINT_URL"] = endpoint

    def run(self, *arguments: str, timeout: float = 600, **variables: str) -> Finished:
        """Runs `terraform *arguments`. `variables` become TF_VAR_ ones, which appear in no process list."""
        finished = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment | {f"TF_VAR_{name}": value for name, value in variables.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Finished(finished.returncode, finished.stdout)

    def succeed(self, *arguments: str, **options: Any) -> Finished:
        finished = self.run(*arguments, **options)
        if finished.code != 0:
            raise AssertionError(f"terraform {' '.join(arguments)} failed:\n{finished.output}")
        return finished


def copy_of_module(folder: Path, *, initialised: Path | None = None) -> Path:
    """A copy of what git tracks or would, without state; with the provider of an initialised folder, if given.

    The monitoring module comes beside it.
    """
    unwanted = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan", "backend.tf")
    shutil.copytree(MODULE, folder, ignore=unwanted)
    shutil.copytree(MONITORING, folder.parent / "monitoring", ignore=unwanted, dirs_exist_ok=True)
    if initialised:
        (folder / ".terraform").symlink_to(initialised / ".terraform")
    return folder


def clean_environment() -> dict[str, str]:
    """The caller's environment without its AWS account and Terraform settings: tests touch neither."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    for name in ("TF_PLUGIN_CACHE_DIR", "TF_CLI_CONFIG_FILE"):
        if Path(os.environ.get(name, "")).exists() and os.environ.get(name):
            kept[name] = os.environ[name]
    return kept
