"""What AWS says, told apart: what is no failure, what was refused for want of a permission, and what is missing then.

A permission that is missing is never taken for "nothing to do": a rule that may not be revoked is still open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from ecommerce_dms.console import UserError

_DENIED = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedAccess"}


class AwsRefused(UserError):  # noqa: N818 - reads as a sentence where it is caught
    """AWS said no, or could not be asked."""


def code_of(error: ClientError) -> str:
    """AWS's name for what happened, such as InvalidPermission.Duplicate."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def explained(service: str) -> Iterator[None]:
    """Turns what boto3 raises for a service (as IAM spells it: ec2, scheduler) into one sentence.

    Raises:
        AwsRefused: with the action that is missing, where that is the reason.
    """
    try:
        yield
    except NoCredentialsError:
        raise AwsRefused(
            "there are no AWS credentials: log in as for the AWS command line (`aws sso login`, AWS_PROFILE, or the "
            "workflow's role)."
        ) from None
    except ClientError as error:
        raise AwsRefused(_sentence(service, error)) from None
    except BotoCoreError as error:
        raise AwsRefused(f"AWS cannot be asked: {error}") from None


def _sentence(service: str, error: ClientError) -> str:
    message = error.response.get("Error", {}).get("Message", "")
    if code_of(error) in _DENIED:
        # EC2 refuses an authorize for want of ec2:CreateTags, too; its message then says so.
        named = re.search(r"not authorized to perform: ([a-z0-9-]+:\w+)", message)
        action = named[1] if named else f"{service}:{error.operation_name}"
        return (
            f"AWS denies {action} (during {error.operation_name}). Whoever runs this needs it: in GitHub Actions the "
            f"role that Terraform's output github_role_arns names migrate, elsewhere its policy. AWS said: {message}"
        )
    return f"{error.operation_name}: AWS answered {code_of(error)}: {message}"
