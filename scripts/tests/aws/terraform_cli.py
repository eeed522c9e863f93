"""Runs Terraform on copies of terraform/ against the emulated AWS, and reads what it says as data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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


class Running:
    """A run of Terraform that may not have ended yet."""

    def __init__(self, process: subprocess.Popen, output: IO[str]) -> None:
        self.process, self.output = process, output
        self.finished: Finished | None = None

    def finish(self, timeout: float) -> Finished:
        """Waits for its end. One that takes longer is stopped, and subprocess.TimeoutExpired raised."""
        if self.finished is None:
            try:
                code = self.process.wait(timeout)
            except BaseException:
                self.stop()
                raise
            self.output.seek(0)
            self.finished = Finished(code, self.output.read())
            self.output.close()
        return self.finished

    def stop(self) -> None:
        """Ends it, if it has not: what it has made so far stays."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


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
        return self.begin(*arguments, **variables).finish(timeout)

    def begin(self, *arguments: str, **variables: str) -> Running:
        """Like run, but does not wait."""
        # A file, not a pipe: nobody reads while it runs, and a full pipe would stop it.
        output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - Running closes it
        process = subprocess.Popen(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment | {f"TF_VAR_{name}": value for name, value in variables.items()},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        return Running(process, output)

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
