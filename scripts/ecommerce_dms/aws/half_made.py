"""Databases that RDS was still making when Terraform was interrupted.

Terraform marks them as tainted, and would delete them and begin again; RDS goes on making them, as they were asked for and
with the password that the secret holds. So they are waited for and kept.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import WaiterError

from ecommerce_dms import console
from ecommerce_dms.aws import account
from ecommerce_dms.aws.stack import Stack, State

# Type → (the waiter of RDS, its parameter, the attribute that has its name)
_WAITED_FOR = {
    "aws_db_instance": ("db_instance_available", "DBInstanceIdentifier", "identifier"),
    "aws_rds_cluster": ("db_cluster_available", "DBClusterIdentifier", "cluster_identifier"),
    "aws_rds_cluster_instance": ("db_instance_available", "DBInstanceIdentifier", "identifier"),
}

_TRIES = 80  # with 30 seconds between them, which is RDS' own pause: a large instance takes its time


def found(state: State) -> list[dict[str, Any]]:
    """Those in the state, as `terraform show -json` lists them."""
    return [each for each in state.find(*_WAITED_FOR) if each.get("tainted")]


def keep(stack: Stack, state: State, aws: Any) -> None:
    """Waits until RDS has made them, and takes Terraform's mark off. One that RDS does not have, or could not make, keeps
    the mark: the plan says what becomes of it."""
    for each in found(state):
        waiter, parameter, attribute = _WAITED_FOR[each["type"]]
        name = each["values"][attribute]
        with console.step(f"waiting for {name}, which an interrupted start has left RDS to make"):
            try:
                account.client(aws, "rds").get_waiter(waiter).wait(
                    **{parameter: name}, WaiterConfig={"MaxAttempts": _TRIES}
                )
            except WaiterError as error:
                console.say(f"it is not there: {error}")
                continue
        stack.untaint(each["address"])
