"""terraform/ applied for real, by the real provider, to the emulated AWS: RDS and Aurora side by side.

Minutes, nearly all of them waiting: the provider polls a new instance at its own pace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from .terraform_cli import Finished, Terraform, copy_of_module

PASSWORD = "correct-horse-battery-staple"

STACKS = {
    "rds": """
environment = "test"
access      = "leased_public"
storage     = { allocated_gib = 20, max_gib = 100 }
replicas    = { replica-1 = {} }
iam_logins  = ["shop_api"]
protection  = { deletion_protection = false, final_snapshot = true, secret_recovery_days = 0 }
""",
    "aurora": """
environment = "staging"
engine      = "aurora"
access      = "ssm"
database    = { instance_class = "db.serverless" }
replicas    = { replica-1 = { promotion_tier = 0, availability_zone = "b" } }
aurora      = { serverless = { min_acu = 0.5, max_acu = 8 } }
insights    = { mode = "advanced", retention_days = 465 }
iam_logins  = ["shop_api"]
protection  = { deletion_protection = false, final_snapshot = false, secret_recovery_days = 0 }
""",
}

# What the emulated AWS does not echo, so that the second plan wants to set it again: (address, attribute). A row that
# does not differ any more fails the test, and goes.
KNOWN_GAPS: dict[str, set[tuple[str, str]]] = {"rds": set(), "aurora": set()}


class Stack:
    """One applied stack: where it lives, what Terraform printed, and its state."""

    def __init__(self, folder: Path, endpoint: str, variables: str) -> None:
        (folder / "stack.auto.tfvars").write_text(variables)
        self.terraform = Terraform(folder, endpoint)
        self.endpoint = endpoint
        self.applied: Finished = self.terraform.run(
            "apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=30", timeout=1500, db_password=PASSWORD
        )

    def outputs(self) -> dict:
        shown = json.loads(self.terraform.succeed("output", "-json").output)
        return {name: output["value"] for name, output in shown.items()}

    def client(self, service: str):
        return boto3.client(
            service,
            region_name="eu-west-1",
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


@pytest.fixture(scope="module")
def stacks(
    initialised: Path, aws_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Stack]]:
    """Both stacks, applied at the same time: they share nothing but the account."""

    def apply(name: str) -> Stack:
        folder = copy_of_module(tmp_path_factory.mktemp(name) / "terraform", initialised=initialised)
        return Stack(folder, aws_endpoint, STACKS[name])

    with ThreadPoolExecutor(len(STACKS)) as pool:
        yield dict(zip(STACKS, pool.map(apply, STACKS), strict=True))


@pytest.fixture(params=list(STACKS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def stack(name: str, stacks: dict[str, Stack]) -> Stack:
    found = stacks[name]
    assert found.applied.code == 0, found.applied.output[-4000:]
    return found


def test_the_second_plan_is_empty(name, stack, tmp_path):
    stack.terraform.succeed("plan", "-input=false", "-no-color", f"-out={tmp_path / 'second'}", db_password=PASSWORD)
    plan = json.loads(stack.terraform.succeed("show", "-json", str(tmp_path / "second")).output)
    differs = set()
    for resource in plan["resource_changes"]:
        change = resource["change"]
        if change["actions"] in (["no-op"], ["read"]):
            continue
        before, after = change["before"] or {}, change["after"] or {}
        differs |= {
            (resource["address"], key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        }
    assert differs == KNOWN_GAPS[name]


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
    assert json.loads(secret["SecretString"]) == {"username": "shop_master", "password": PASSWORD}
    assert PASSWORD not in stack.applied.output
    for file in stack.terraform.folder.glob("*.tfstate*"):
        assert PASSWORD not in file.read_text()


def test_both_engines_say_where_they_are_under_the_same_names(stacks):
    rds, aurora = (set(stacks[name].outputs()) for name in ("rds", "aurora"))
    assert rds - aurora == {"lease_security_group_id"}  # Terraform leaves out what is null
    assert aurora - rds == {"tunnel_instance_id"}


def test_rds_is_what_was_asked_for(stacks):
    stack = stacks["rds"]
    rds = stack.client("rds")
    primary = rds.describe_db_instances(DBInstanceIdentifier="shop-test")["DBInstances"][0]
    asked = {
        "Engine": "postgres", "EngineVersion": "18", "DBInstanceClass": "db.t4g.medium", "MultiAZ": True,
        "AllocatedStorage": 20, "MaxAllocatedStorage": 100, "StorageType": "gp3", "StorageEncrypted": True,
        "KmsKeyId": stack.outputs()["kms_key_arn"], "PubliclyAccessible": True, "IAMDatabaseAuthenticationEnabled": True,
        "BackupRetentionPeriod": 14, "CopyTagsToSnapshot": True, "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "MonitoringInterval": 60, "DatabaseInsightsMode": "standard", "PerformanceInsightsEnabled": True,
    }  # fmt: skip
    assert {key: primary[key] for key in asked} == asked

    replica = rds.describe_db_instances(DBInstanceIdentifier="shop-test-replica-1")["DBInstances"][0]
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == "shop-test"
    assert replica["StorageEncrypted"]

    lease = stack.client("ec2").describe_security_groups(GroupIds=[stack.outputs()["lease_security_group_id"]])
    assert lease["SecurityGroups"][0]["IpPermissions"] == []
    assert lease["SecurityGroups"][0]["IpPermissionsEgress"] == []


def test_aurora_is_what_was_asked_for(stacks):
    stack = stacks["aurora"]
    cluster = stack.client("rds").describe_db_clusters(DBClusterIdentifier="shop-staging")["DBClusters"][0]
    assert cluster["Engine"] == "aurora-postgresql"
    assert cluster["StorageEncrypted"]
    assert cluster["IAMDatabaseAuthenticationEnabled"]
    assert cluster["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert cluster["DatabaseInsightsMode"] == "advanced"
    assert len(cluster["DBClusterMembers"]) == 2


def test_an_iam_login_policy_names_each_resource_it_opens_and_one_login(stacks):
    for name, kind, count in (("rds", "db-", 2), ("aurora", "cluster-", 1)):
        stack = stacks[name]
        iam = stack.client("iam")
        policy = iam.get_policy(PolicyArn=stack.outputs()["iam_login_policy_arns"]["shop_api"])["Policy"]
        document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        resources = document["PolicyVersion"]["Document"]["Statement"][0]["Resource"]
        resources = [resources] if isinstance(resources, str) else resources
        assert len(set(resources)) == count
        assert all(f":dbuser:{kind}" in arn.lower() and arn.endswith("/shop_api") for arn in resources)


def test_it_is_gone_after_a_destroy_and_leaves_a_snapshot_where_one_was_asked_for(name, stack):
    stack.terraform.succeed("destroy", "-auto-approve", "-input=false", "-no-color", "-parallelism=30", timeout=1500)
    rds = stack.client("rds")
    snapshots = [snapshot["DBSnapshotIdentifier"] for snapshot in rds.describe_db_snapshots()["DBSnapshots"]]
    if name == "rds":
        assert not [
            d for d in rds.describe_db_instances()["DBInstances"] if d["DBInstanceIdentifier"].startswith("shop-test")
        ]
        assert [identifier for identifier in snapshots if identifier.startswith("shop-test-final-")]
    else:
        assert rds.describe_db_clusters()["DBClusters"] == []
