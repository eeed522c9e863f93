#!/usr/bin/env python3
"""Makes the S3 bucket for Terraform's state, and says how to move the state into it.

Versioned, encrypted, closed to the public, reached over TLS only. Safe to run again: what exists is set right. With the
backend's `use_lockfile` a second apply at the same time is refused; no table is needed for that.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from ecommerce_dms import console
from ecommerce_dms.aws import state_bucket
from ecommerce_dms.aws.permissions import AwsRefused, explained
from ecommerce_dms.console import say

TERRAFORM = Path(__file__).resolve().parents[1] / "terraform"

EXAMPLES = """\
examples:
  python scripts/state_bucket.py acme-shop-state
  python scripts/state_bucket.py acme-shop-state --region eu-central-1
  python scripts/state_bucket.py acme-shop-state --backend-only     on a runner: the bucket is there
"""


def main(argv: list[str] | None = None) -> int:
    """Makes the bucket and writes backend.tf, unless there is one."""
    arguments = _parser().parse_args(argv)
    name = state_bucket.checked_name(arguments.bucket)
    if not arguments.backend_only:
        _ensure(name, arguments.region)
    _write_backend(arguments.folder, name, arguments.region)
    return 0


def _ensure(name: str, region: str) -> None:
    try:
        aws = boto3.session.Session(region_name=region)
        s3, sts = aws.client("s3", config=Config(retries={"mode": "standard"})), aws.client("sts")
    except (BotoCoreError, ValueError) as error:
        raise AwsRefused(f"AWS cannot be asked: {error}") from None
    with explained("sts"):
        account = sts.get_caller_identity()["Account"]
    bucket = state_bucket.ensure(s3, name, region=region, account=account)
    say(f"bucket {name} in account {account}, {region}: {'made' if bucket.made else 'was there; set right'}")


def _write_backend(folder: Path, name: str, region: str) -> None:
    backend = folder / "backend.tf"
    example = (folder / "backend.tf.example").read_text(encoding="utf-8")
    wanted = example.replace("REPLACE-WITH-YOUR-BUCKET", name).replace('"eu-west-1"', f'"{region}"')
    if backend.exists():
        if backend.read_text(encoding="utf-8") != wanted:
            say(f"{backend} exists and says something else: compare it with backend.tf.example.")
    else:
        backend.write_text(wanted, encoding="utf-8")
        say(f"{backend} is written.")
    say("Next, in terraform/, for each environment:")
    print("terraform init -backend-config=key=shop-test/terraform.tfstate -migrate-state")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="state_bucket.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bucket", help="its name: unique in all of AWS, like acme-shop-state")
    parser.add_argument("--region", default="eu-west-1", metavar="NAME", help="default: eu-west-1")
    parser.add_argument("--backend-only", action="store_true", help="write backend.tf and ask AWS nothing")
    parser.add_argument("--folder", type=Path, default=TERRAFORM, metavar="DIR", help="where backend.tf goes")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
