"""Terraform's runs on terraform/: each call, and what it answers, as data. Decides nothing and asks nobody.

Secrets reach Terraform through its environment (TF_VAR_…) alone: process arguments are public.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ecommerce_dms import console

ROOT = Path(__file__).resolve().parents[3]
TERRAFORM = ROOT / "terraform"
DEFAULT_VAR_FILE = TERRAFORM / "environments/test.tfvars"

_MINIMUM = (1, 11)  # Ephemeral values reach resources since then.

# What the configuration asks for, evaluated by Terraform itself: defaults, var file and TF_VAR_ included.
_ASKED = """jsonencode({
  identifier = "${var.project}-${var.environment}", environment = var.environment, region = var.region,
  access = var.access, allowed_account_ids = var.allowed_account_ids, password_version = var.master_password_version,
  username = var.database.username, protection = var.protection, kms_key_arn = var.encryption.kms_key_arn
})"""


class TerraformFailed(console.UserError):
    """Terraform ended with an error. It has said why on the screen."""


@dataclass(frozen=True)
class Asked:
    """What a var file asks for, before anything is planned."""

    identifier: str
    environment: str
    region: str
    access: str
    allowed_account_ids: list[str]
    password_version: int
    username: str
    protection: dict[str, Any]
    kms_key_arn: str | None


@dataclass(frozen=True)
class State:
    """What Terraform has made: output values by name, and resources as `terraform show -json` lists them."""

    outputs: Mapping[str, Any]
    resources: list[dict[str, Any]]

    def find(self, *types: str) -> list[dict[str, Any]]:
        """The managed resources of these types."""
        return [each for each in self.resources if each["mode"] == "managed" and each["type"] in types]

    def databases(self) -> list[dict[str, Any]]:
        """What holds the data: the primary instance or the cluster; no replica."""
        found = self.find("aws_db_instance", "aws_rds_cluster")
        return [each for each in found if not each["values"].get("replicate_source_db")]

    def identifier(self) -> str:
        """The name of the stack; empty when nothing says so any more."""
        for database in self.databases():
            return database["values"].get("identifier") or database["values"]["cluster_identifier"]
        return self.outputs.get("identifier", "")

    def accounts(self) -> set[str]:
        """The AWS accounts that the resources' ARNs name."""
        arns = [each["values"].get("arn") or "" for each in self.resources if each["mode"] == "managed"]
        return {arn.split(":")[4] for arn in arns if arn.count(":") >= 5 and arn.split(":")[4].isdigit()}


class Stack:
    """One folder with the configuration, and the var file it is used with."""

    def __init__(self, folder: Path, var_file: Path, environ: Mapping[str, str] = os.environ) -> None:
        self.folder = folder
        self.var_file = var_file
        # A log at level TRACE would hold what providers send, passwords included.
        self._environ = {key: value for key, value in environ.items() if not key.startswith("TF_LOG")}

    def with_password(self, password: str) -> Stack:
        """The same, with the master password that somebody chose."""
        return Stack(self.folder, self.var_file, {**self._environ, "TF_VAR_db_password": password})

    def version(self) -> str:
        """Terraform's version.

        Raises:
            UserError: there is none, or it is too old.
        """
        if not shutil.which("terraform", path=self._environ.get("PATH")):
            raise console.UserError(
                "terraform is not on PATH. Install 1.11 or newer: https://developer.hashicorp.com/terraform/install"
            )
        version = json.loads(self._captured("version", "-json"))["terraform_version"]
        if tuple(map(int, re.findall(r"\d+", version)[:2])) < _MINIMUM:
            raise console.UserError(
                f"terraform is {version}, and this needs 1.11 or newer: "
                "https://developer.hashicorp.com/terraform/install"
            )
        return version

    def init(self) -> None:
        """Fetches the provider that the lock file names, if it is not there."""
        self._captured("init", "-input=false", "-no-color", "-lockfile=readonly")

    def place(self) -> str:
        """Where the state is, in words: backend, its key, and the workspace unless it is the default one."""
        workspace = self._environ.get("TF_WORKSPACE") or _text(self.folder / ".terraform/environment") or "default"
        backend = json.loads(_text(self.folder / ".terraform/terraform.tfstate") or "{}").get("backend") or {}
        config = backend.get("config") or {}
        if backend.get("type") == "s3":
            place = f"s3://{config.get('bucket')}/{config.get('key')}"
        elif backend.get("type", "local") == "local":
            place = str(self.folder / "terraform.tfstate")
        else:
            place = f"backend {backend['type']}"
        return place if workspace == "default" else f"{place}, workspace {workspace}"

    def asked(self) -> Asked:
        """What the var file asks for."""
        # `terraform console` reads one expression a line.
        expression = " ".join(_ASKED.split()) + "\n"
        answer = self._captured("console", "-no-color", *self._variables(), stdin=expression)
        # A warning comes before the value where the state is of another stack: what it has does not fit this var file.
        return Asked(**json.loads(json.loads(answer.strip().splitlines()[-1])))

    def state(self) -> State:
        """What has been made."""
        values = json.loads(self._captured("show", "-json")).get("values") or {}
        outputs = {name: output.get("value") for name, output in (values.get("outputs") or {}).items()}
        return State(outputs, _resources(values.get("root_module") or {}))

    def plan(self, file: Path, *options: str) -> dict[str, Any]:
        """Saves a plan, and returns it as `terraform show -json` does."""
        self._captured("plan", "-input=false", "-no-color", f"-out={file}", *self._variables(), *options)
        return json.loads(self._captured("show", "-json", str(file)))

    def apply(self, file: Path) -> None:
        """Applies that plan, while Terraform says on the screen what it does."""
        self._shown("apply", "-input=false", "-no-color", str(file))

    def back_up_state(self, file: Path) -> None:
        """Writes the state beside, readable for this user alone."""
        content = self._captured("state", "pull")
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)

    def forget(self, addresses: list[str]) -> None:
        """Takes resources out of the state; they stay where they are."""
        self._captured("state", "rm", *addresses)

    def _variables(self) -> list[str]:
        return [f"-var-file={self.var_file}"]

    def _captured(self, *arguments: str, stdin: str | None = None) -> str:
        code, output, errors = self._run(arguments, stdin, captured=True)
        if code != 0:
            console.say((errors + output).rstrip())
            raise TerraformFailed(f"terraform {arguments[0]} failed, as it says above.{_advice(errors + output)}")
        return output

    def _shown(self, *arguments: str) -> None:
        try:
            code, output, _ = self._run(arguments, None, captured=False)
        except KeyboardInterrupt:
            console.say("What Terraform made stays, and is known: run this again to go on.")
            raise
        if code != 0:
            raise TerraformFailed(
                f"terraform {arguments[0]} failed, as it says above. What it made stays, and is known.{_advice(output)}"
            )

    def _run(self, arguments: tuple[str, ...], stdin: str | None, *, captured: bool) -> tuple[int, str, str]:
        """Runs Terraform to its end. Who interrupts us interrupts it, and it is waited for: killed, it would lose what
        it made, and keep the lock."""
        output, errors = "", ""
        with _Interrupts() as interrupts:
            with subprocess.Popen(
                ["terraform", *arguments],
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if captured else subprocess.STDOUT,
                text=True,
                start_new_session=True,  # Else Ctrl-C would reach it twice, which means: at once.
            ) as process:
                interrupts.pass_on_to(process)
                if captured:
                    output, errors = process.communicate(stdin)
                else:
                    output = _show(process.stdout)
            if interrupts.came:
                raise KeyboardInterrupt
        return process.returncode, output, errors


class _Interrupts:
    """Ctrl-C, SIGTERM and a terminal that goes away, kept until there is a process to pass them on to."""

    def __init__(self) -> None:
        self.came = False
        self._process: subprocess.Popen[str] | None = None
        self._ordinary: dict[int, Any] = {}

    def __enter__(self) -> _Interrupts:
        if threading.current_thread() is threading.main_thread():  # Python allows it there alone.
            numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            self._ordinary = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._ordinary.items():
            signal.signal(number, handler)

    def pass_on_to(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        if self.came:
            process.send_signal(signal.SIGINT)

    def _note(self, _number: int, _frame: object) -> None:
        self.came = True
        if self._process:
            self._process.send_signal(signal.SIGINT)
        os.write(2, b"interrupted: waiting for terraform to end in an orderly way ...\n")


def _show(stream: IO[str] | None) -> str:
    """Terraform's progress, up to the outputs: those are for scripts/.env. Returns what it showed."""
    shown = []
    for line in stream or ():
        if line.startswith("Outputs:"):
            break
        if line.strip():
            shown.append(line)
            console.say(f"  {line.rstrip()}")
    for _ in stream or ():
        pass  # Read to its end, or Terraform would wait for a reader.
    return "".join(shown)


def _resources(module: dict[str, Any]) -> list[dict[str, Any]]:
    children = [resource for child in module.get("child_modules", []) for resource in _resources(child)]
    return [*module.get("resources", []), *children]


def _advice(output: str) -> str:
    """What to do about errors whose own words leave a user alone."""
    if "Error acquiring the state lock" in output:
        return (
            " Somebody else is at work on this stack, or a run was killed: when nobody is, "
            "`terraform force-unlock ID` (in terraform/) with the ID above."
        )
    if "Failed to query available provider packages" in output:
        return " The provider comes from registry.terraform.io: is there a network?"
    if "Error: creating RDS" in output and "Error: Invalid index" in output:
        # Terraform asks what a database is like that was to be made, even where it could not be.
        return (
            " The reason is `creating RDS`; each `Invalid index` only follows from it. Mend that, and run this again."
        )
    return ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
