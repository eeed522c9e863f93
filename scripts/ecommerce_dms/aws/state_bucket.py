"""The S3 bucket that keeps Terraform's state: versioned, encrypted, closed to the public, reached over TLS only.

It is made before there is a state, hence not by Terraform. Every step is a setting that is put whole, so that a run that
was interrupted is repeated.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ecommerce_dms.aws.permissions import AwsRefused, code_of, explained
from ecommerce_dms.console import UsageError

_CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
_ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]}
_KEPT_DAYS = 90  # an old state is of use for as long as somebody may ask what changed


@dataclass(frozen=True)
class Bucket:
    """A bucket as it is now."""

    name: str
    region: str
    made: bool  # by this run


def checked_name(name: str) -> str:
    """The name, if S3 takes it.

    Raises:
        UsageError: with what a name looks like.
    """
    # No dot: the certificate of S3's addresses does not cover it.
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]", name):
        raise UsageError(
            f"{name!r} is no name for a bucket: 3 to 63 lower-case letters, digits and hyphens, like acme-shop-state"
        )
    return name


def ensure(s3: Any, name: str, *, region: str, account: str) -> Bucket:
    """Makes the bucket, or takes the one of this account, and puts every setting.

    Raises:
        AwsRefused: the name is somebody else's, or a permission is missing.
    """
    with explained("s3"):
        made = _make(s3, checked_name(name), region, account)
        owner = {"Bucket": name, "ExpectedBucketOwner": account}
        s3.put_public_access_block(**owner, PublicAccessBlockConfiguration=_CLOSED)
        s3.put_bucket_ownership_controls(
            **owner, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
        s3.put_bucket_encryption(**owner, ServerSideEncryptionConfiguration=_ENCRYPTED)
        s3.put_bucket_versioning(**owner, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_lifecycle_configuration(**owner, LifecycleConfiguration={"Rules": [_expiry()]})
        s3.put_bucket_policy(**owner, Policy=json.dumps(_tls_only(name)))
        s3.put_bucket_tagging(**owner, Tagging={"TagSet": [{"Key": "Purpose", "Value": "terraform-state"}]})
    return Bucket(name, region, made)


def _make(s3: Any, name: str, region: str, account: str) -> bool:
    """Whether it had to be made."""
    try:
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
        return False
    except ClientError as error:
        if code_of(error) in ("403", "Forbidden", "AccessDenied"):
            raise AwsRefused(
                f"bucket {name} is another account's, or account {account} may not look at it: choose another name."
            ) from None
        if code_of(error) not in ("404", "NoSuchBucket", "NotFound"):
            raise
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    return True


def _expiry() -> dict[str, Any]:
    return {
        "ID": "old-versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": _KEPT_DAYS, "NewerNoncurrentVersions": 20},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }


def _tls_only(name: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
