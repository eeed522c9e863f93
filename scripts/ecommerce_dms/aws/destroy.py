"""Takes the stack in terraform/ down: protection off, snapshot, key kept where data need it, destroy, report.

It first looks (account, region, state, what there is) and shows what would go and what would stay. On a terminal it
then asks for IDENTIFIER/ACCOUNT to be typed; without one it only shows, unless --confirm says so. Each phase looks
what is left to do: interrupted or failed at any moment, run it again and it goes on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ecommerce_dms import console, settings_layers
from ecommerce_dms.aws import env_file, plan_summary, preflight, teardown
from ecommerce_dms.aws.preflight import Ground, WrongStack
from ecommerce_dms.aws.stack import DEFAULT_VAR_FILE, TERRAFORM, Stack
from ecommerce_dms.console import say

EXAMPLES = """\
examples:
  bash scripts/terraform_safe_destroyer.sh
      the test stack; shows what goes, then asks
  bash scripts/terraform_safe_destroyer.sh --dry-run
      only shows
  bash scripts/terraform_safe_destroyer.sh --confirm shop-test/123456789012
      without asking, as in CI: the identifier and the account that are meant
  bash scripts/terraform_safe_destroyer.sh --confirm shop-test/123456789012 --if-older-than 12
      a stack that somebody forgot, by a schedule: leaves alone what was made within the last 12 hours
  bash scripts/terraform_safe_destroyer.sh --var-file environments/production.tfvars --production
      production: takes a snapshot of its own, waits for it, and keeps the key

exit codes:
  0    destroyed, or there was nothing, or it is not old enough; what is left was kept on purpose
  1    Terraform or AWS failed; run it again, it goes on where it stopped
  2    wrong usage
  3    only shown, nothing destroyed (no terminal, or --dry-run)
  4    refused: another account, another stack, or not confirmed
  5    refused: a plan would do more than this is for
  6    refused: the database is in a state without snapshots
  7    destroyed, but something is left that nobody kept on purpose; it is listed
  130  interrupted; run it again
"""

SHOWN = 3
LEFT_OVER = 7


def main(argv: list[str] | None = None, *, after_phase: Callable[[str], None] | None = None) -> int:
    """Runs the program; see the module's docstring. Returns the exit code.

    Args:
        argv: the command line.
        after_phase: called with each phase's name when it is done.
    """
    arguments = _parser().parse_args(argv)
    file = env_file.read(Path(arguments.env_file))
    stack = Stack(TERRAFORM, preflight.existing_var_file(arguments.var_file, TERRAFORM))
    ground = preflight.look(stack)
    work = teardown.Teardown(
        stack,
        ground,
        with_snapshot=not arguments.without_snapshot and (arguments.snapshot or _is_production(ground)),
        without_any=arguments.without_snapshot,
        file=file,
    )
    key = teardown.key_of(ground.state)
    if not any(each["mode"] == "managed" for each in ground.state.resources):
        say("There is nothing to destroy.")
        work.clean_up()
        return LEFT_OVER if teardown.report(ground, key) else 0

    if arguments.confirm:
        _refuse_other(arguments.confirm, ground)
    if arguments.if_older_than is not None and _is_young(ground, arguments.if_older_than):
        return 0
    _show(work)
    if not _is_confirmed(ground, arguments):
        return SHOWN
    _back_up_state(stack)
    phases = work.phases()
    for number, (name, phase) in enumerate(phases.items(), 1):
        say(f"[{number}/{len(phases)}] {name}")
        phase()
        if after_phase:
            after_phase(name)
    left = teardown.report(ground, key)
    say(f"{ground.asked.identifier} is destroyed." + (" Look at what is left over, above." if left else ""))
    return LEFT_OVER if left else 0


def _is_production(ground: Ground) -> bool:
    return ground.asked.environment == "production"


def _is_young(ground: Ground, hours: float) -> bool:
    """Whether the database was made too lately. What is left of a stack without its database is never young.

    Raises:
        WrongStack: production is not destroyed for its age.
    """
    if _is_production(ground):
        raise WrongStack(f"{ground.asked.identifier} is production. Nothing there is destroyed for being old.")
    made = teardown.Database(ground).made_at()
    if made is None:
        return False
    age = (datetime.now(UTC) - made).total_seconds() / 3600
    if age >= hours:
        say(f"{ground.asked.identifier} is {age:.1f} hours old, more than {hours:g}.")
        return False
    say(f"{ground.asked.identifier} is {age:.1f} hours old, less than {hours:g}: nothing was destroyed.")
    return True


def _show(work: teardown.Teardown) -> None:
    """What goes, what stays, and what goes on without Terraform knowing."""
    ground = work.ground
    with tempfile.TemporaryDirectory(prefix="ecommerce-dms-plan-") as folder, console.step("planning"):
        file = Path(folder) / "look.tfplan"
        found = plan_summary.changes(work.stack.plan(file, "-destroy", *work.options(ground.state)))
    key_stays = work.will_keep_key()
    found = [each for each in found if not (key_stays and each.type in teardown.KEY_TYPES)]
    say(f"This destroys {len(found)} resources of {ground.name}:")
    for line in plan_summary.by_type(found):
        say(line)

    database = teardown.Database(ground)
    status = database.status()
    if status and not work.without_any and (work.with_snapshot or _has_final_snapshot(ground)):
        teardown.refuse_status(ground.asked.identifier, status)
    say("What stays:")
    if work.with_snapshot:
        say("  a snapshot of our own, taken and waited for before anything is destroyed")
    if _has_final_snapshot(ground) and not work.without_any:
        say("  the final snapshot that RDS takes as it deletes the database")
    if work.without_any or not (work.with_snapshot or _has_final_snapshot(ground)):
        say("  NO snapshot: all data are lost" + ("" if work.without_any else " (--snapshot takes one)"))
    if ground.asked.protection.get("delete_automated_backups") is False:
        say("  the automated backups, until their time is over")
    if key_stays:
        say("  the key that these are encrypted with, 1 USD a month until you schedule its deletion")
    known = {each["values"].get("identifier") for each in ground.state.resources}
    for replica in sorted(database.replicas() - known):
        say(f"  {replica}: a replica that Terraform does not know. It becomes a database of its own, and costs on")


def _has_final_snapshot(ground: Ground) -> bool:
    return any(not each["values"].get("skip_final_snapshot") for each in ground.state.databases())


def _is_confirmed(ground: Ground, arguments: argparse.Namespace) -> bool:
    """Whether to go on; False when this was only a look.

    Raises:
        WrongStack: another stack was confirmed than the one that is here.
    """
    if arguments.dry_run or not (arguments.confirm or sys.stdin.isatty()):
        say(
            f"Nothing was destroyed. To do it: --confirm {ground.name}"
            + (" --production" if _is_production(ground) else "")
        )
        return False
    if _is_production(ground) and not arguments.production:
        raise WrongStack(
            f"{ground.asked.identifier} is production. Nothing was destroyed; --production says it is meant."
        )
    if not arguments.confirm:
        print(
            f"Type {ground.asked.identifier}/ and the number of the AWS account: ", end="", file=sys.stderr, flush=True
        )
        _refuse_other(sys.stdin.readline().strip(), ground)
    return True


def _refuse_other(given: str, ground: Ground) -> None:
    if given != ground.name:
        raise WrongStack(f"{given!r} was confirmed, and this is {ground.name}. Nothing was destroyed.")


def _back_up_state(stack: Stack) -> None:
    file = stack.folder / f"terraform.tfstate.before-destroy-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    stack.back_up_state(file)
    say(f"The state as it is now: {file}")


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 <= hours <= 24 * 365:
        raise argparse.ArgumentTypeError(f"{text} is no number of hours from 0 to 8760")
    return hours


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="terraform_safe_destroyer.sh",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would go and what would stay")
    parser.add_argument("--confirm", metavar="IDENTIFIER/ACCOUNT", help="what is meant, instead of typing it")
    parser.add_argument("--production", action="store_true", help="needed beside the confirmation for production")
    parser.add_argument(
        "--if-older-than", type=_hours, metavar="HOURS", help="leave a database alone that was made later than that"
    )
    snapshot = parser.add_mutually_exclusive_group()
    snapshot.add_argument("--snapshot", action="store_true", help="take one of a test or staging database, too")
    snapshot.add_argument("--without-snapshot", action="store_true", help="keep no copy of the data at all")
    parser.add_argument(
        "--var-file",
        metavar="FILE",
        default=str(DEFAULT_VAR_FILE),
        help="settings the stack was made with (default: terraform/environments/test.tfvars)",
    )
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        default=str(settings_layers.DEFAULT_ENV_FILE),
        help="take the stack's settings out of this file instead of scripts/.env",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
