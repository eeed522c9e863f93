"""What the destroyer refuses, as far as it can be said without a stack; test_walk.py destroys a real one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from ecommerce_dms.aws import destroy, leftovers, preflight, teardown
from ecommerce_dms.aws.account import AwsRefused, Identity
from ecommerce_dms.aws.plan_summary import Change, losses
from ecommerce_dms.aws.stack import Asked, Stack, State

ACCOUNT = "123456789012"


def change(verb: str = "change", type_: str = "aws_db_instance", **differing: Any) -> Change:
    before = {name: values[0] for name, values in differing.items()}
    after = {name: values[1] for name, values in differing.items()}
    return Change(f"{type_}.primary[0]", type_, verb, before, after, {})


def asked(environment: str = "production", **changed: Any) -> Asked:
    values = {
        "identifier": f"shop-{environment}", "environment": environment, "region": "eu-west-1", "access": "private",
        "allowed_account_ids": [], "password_version": 1, "username": "shop_master", "protection": {},
        "kms_key_arn": None,
    }  # fmt: skip
    return Asked(**{**values, **changed})


def ground(environment: str = "production") -> preflight.Ground:
    return preflight.Ground(asked(environment), State({}, []), Identity(ACCOUNT, "arn:aws:iam::1:user/me"), None)


def arguments(*line: str) -> argparse.Namespace:
    return destroy._parser().parse_args(line)


# --- The apply before the destroy -------------------------------------------------------------------------------------


def test_the_first_apply_may_switch_protection_and_snapshots() -> None:
    switches = change(deletion_protection=(True, False), skip_final_snapshot=(False, True))
    teardown.refuse_more_than_switches([switches], "test.tfvars")


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (change(deletion_protection=(True, False), instance_class=("db.m", "db.l")), r"change .* \(instance_class\)"),
        (change("replace", deletion_protection=(True, False)), "replace aws_db_instance"),
        (change("add", "aws_kms_key"), "add aws_kms_key"),
        (change("destroy", "aws_nat_gateway"), "destroy aws_nat_gateway"),
        (Change("aws_db_instance.primary[0]", "aws_db_instance", "change", {}, {}, {"password": True}), "password"),
    ],
)
def test_the_first_apply_may_do_nothing_else(found: Change, named: str) -> None:
    with pytest.raises(teardown.PlanRefused, match=named):
        teardown.refuse_more_than_switches([found], "test.tfvars")


def test_a_destroy_plan_only_destroys_and_spares_a_kept_key() -> None:
    teardown.refuse_more_than_destroying([change("destroy"), change("destroy", "aws_kms_key")], keeps_key=False)
    with pytest.raises(teardown.PlanRefused, match="destroy aws_kms_key"):
        teardown.refuse_more_than_destroying([change("destroy", "aws_kms_key")], keeps_key=True)
    with pytest.raises(teardown.PlanRefused, match="add aws_kms_key"):
        teardown.refuse_more_than_destroying([change("add", "aws_kms_key")], keeps_key=False)


# --- Confirmation -----------------------------------------------------------------------------------------------------


def test_production_wants_a_second_flag() -> None:
    name = f"shop-production/{ACCOUNT}"
    with pytest.raises(preflight.WrongStack, match="--production says it is meant"):
        destroy._is_confirmed(ground(), arguments("--confirm", name))
    assert destroy._is_confirmed(ground(), arguments("--confirm", name, "--production"))


def test_a_dry_run_is_one_even_when_confirmed() -> None:
    assert not destroy._is_confirmed(ground("test"), arguments("--dry-run", "--confirm", f"shop-test/{ACCOUNT}"))


# --- Where the data are -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "incompatible-network", "incompatible-restore", "stopped"])
def test_a_database_without_snapshots_stops_the_destroy(status: str) -> None:
    with pytest.raises(teardown.NoSnapshot, match=f"shop-test is {status}.*--without-snapshot"):
        teardown.refuse_status("shop-test", status)


def test_a_database_that_is_busy_is_waited_for() -> None:
    for status in ("available", "modifying", "backing-up"):
        teardown.refuse_status("shop-test", status)


def test_a_replica_is_no_loss_and_a_primary_is() -> None:
    replica = Change("aws_db_instance.replica", "aws_db_instance", "destroy", {"replicate_source_db": "x"}, {}, {})
    assert losses([replica, change("destroy", "aws_nat_gateway"), change(engine_version=("18", "19"))]) == []
    for type_ in ("aws_db_instance", "aws_rds_cluster", "aws_kms_key", "aws_secretsmanager_secret"):
        for verb in ("destroy", "replace"):
            assert len(losses([change(verb, type_)])) == 1


# --- The ground -------------------------------------------------------------------------------------------------------


def test_an_account_that_is_not_allowed_is_refused() -> None:
    stack = Stack(Path(), Path("test.tfvars"), {})
    with pytest.raises(preflight.WrongStack, match="allowed_account_ids allows 210987654321"):
        preflight._check(
            asked("test", allowed_account_ids=["210987654321"]), State({}, []), Identity(ACCOUNT, ""), stack
        )


def test_what_cannot_be_looked_at_is_said_and_not_taken_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_place: leftovers.Place) -> Any:
        raise AwsRefused("describe addresses: AWS answered AccessDenied")

    monkeypatch.setattr(leftovers, "LOOKS", {"public addresses": refused})
    found, failed = leftovers.look(leftovers.Place(None, "shop-test", "shop", "test"))
    assert (found, failed) == ([], ["public addresses: describe addresses: AWS answered AccessDenied"])
