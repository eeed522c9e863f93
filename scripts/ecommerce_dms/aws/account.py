"""Which AWS account and identity this machine's credentials are, and errors of AWS as sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, ProfileNotFound
from botocore.parsers import ResponseParserError

from ecommerce_dms.console import UserError

_Answer = TypeVar("_Answer")

_WAY_IN = (
    "Log in as you do for the AWS command line (`aws sso login`, `aws configure`, AWS_PROFILE, or keys in the "
    "environment); nothing of it belongs into scripts/.env."
)


class AwsRefused(UserError):  # noqa: N818 (reads as a sentence where it is caught)
    """AWS could not be asked, or said no."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Identity:
    """Who AWS says we are."""

    account: str
    arn: str


def session(region: str) -> Any:
    """A session of the usual credentials in that region."""
    try:
        return boto3.session.Session(region_name=region)
    except ProfileNotFound as error:
        raise AwsRefused(f"{error}. {_WAY_IN}") from None


def identity(aws: Any) -> Identity:
    """The account and the identity of a session."""
    answer = ask("who we are", client(aws, "sts").get_caller_identity)
    return Identity(answer["Account"], answer["Arn"])


def client(aws: Any, service: str, region: str | None = None) -> Any:
    """A client of one service."""
    try:
        return aws.client(service, region_name=region or aws.region_name)
    except (BotoCoreError, NoRegionError) as error:
        raise AwsRefused(f"AWS cannot be asked: {error}.") from None


def ask(what: str, call: Callable[..., _Answer], **arguments: Any) -> _Answer:
    """What AWS answers.

    Raises:
        AwsRefused: a sentence that says what was asked; `code` is AWS's.
    """
    try:
        return call(**arguments)
    except NoCredentialsError:
        raise AwsRefused(f"there are no AWS credentials. {_WAY_IN}") from None
    except ClientError as error:
        reason = error.response.get("Error", {})
        code = reason.get("Code", "")
        way = f" {_WAY_IN}" if "Expired" in code or "InvalidClientToken" in code else ""
        raise AwsRefused(f"{what}: AWS answered {code}: {reason.get('Message')}.{way}", code) from None
    except BotoCoreError as error:
        raise AwsRefused(f"{what}: AWS cannot be asked: {error}. {_WAY_IN}") from None
    except ResponseParserError:
        raise AwsRefused(
            f"{what}: the answer is none of AWS's. Is a proxy in between, or AWS_ENDPOINT_URL set?"
        ) from None
