"""State in S3, by backend.tf.example: two people cannot apply at the same time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import SCRIPTS
from .stack import client
from .terraform_cli import MODULE, Terraform, clean_environment, copy_of_module

BUCKET = "shop-state"
KEY = "shop-test/terraform.tfstate"


@pytest.fixture
def bucket(aws_endpoint, tmp_path):
    """The bucket as scripts/state_bucket.py makes it."""
    made = make_bucket(aws_endpoint, tmp_path / "made")
    assert made.returncode == 0, made.stderr
    return client("s3", aws_endpoint)


def make_bucket(endpoint: str, folder: Path, name: str = BUCKET) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    shutil.copy(MODULE / "backend.tf.example", folder)
    environment = {
        **clean_environment(),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    return subprocess.run(
        [sys.executable, SCRIPTS / "state_bucket.py", name, "--folder", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def shared(initialised, aws_endpoint, bucket, tmp_path) -> Terraform:
    """The module with the example's backend. Its own .terraform, since a backend is written down in there."""
    folder = copy_of_module(tmp_path / "terraform")
    example = (folder / "backend.tf.example").read_text()
    assert "use_lockfile = true" in example
    # The emulated S3 has no names for buckets, hence the path style.
    backend = example.replace("REPLACE-WITH-YOUR-BUCKET", BUCKET).replace(
        "encrypt ", "use_path_style = true\n    encrypt "
    )
    (folder / "backend.tf").write_text(backend)
    terraform = Terraform(folder, aws_endpoint)
    terraform.succeed("init", "-input=false", "-no-color", "-lockfile=readonly", f"-backend-config=key={KEY}")
    return terraform


def test_a_second_run_is_refused_while_somebody_holds_the_lock(shared, bucket):
    holder = {
        "ID": "11111111-1111-1111-1111-111111111111",
        "Operation": "OperationTypeApply",
        "Who": "somebody@elsewhere",
    }
    bucket.put_object(Bucket=BUCKET, Key=f"{KEY}.tflock", Body=json.dumps(holder).encode())
    refused = shared.run("plan", "-no-color", "-input=false", "-var-file=environments/test.tfvars")
    assert refused.code == 1
    assert "Error acquiring the state lock" in refused.output
    assert "somebody@elsewhere" in refused.output

    bucket.delete_object(Bucket=BUCKET, Key=f"{KEY}.tflock")
    shared.succeed("plan", "-no-color", "-input=false", "-var-file=environments/test.tfvars")


def test_the_bucket_is_versioned_encrypted_closed_and_reached_over_tls_only(bucket):
    assert bucket.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    [rule] = bucket.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    closed = bucket.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    assert len(closed) == 4
    [statement] = json.loads(bucket.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    assert bucket.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == "eu-west-1"


def test_the_bucket_is_made_once_and_set_right_again(bucket, aws_endpoint, tmp_path):
    bucket.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    again = make_bucket(aws_endpoint, tmp_path / "made")
    assert again.returncode == 0, again.stderr
    assert "was there; set right" in again.stderr
    assert bucket.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert f'bucket       = "{BUCKET}"' in (tmp_path / "made" / "backend.tf").read_text()


def test_a_backend_that_says_something_else_is_left_alone(bucket, aws_endpoint, tmp_path):
    (tmp_path / "made" / "backend.tf").write_text("# mine\n")
    assert "says something else" in make_bucket(aws_endpoint, tmp_path / "made").stderr
    assert (tmp_path / "made" / "backend.tf").read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["Shop", "shop_state", "shop.state", "s", "-shop", "x" * 64])
def test_a_name_that_no_bucket_can_have_is_refused(aws_endpoint, tmp_path, name):
    refused = make_bucket(aws_endpoint, tmp_path / "made", f"--bucket={name}" if name.startswith("-") else name)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
