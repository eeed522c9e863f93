"""State in S3, by backend.tf.example: two people cannot apply at the same time."""

from __future__ import annotations

import json

import boto3
import pytest

from .terraform_cli import Terraform, copy_of_module

BUCKET = "shop-state"
KEY = "shop-test/terraform.tfstate"


@pytest.fixture
def bucket(aws_endpoint):
    client = boto3.client(
        "s3",
        region_name="eu-west-1",
        endpoint_url=aws_endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return client


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
