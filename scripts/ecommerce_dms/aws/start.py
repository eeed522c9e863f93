"""Makes the stack in terraform/ or brings it up to date, proves that its password works, and writes scripts/.env.

In this order: look (tools, account, region, state), plan, show the plan with its cost, refuse what would destroy
data, ask, apply that plan, open access for this machine, log in with the stored password, write scripts/.env, tell
GitHub. Interrupted or failed, it can be run again: what was made stays and is not made twice.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ecommerce_dms import console, settings_layers
from ecommerce_dms.aws import (
    account,
    ca_bundle,
    cost,
    env_file,
    github_variables,
    parameter_scopes,
    plan_summary,
    preflight,
    public_address,
    runner_access,
    sign_in,
)
from ecommerce_dms.aws.preflight import Ground
from ecommerce_dms.aws.stack import DEFAULT_VAR_FILE, ROOT, TERRAFORM, Stack
from ecommerce_dms.console import UsageError, UserError, say
from ecommerce_dms.settings import Settings, load_settings

EXAMPLES = """\
examples:
  bash scripts/update_env_ci_and_start_tf.sh
      the test database; asks before anything is made
  bash scripts/update_env_ci_and_start_tf.sh --plan-only
      only what would be made, and what that costs
  bash scripts/update_env_ci_and_start_tf.sh --var-file environments/production.tfvars
      another environment
  bash scripts/update_env_ci_and_start_tf.sh --env-only
      scripts/.env anew, from a stack that is there already
  bash scripts/update_env_ci_and_start_tf.sh --yes --apply-only
      without asking, as in CI, where another job gets in and migrates

A master password of your own stands as DB_PASSWORD in scripts/.env before the first start; without one, one is made
and kept in AWS Secrets Manager. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused because data would be lost,
4 another account or another stack than meant, 130 interrupted.
"""

REFUSED = 3

_LEASE = timedelta(hours=1)
_HOURS = 3  # An afternoon of trying things out, beside an hour and a month.


class DataLoss(UserError):  # noqa: N818 (reads as a sentence where it is caught)
    """The plan would delete what cannot be had back."""

    exit_code = REFUSED


def main(argv: list[str] | None = None) -> int:
    """Runs the program; see the module's docstring. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    file = env_file.read(Path(arguments.env_file))
    var_file = preflight.existing_var_file(arguments.var_file, TERRAFORM)
    stack = Stack(TERRAFORM, var_file)
    if file.password:
        say(f"Master password: DB_PASSWORD of {file.path}")
        stack = stack.with_password(file.password)
    else:
        say(f"Master password: that in AWS Secrets Manager, made with the stack (no DB_PASSWORD in {file.path})")

    ground = preflight.look(stack)
    file.refuse_another_server(ground.state.outputs.get("db_host", ""))
    if not (arguments.plan_only or arguments.apply_only) and not file.values.get("DB_SSLROOTCERT"):
        for line in ca_bundle.ensure():
            say(line)

    if arguments.env_only:
        _refuse_without_stack(ground)
        outputs = ground.state.outputs
    else:
        with tempfile.TemporaryDirectory(prefix="ecommerce-dms-plan-") as folder:
            if not _plan_and_apply(stack, ground, file, arguments, Path(folder) / "start.tfplan"):
                return 0
        outputs = stack.state().outputs
    if arguments.apply_only:
        say(f"{ground.asked.identifier} is as asked for. Nobody has logged in, and nothing was written (--apply-only).")
        return 0
    _finish(stack, ground, file, outputs)
    if not arguments.no_github:
        github_variables.publish(outputs, ROOT)
    _say_next(outputs, file, var_file)
    return 0


def _plan_and_apply(
    stack: Stack, ground: Ground, file: env_file.EnvFile, arguments: argparse.Namespace, saved: Path
) -> bool:
    """Whether the stack is now as asked for; False when it was only looked at."""
    with console.step("planning"):
        plan = stack.plan(saved)
    found = plan_summary.changes(plan)
    for line in plan_summary.summary_lines(found):
        say(line)
    _say_cost(plan)
    _check_parameters(plan, ground)
    _refuse_losses(plan_summary.losses(found), allowed=arguments.allow_data_loss)
    _refuse_unsent_password(ground, found, file)
    if arguments.plan_only:
        say("Nothing was changed (--plan-only).")
        return False
    if plan.get("applyable", bool(found)):
        _confirm(f"Apply this plan to {ground.name}? Type yes: ", yes=arguments.yes)
        new = any(each.verb != "change" and each.type in ("aws_db_instance", "aws_rds_cluster") for each in found)
        say("applying this plan" + ("; a new database takes RDS 10 to 20 minutes …" if new else " …"))
        stack.apply(saved)
    return True


def _say_cost(plan: dict[str, Any]) -> None:
    for line in cost.summary_lines(cost.estimate(plan, _HOURS)):
        say(line)


def _check_parameters(plan: dict[str, Any], ground: Ground) -> None:
    try:
        mistakes = parameter_scopes.mistakes(plan, account.client(ground.aws, "rds"))
    except account.AwsRefused as error:
        say(f"Parameters are not checked against RDS: {error}")
        return
    if mistakes:
        raise UserError(f"RDS would refuse the parameters half-way through the apply: {' '.join(mistakes)}")


def _refuse_losses(losses: list[str], *, allowed: bool) -> None:
    if losses and not allowed:
        raise DataLoss(
            f"this plan deletes {'; '.join(losses)}. Nothing was changed. If a setting was changed by mistake, undo it; "
            "to take the stack down: scripts/terraform_safe_destroyer.sh; if this is really meant: --allow-data-loss."
        )
    for each in losses:
        say(f"WARNING: {each} will be deleted (--allow-data-loss)")


def _refuse_unsent_password(ground: Ground, found: list[plan_summary.Change], file: env_file.EnvFile) -> None:
    """A password goes to the database when it is made or when the version is raised, and only then."""
    secret = ground.state.outputs.get("db_secret_arn")
    sent = any(each.type == "aws_secretsmanager_secret_version" for each in found)
    if secret and not sent:
        _refuse_other_password(ground, secret, file)


def _refuse_other_password(ground: Ground, secret: str, file: env_file.EnvFile) -> None:
    stored = sign_in.stored_password(ground.aws, secret) if file.password else ""
    if stored and stored != file.password:
        raise UserError(
            f"DB_PASSWORD in {file.path} is not the password that {ground.asked.identifier} has. To make it so: "
            f"master_password_version = {ground.asked.password_version + 1} in the var file, then run this again. To "
            "go on with the stored one: take DB_PASSWORD out."
        )


def _refuse_without_stack(ground: Ground) -> None:
    if not ground.state.databases():
        raise UserError(
            f"there is no {ground.asked.identifier} yet whose settings could be written. Without --env-only, this makes it."
        )


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to confirm this plan: --yes applies it, --plan-only only shows it.")
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != "yes":
        raise UserError("nothing was changed.")


def _finish(stack: Stack, ground: Ground, file: env_file.EnvFile, outputs: Mapping[str, Any]) -> None:
    """Access, login, .env."""
    _refuse_other_password(ground, outputs["db_secret_arn"], file)
    settings = _settings(outputs, file)
    if _is_open(outputs, settings):
        _log_in(settings, stack, ground)
    values = sign_in.settings_of_stack(outputs, file.values)
    for key in env_file.write(file, outputs["identifier"], values):
        say(f"{file.path}: your {key} contradicts the stack and is now a comment.")
    credential = "DB_PASSWORD" if file.password else "DB_SECRET_ARN"
    say(f"{file.path}: written; programs log in with {credential}, and only you can read the file.")


def _settings(outputs: Mapping[str, Any], file: env_file.EnvFile) -> Settings:
    """The way to the stack with its stored password, whatever the environment of this program says."""
    chosen = {key: value for key, value in file.values.items() if key in _HOW_TO_CONNECT}
    return load_settings(environ={**chosen, **sign_in.settings_of_stack(outputs, {})}, env_file=os.devnull)


# What the user may say about the way to the server, beside where it is.
_HOW_TO_CONNECT = ("DB_HOSTADDR", "DB_SSLMODE", "DB_SSLROOTCERT")


def _is_open(outputs: Mapping[str, Any], settings: Settings) -> bool:
    """Whether this machine can reach the database, which it is let in to where the stack is made for that."""
    if outputs["access"] == "leased_public":
        try:
            _open_access(outputs)
        except UserError as error:
            say(f"warning: this machine is not let in, and the login is not checked: {error}")
            return False
        return True
    if sign_in.can_be_reached(settings):
        return True
    there = (
        "by `python scripts/tunnel.py -- python scripts/bootstrap.py --check`"
        if outputs["access"] == "ssm"
        else "there"
    )
    say(
        f"warning: the login is not checked. {settings.address()} is reachable from inside its network "
        f"(access = {outputs['access']}), not from here; check it {there} before you rely on it."
    )
    return False


def _open_access(outputs: Mapping[str, Any]) -> None:
    place = runner_access.place_of_stack(outputs)
    leases = runner_access.leases_of(place)
    runner_access.report(leases.sweep())
    address = public_address.detect(public_address.sources(()))
    opened = leases.open(runner_access.lease_name(), str(address), _LEASE)
    say(
        f"{opened.cidr}, this machine, may connect to port {place.port} until {opened.until:%H:%M} UTC; "
        "python scripts/runner_access.py open prolongs that."
    )


def _log_in(settings: Settings, stack: Stack, ground: Ground) -> None:
    with console.step(f"logging in to {settings.address()} with the stored password"):
        version = sign_in.verify(settings, stack.var_file.name, ground.asked.password_version)
    say(f"PostgreSQL {version} answers, and takes the stored password.")


def _say_next(outputs: Mapping[str, Any], file: env_file.EnvFile, var_file: Path) -> None:
    where = ", on a machine inside its network, with this scripts/.env" if outputs["access"] == "private" else ""
    through = "python scripts/tunnel.py -- " if outputs["access"] == "ssm" else ""
    say(f"\n{outputs['identifier']} is up. Next{where}:")
    say(f"  cd schema && {through.replace('scripts/', '../scripts/')}alembic upgrade head && cd ..")
    if outputs["environment"] != "production":
        say(f"  {through}python scripts/data_loader.py")
    say(f"  {through}pytest scripts/test_db.py")
    other = "" if var_file == DEFAULT_VAR_FILE else f" --var-file {shlex.quote(str(var_file))}"
    say(f"When you are done (until then it costs money):\n  bash scripts/terraform_safe_destroyer.sh{other}")
    if file.path.resolve() != settings_layers.DEFAULT_ENV_FILE:
        say(f"The programs read {file.path} with --env-file.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="update_env_ci_and_start_tf.sh",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--plan-only", action="store_true", help="show what would be made and its cost, make nothing")
    what.add_argument(
        "--apply-only",
        action="store_true",
        help="make it, and neither log in nor write settings: for a role that may not",
    )
    what.add_argument("--env-only", action="store_true", help="write scripts/.env from the stack as it is")
    parser.add_argument("--yes", action="store_true", help="apply without asking")
    parser.add_argument(
        "--allow-data-loss", action="store_true", help="apply even what deletes the database, its key or its secret"
    )
    parser.add_argument(
        "--var-file",
        metavar="FILE",
        default=str(DEFAULT_VAR_FILE),
        help="settings of the stack (default: terraform/environments/test.tfvars)",
    )
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        default=str(settings_layers.DEFAULT_ENV_FILE),
        help="read and write this file instead of scripts/.env",
    )
    parser.add_argument("--no-github", action="store_true", help="leave the repository's variables alone")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
