"""What the start script and the destroyer look at before either plans anything: is this the stack that is meant?

The var file says what is meant, the state what has been made, the credentials whose account this is. Any two that
contradict each other stop the program.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecommerce_dms.aws import account
from ecommerce_dms.aws.stack import Asked, Stack, State
from ecommerce_dms.console import UsageError, UserError, say


class WrongStack(UserError):  # noqa: N818 (reads as a sentence where it is caught)
    """Account, environment or state are not those that are meant."""

    exit_code = 4


@dataclass(frozen=True)
class Ground:
    """What both programs stand on."""

    asked: Asked
    state: State
    identity: account.Identity
    aws: Any

    @property
    def name(self) -> str:
        """How people confirm this stack, and no other: identifier/account."""
        return f"{self.asked.identifier}/{self.identity.account}"


def existing_var_file(text: str, terraform: Path) -> Path:
    """The var file that a user named, relative to where he is or to terraform/."""
    for path in (Path(text).expanduser(), terraform / text):
        if path.is_file():
            return path.resolve()
    have = ", ".join(sorted(f"environments/{each.name}" for each in (terraform / "environments").glob("*.tfvars")))
    raise UsageError(f"--var-file {text!r}: there is no such file. In terraform/ there are {have}.")


def look(stack: Stack, environ: Mapping[str, str] = os.environ) -> Ground:
    """Says tools, account, region and state, and checks them against each other.

    Raises:
        WrongStack: two of them contradict each other.
    """
    say(f"Terraform {stack.version()}, {stack.folder}")
    stack.init()
    asked = stack.asked()
    aws = account.session(asked.region)
    identity = account.identity(aws)
    say(f"AWS account {identity.account}, region {asked.region}, as {identity.arn}")
    others = {environ[key] for key in ("AWS_REGION", "AWS_DEFAULT_REGION") if environ.get(key)} - {asked.region}
    if others:
        say(f"  (the region is the var file's; AWS_REGION is {', '.join(sorted(others))} and is not used)")
    state = stack.state()
    say(f"State: {stack.place()}, {_size(state)}")
    say(f"Stack: {asked.identifier} ({asked.environment}), by {stack.var_file}")
    _check(asked, state, identity, stack)
    return Ground(asked, state, identity, aws)


def _size(state: State) -> str:
    number = sum(each["mode"] == "managed" for each in state.resources)
    return f"{number} resources" if number else "empty: nothing has been made"


def _check(asked: Asked, state: State, identity: account.Identity, stack: Stack) -> None:
    if asked.allowed_account_ids and identity.account not in asked.allowed_account_ids:
        raise WrongStack(
            f"these credentials are of account {identity.account}, and allowed_account_ids allows "
            f"{', '.join(asked.allowed_account_ids)}. Log in to that account (AWS_PROFILE)."
        )
    if state.identifier() and state.identifier() != asked.identifier:
        raise WrongStack(
            f"the state in {stack.place()} is of {state.identifier()}, and {stack.var_file.name} asks for "
            f"{asked.identifier}. Name the var file of {state.identifier()} (--var-file), or give each environment a "
            "state of its own (terraform/backend.tf.example)."
        )
    foreign = state.accounts() - {identity.account}
    if foreign:
        raise WrongStack(
            f"the state in {stack.place()} is of account {', '.join(sorted(foreign))}, and these credentials are of "
            f"{identity.account}. Log in to the former (AWS_PROFILE)."
        )
