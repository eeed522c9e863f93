"""terraform/ applied for real, by the real provider, to the emulated AWS.

Minutes, nearly all of them waiting: the provider polls a new instance at its own pace. Without --full these tests look
at the RDS stack that test_walk.py has started. With it, RDS with a replica, Aurora and production are stacks of their own,
begun by conftest.py before the first test of this folder and looked at last; the first two go up and down twice.
"""

from __future__ import annotations

import json

import pytest

from .stack import PASSWORD, STACKS, Stack
from .walk import ADDRESS

# What the emulated AWS does not echo, so that the second plan wants to set it again: (address, attribute). A row that
# does not differ any more fails the test, and goes.
KNOWN_GAPS: dict[str, set[tuple[str, str]]] = {"rds": set(), "aurora": set(), "production": set()}


def applied(request: pytest.FixtureRequest, stacks: dict[str, Stack], name: str) -> Stack:
    if name == "rds" and not request.getfixturevalue("full"):
        return request.getfixturevalue("started").stack()
    if name not in stacks:
        pytest.skip(f"{name} is applied with --full only, which takes an hour")
    finished = stacks[name].applied()
    assert finished.code == 0, finished.output[-4000:]
    return stacks[name]


@pytest.fixture(params=list(STACKS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def stack(request: pytest.FixtureRequest, name: str, stacks: dict[str, Stack]) -> Stack:
    return applied(request, stacks, name)


@pytest.fixture
def rds(request: pytest.FixtureRequest, stacks: dict[str, Stack]) -> Stack:
    return applied(request, stacks, "rds")


@pytest.fixture
def aurora(request: pytest.FixtureRequest, stacks: dict[str, Stack]) -> Stack:
    return applied(request, stacks, "aurora")


@pytest.fixture
def only_when_full(full: bool) -> None:
    if not full:
        pytest.skip("with --full only: it takes the minutes of an apply; test_walk.py destroys one in any case")


def differences(stack: Stack) -> set[tuple[str, str]]:
    """What another plan would change: (address, attribute)."""
    plan = stack.plan()
    differs = set()
    for resource in plan["resource_changes"]:
        change = resource["change"]
        if change["actions"] in (["no-op"], ["read"]):
            continue
        before, after = change["before"] or {}, change["after"] or {}
        differs |= {
            (resource["address"], key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        }
    return differs


def test_the_second_plan_is_empty(name, stack):
    assert differences(stack) == KNOWN_GAPS[name]


def test_every_resource_is_tagged(stack):
    shown = json.loads(stack.terraform.succeed("show", "-json").output)
    resources = [r for r in shown["values"]["root_module"]["resources"] if r["mode"] == "managed"]
    untagged = [
        r["address"]
        for r in resources
        if "tags_all" in r["values"] and "Environment" not in (r["values"]["tags_all"] or {})
    ]
    assert untagged == []
    assert sum("tags_all" in r["values"] for r in resources) >= 20


def test_the_password_is_in_the_secret_and_nowhere_else(stack):
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.outputs()["db_secret_arn"])
    assert json.loads(secret["SecretString"]) == {"username": stack.username, "password": stack.password}
    assert stack.password not in stack.applied().output
    for file in stack.terraform.folder.glob("*.tfstate*"):
        assert stack.password not in file.read_text()


def test_both_engines_say_where_they_are_under_the_same_names(terraform):
    """By their plans: outputs are null, and so left out after an apply, where the way in has none of it."""
    said = {}
    for name, variables in STACKS.items():
        outputs = Stack(terraform.folder, terraform.environment["AWS_ENDPOINT_URL"], variables).plan()["output_changes"]
        said[name] = {
            output for output, change in outputs.items() if change.get("after") is not None or change["after_unknown"]
        }
    assert said["rds"] - said["aurora"] == {
        "lease_security_group_id",
        "lease_schedule_group",
        "lease_schedule_role_arn",
    }
    assert said["aurora"] - said["rds"] == {"tunnel_instance_id"}


def test_rds_is_what_was_asked_for(rds, full):
    client = rds.client("rds")
    primary = client.describe_db_instances(DBInstanceIdentifier=rds.outputs()["identifier"])["DBInstances"][0]
    asked = {
        "Engine": "postgres", "EngineVersion": "18", "DBInstanceClass": "db.t4g.medium", "MultiAZ": True,
        "AllocatedStorage": 20, "MaxAllocatedStorage": 100, "StorageType": "gp3", "StorageEncrypted": True,
        "KmsKeyId": rds.outputs()["kms_key_arn"], "PubliclyAccessible": True, "IAMDatabaseAuthenticationEnabled": True,
        "BackupRetentionPeriod": 14 if full else 1, "CopyTagsToSnapshot": True, "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "MonitoringInterval": 60, "DatabaseInsightsMode": "standard", "PerformanceInsightsEnabled": True,
    }  # fmt: skip
    assert {key: primary[key] for key in asked} == asked

    if full:
        replica = client.describe_db_instances(DBInstanceIdentifier="shop-test-replica-1")["DBInstances"][0]
        assert replica["ReadReplicaSourceDBInstanceIdentifier"] == "shop-test"
        assert replica["StorageEncrypted"]

    lease = rds.client("ec2").describe_security_groups(GroupIds=[rds.outputs()["lease_security_group_id"]])
    permissions = lease["SecurityGroups"][0]["IpPermissions"]
    # What Terraform makes lets nobody in; the start script then takes a lease for its own machine.
    assert [each["CidrIp"] for one in permissions for each in one["IpRanges"]] == ([] if full else [f"{ADDRESS}/32"])
    assert lease["SecurityGroups"][0]["IpPermissionsEgress"] == []


def test_aurora_is_what_was_asked_for(aurora):
    cluster = aurora.client("rds").describe_db_clusters(DBClusterIdentifier="shop-staging")["DBClusters"][0]
    assert cluster["Engine"] == "aurora-postgresql"
    assert cluster["StorageEncrypted"]
    assert cluster["IAMDatabaseAuthenticationEnabled"]
    assert cluster["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert cluster["DatabaseInsightsMode"] == "advanced"
    assert len(cluster["DBClusterMembers"]) == 2


def test_an_iam_login_policy_names_each_resource_it_opens_and_one_login(name, stack, full):
    kind, count = {"rds": ("db-", 2 if full else 1), "aurora": ("cluster-", 1)}[name]
    iam = stack.client("iam")
    policy = iam.get_policy(PolicyArn=stack.outputs()["iam_login_policy_arns"]["shop_api"])["Policy"]
    document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    resources = document["PolicyVersion"]["Document"]["Statement"][0]["Resource"]
    resources = [resources] if isinstance(resources, str) else resources
    assert len(set(resources)) == count
    assert all(f":dbuser:{kind}" in arn.lower() and arn.endswith("/shop_api") for arn in resources)


def assert_gone(stack: Stack, identifier: str) -> None:
    rds = stack.client("rds")
    assert not [
        one["DBInstanceIdentifier"]
        for one in rds.describe_db_instances()["DBInstances"]
        if one["DBInstanceIdentifier"] == identifier or one["DBInstanceIdentifier"].startswith(f"{identifier}-")
    ]
    assert identifier not in [one["DBClusterIdentifier"] for one in rds.describe_db_clusters()["DBClusters"]]


def final_snapshots(stack: Stack, identifier: str) -> set[str]:
    snapshots = stack.client("rds").describe_db_snapshots()["DBSnapshots"]
    names = {snapshot["DBSnapshotIdentifier"] for snapshot in snapshots}
    return {name for name in names if name.startswith(f"{identifier}-final-")}


def test_it_is_gone_after_a_destroy_and_leaves_a_snapshot_where_one_was_asked_for(only_when_full, name, stack):
    identifier = stack.outputs()["identifier"]
    stack.destroy()
    assert_gone(stack, identifier)
    assert len(final_snapshots(stack, identifier)) == (1 if name == "rds" else 0)


def test_what_was_destroyed_can_be_applied_and_destroyed_again(only_when_full, name, stack):
    stack.begin()
    again = stack.applied()
    assert again.code == 0, again.output[-4000:]
    assert differences(stack) == KNOWN_GAPS[name]
    identifier = stack.outputs()["identifier"]
    stack.destroy()
    assert_gone(stack, identifier)
    assert len(final_snapshots(stack, identifier)) == (2 if name == "rds" else 0)


def test_production_is_protected_until_its_teardown_and_then_leaves_a_snapshot(request, stacks):
    """In two phases: protection and the snapshot's settings act from the state, so they are changed first."""
    stack = applied(request, stacks, "production")
    assert differences(stack) == KNOWN_GAPS["production"]
    refused = stack.terraform.run("destroy", "-auto-approve", "-input=false", "-no-color", timeout=1500)
    assert refused.code == 1
    assert "protect" in refused.output.lower()
    # Whatever went before RDS refused comes back with the flip.
    flipped = stack.terraform.run(
        "apply", "-auto-approve", "-input=false", "-no-color", "-var=teardown=true", timeout=1500, db_password=PASSWORD
    )
    assert flipped.code == 0, flipped.output[-4000:]
    primary = stack.client("rds").describe_db_instances(DBInstanceIdentifier="shop-production")["DBInstances"][0]
    assert primary["DeletionProtection"] is False
    stack.destroy("-var=teardown=true")
    assert_gone(stack, "shop-production")
    assert len(final_snapshots(stack, "shop-production")) == 1
