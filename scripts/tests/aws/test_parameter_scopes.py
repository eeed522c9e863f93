"""What RDS says of its parameters is held against the plan, before anything is made."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from ecommerce_dms.aws import account, parameter_scopes

FAMILY = "postgres18"


def plan(**parameters: str) -> dict[str, Any]:
    """A plan with one parameter group: name → apply method, with _ for a dot."""
    values = [{"name": name.replace("_dot_", "."), "apply_method": apply} for name, apply in parameters.items()]
    group = {
        "address": "aws_db_parameter_group.instance",
        "type": "aws_db_parameter_group",
        "values": {"family": FAMILY, "parameter": values},
    }
    return {"planned_values": {"root_module": {"resources": [group]}}}


@pytest.fixture
def rds() -> Any:
    return boto3.client("rds", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing")


def mistakes(rds: Any, planned: dict[str, Any]) -> list[str]:
    with Stubber(rds) as stub:
        first = [
            {"ParameterName": "shared_preload_libraries", "ApplyType": "static", "IsModifiable": True},
            {"ParameterName": "server_version", "ApplyType": "static", "IsModifiable": False},
        ]
        second = [{"ParameterName": "log_statement", "ApplyType": "dynamic", "IsModifiable": True}]
        asked = {"DBParameterGroupFamily": FAMILY}
        operation = "describe_engine_default_parameters"
        stub.add_response(operation, {"EngineDefaults": {"Marker": "more", "Parameters": first}}, asked)
        stub.add_response(operation, {"EngineDefaults": {"Parameters": second}}, {**asked, "Marker": "more"})
        return parameter_scopes.mistakes(planned, rds)


def test_what_fits_is_not_mentioned(rds: Any) -> None:
    fitting = plan(shared_preload_libraries="pending-reboot", log_statement="immediate")
    assert mistakes(rds, fitting) == []
    assert mistakes(rds, plan(log_statement="pending-reboot")) == []


@pytest.mark.parametrize(
    ("name", "apply", "says"),
    [
        ("shared_preload_libraries", "immediate", "is static in postgres18"),
        ("log_statment", "immediate", "postgres18 has no parameter log_statment"),
        ("server_version", "pending-reboot", "server_version cannot be changed"),
    ],
)
def test_what_rds_would_refuse_is_named(rds: Any, name: str, apply: str, says: str) -> None:
    (sentence,) = mistakes(rds, plan(**{name: apply}))
    assert sentence.startswith("aws_db_parameter_group.instance: ")
    assert says in sentence


def test_a_refusal_of_aws_is_a_sentence(rds: Any) -> None:
    with Stubber(rds) as stub:
        stub.add_client_error("describe_engine_default_parameters", "AccessDenied", "not you")
        with pytest.raises(
            account.AwsRefused, match="the parameters of postgres18: AWS answered AccessDenied: not you"
        ):
            parameter_scopes.mistakes(plan(log_statement="immediate"), rds)
