"""monitoring/ alone, applied by the real provider to the emulated AWS, once for each engine.

The emulated CloudWatch evaluates no alarm: that one really rings is a live check, described in docs/runbooks/README.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from ecommerce_dms.health import checks, publish
from ecommerce_dms.health.examination import Result
from ecommerce_dms.settings import Settings

from .dashboard_schema import DASHBOARD
from .documented_metrics import DOCUMENTED
from .terraform_cli import MODULE, MONITORING, Terraform, copy_of_module

ACCOUNT = "123456789012"  # moto's
REGION = "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-1111-1111-1111-111111111111"

# What is watched: identifier → what rows of alarms.tf may ask of a target. Written out here, not read from the module.
WATCHED = {
    "rds": {
        "watch-rds": ("primary", {"provisioned", "burstable", "ebs_burst"}),
        "watch-rds-replica-1": ("replica", {"provisioned", "ebs_burst"}),
        "watch-rds-replica-2": ("replica", {"provisioned"}),
    },
    "aurora": {
        "watch-aurora-first": ("member", {"provisioned", "ebs_burst"}),
        "watch-aurora-auto": ("member", {"serverless"}),
    },
}
SURROUNDING = {
    "rds": {
        "nat": ["watch-rds-nat-eu-west-1a"],
        "log": ["watch-rds", "watch-rds-replica-1", "watch-rds-replica-2"],
        "topic": ["watch-rds-page", "watch-rds-notify"],
        "health": ["watch-rds"],
        "integrity": ["watch-rds"],
    },
    "aurora": {
        "nat": [],
        "log": ["watch-aurora"],
        "topic": ["watch-aurora-page", "watch-aurora-notify"],
        "health": ["watch-aurora"],
        "integrity": ["watch-aurora"],
    },
}
LOG_GROUPS = {
    "rds": {name: f"/aws/rds/instance/{name}/postgresql" for name in SURROUNDING["rds"]["log"]},
    "aurora": {"watch-aurora": "/aws/rds/cluster/watch-aurora/postgresql"},
}
INPUTS: dict[str, dict[str, Any]] = {
    "rds": {
        "engine": "rds",
        "instances": {
            "watch-rds": {"role": "primary", "class": "db.t4g.medium", "allocated_gib": 20, "max_gib": 100},
            "watch-rds-replica-1": {"role": "replica", "class": "db.r7g.2xlarge", "allocated_gib": 20, "max_gib": 100},
            "watch-rds-replica-2": {"role": "replica", "class": "db.r8g.12xlarge", "allocated_gib": 20, "max_gib": 20},
        },
        "nat_gateways": {"eu-west-1a": "nat-0123456789abcdef0"},
        "parameter_groups": ["watch-rds-postgres18"],
        "runbooks": "https://example.com/shop/docs/runbooks",
    },
    "aurora": {
        "engine": "aurora",
        "cluster": "watch-aurora",
        "serverless": {"min_acu": 1, "max_acu": 16},
        "instances": {
            "watch-aurora-first": {"role": "member", "class": "db.r8g.large"},
            "watch-aurora-auto": {"role": "member", "class": "db.serverless"},
        },
        "kms_key": {"arn": KEY},
        "actions_enabled": False,
    },
}

# What AWS accepts as categories of each source (`aws rds describe-event-categories`).
EVENT_CATEGORIES = {
    "db-instance": {
        "availability", "backup", "configuration change", "creation", "deletion", "failover", "failure", "low storage",
        "maintenance", "notification", "read replica", "recovery", "restoration", "security patching",
    },
    "db-cluster": {
        "configuration change", "creation", "deletion", "failover", "failure", "global-failover", "maintenance",
        "notification", "serverless",
    },
    "db-parameter-group": {"configuration change"},
    "db-security-group": {"configuration change", "failure"},
}  # fmt: skip


class Watch:
    """The module applied for one engine, with a queue behind each topic."""

    def __init__(self, engine: str, folder: Path, endpoint: str, initialised: Path) -> None:
        self.engine, self.name, self.endpoint = engine, f"watch-{engine}", endpoint
        for group in LOG_GROUPS[engine].values():
            self.client("logs").create_log_group(logGroupName=group)
        self.queues = {
            topic: self.client("sqs").create_queue(QueueName=f"{self.name}-{topic}")["QueueUrl"]
            for topic in ("page", "notify")
        }
        self.terraform = module_alone(folder, endpoint, initialised)
        inputs = INPUTS[engine] | {
            "name": self.name,
            "region": REGION,
            "log_groups": LOG_GROUPS[engine],
            "health_check_minutes": 15,
            "tags": {"Team": "checkout"},
            "subscribers": {
                topic: {"tests": {"protocol": "sqs", "endpoint": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}-{topic}"}}
                for topic in self.queues
            },
        }
        (folder / "watch.auto.tfvars.json").write_text(json.dumps(inputs))
        self.terraform.succeed("apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=30")
        self.state = json.loads((folder / "terraform.tfstate").read_text())  # quicker than asking Terraform
        self.outputs = {name: output["value"] for name, output in self.state["outputs"].items()}

    def client(self, service: str):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def alarms(self) -> dict[str, dict]:
        pages = self.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=self.name)
        return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}

    def take_messages(self, topic: str) -> list[str]:
        """What has arrived in the topic's queue, and is then no longer there."""
        sqs, queue = self.client("sqs"), self.queues[topic]
        taken = []
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            taken.append(json.loads(message["Body"])["Message"])
        return taken

    def dashboard(self) -> dict:
        return json.loads(self.client("cloudwatch").get_dashboard(DashboardName=self.name)["DashboardBody"])


def module_alone(folder: Path, endpoint: str, initialised: Path) -> Terraform:
    """A copy of monitoring/ as if it were a root module, with the provider that terraform/ has locked."""
    copy_of_module(folder.parent / "terraform", initialised=initialised)
    (folder.parent / "monitoring").rename(folder)
    (folder / ".terraform").symlink_to(initialised / ".terraform")
    (folder / ".terraform.lock.hcl").write_text((MODULE / ".terraform.lock.hcl").read_text())
    terraform = Terraform(folder, endpoint)
    terraform.environment["AWS_REGION"] = REGION
    return terraform


@pytest.fixture(scope="module", autouse=True)
def applying(
    initialised: Path, aws_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Watch]]]:
    """Both applies, begun before the first test: the provider waits half a minute for each event subscription."""

    def apply(engine: str) -> Watch:
        return Watch(engine, tmp_path_factory.mktemp(f"watch-{engine}") / "module", aws_endpoint, initialised)

    with ThreadPoolExecutor(len(INPUTS)) as pool:
        yield {engine: pool.submit(apply, engine) for engine in INPUTS}


@pytest.fixture(scope="module")
def watches(applying: dict[str, Future[Watch]]) -> dict[str, Watch]:
    return {engine: future.result() for engine, future in applying.items()}


@pytest.fixture(params=list(INPUTS))
def watch(request: pytest.FixtureRequest, watches: dict[str, Watch]) -> Watch:
    return watches[request.param]


# --- The module by itself -------------------------------------------------------------------------------------------------


def test_its_own_tests_pass(initialised, aws_endpoint, tmp_path):
    module_alone(tmp_path / "module", aws_endpoint, initialised).succeed("test", "-no-color")


def test_a_class_that_is_not_in_the_table_is_refused_with_the_fix(initialised, aws_endpoint, tmp_path):
    terraform = module_alone(tmp_path / "module", aws_endpoint, initialised)
    instances = '{ shop = { role = "primary", class = "db.r99.large", allocated_gib = 20 } }'
    refused = terraform.run(
        "plan", "-json", "-var=name=shop", "-var=engine=rds", f"-var=region={REGION}", f"-var=instances={instances}"
    )
    assert refused.code == 1
    (error,) = refused.diagnostics()
    assert "No vCPUs and memory are known of db.r99.large" in error["detail"]
    assert 'classes = { "db.r99.large" = { vcpu = …, memory_gib = … } }' in error["detail"]


def test_the_example_in_its_readme_plans_without_a_warning(initialised, aws_endpoint, tmp_path):
    example = re.search(r"```hcl\n(.*?)```", (MONITORING / "README.md").read_text(), re.S)[1]
    folder = copy_of_module(tmp_path / "example", initialised=initialised)
    for path in folder.glob("*.tf"):
        path.unlink()
    (folder / "main.tf").write_text(example)
    planned = Terraform(folder, aws_endpoint).succeed("plan", "-json", "-input=false")
    assert planned.diagnostics() == []
    assert "module.monitoring.aws_cloudwatch_dashboard.main" in planned.output


def test_the_second_plan_is_empty(watch):
    finished = watch.terraform.run("plan", "-input=false", "-no-color", "-detailed-exitcode")
    assert finished.code == 0, finished.output[-3000:]


def test_everything_that_can_be_is_tagged(watch):
    taggable = {
        f"{resource['type']}.{resource['name']}[{one.get('index_key')}]": one["attributes"]["tags"]
        for resource in watch.state["resources"]
        for one in resource["instances"]
        if resource["mode"] == "managed" and "tags" in one["attributes"]
    }
    assert len(taggable) > 30
    assert [address for address, tags in taggable.items() if (tags or {}).get("Team") != "checkout"] == []


# --- Alarms -----------------------------------------------------------------------------------------------------------------


def expected_alarms(watch: Watch) -> dict[str, dict[str, str] | None]:
    """Alarm → its dimensions, by the rows' own words about engines, classes and targets; None where they vary."""
    expected: dict[str, dict[str, str] | None] = {}
    for key, row in watch.outputs["alarm_table"].items():
        if watch.engine not in row["engines"]:
            continue
        for identifier, (role, kinds) in WATCHED[watch.engine].items():
            if role in row["targets"] and kinds & set(row["classes"]):
                expected[f"{identifier}/{key}"] = {"DBInstanceIdentifier": identifier}
        for kind, names in SURROUNDING[watch.engine].items():
            for name in names if kind in row["targets"] else []:
                expected[f"{name}/{key}"] = {
                    "log": {},
                    "nat": {"NatGatewayId": "nat-0123456789abcdef0"},
                    "topic": {"TopicName": name},
                    "health": {"DBInstanceIdentifier": name, "Check": "all"},
                    "integrity": {"DBInstanceIdentifier": name, "Check": "integrity"},
                }[kind]
    return expected


def test_every_alarm_whose_row_lists_engine_and_class_exists_with_the_right_dimension_and_no_other(watch):
    found = {
        name: {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        for name, alarm in watch.alarms().items()
    }
    assert found == expected_alarms(watch)
    assert len(found) >= 30


def test_every_alarm_tells_the_topic_of_its_severity(watch):
    rows = watch.outputs["alarm_table"]
    wrong = {}
    for name, alarm in watch.alarms().items():
        target, key = name.rsplit("/", 1)
        channel = rows[key]["severity"]
        if rows[key]["targets"] == ["topic"]:  # what fails to deliver cannot say so itself
            channel = "page" if target.endswith("-notify") else "notify"
        arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{watch.name}-{channel}"
        if (alarm["AlarmActions"], alarm["OKActions"]) != ([arn], [arn]):
            wrong[name] = alarm["AlarmActions"]
    assert wrong == {}


def test_actions_are_on_unless_switched_off(watch):
    assert {alarm["ActionsEnabled"] for alarm in watch.alarms().values()} == {watch.engine == "rds"}


def test_every_alarm_says_what_it_means_and_links_its_runbook(watch):
    base = INPUTS[watch.engine].get("runbooks", "docs/runbooks")
    for name, alarm in watch.alarms().items():
        key = name.rsplit("/", 1)[1]
        meaning, runbook = alarm["AlarmDescription"].split(" Runbook: ")
        assert runbook == f"{base}/{key}.md"
        assert len(meaning) > 20
        assert len(alarm["AlarmDescription"]) <= 1024  # AWS's limit


def test_every_alarm_of_a_health_check_watches_a_metric_that_the_health_checks_publish(watch):
    """Sent by the publisher itself, under the name that it reads from the database's address."""
    host = {
        "rds": f"{watch.name}.c123.{REGION}.rds.amazonaws.com",
        "aurora": f"{watch.name}.cluster-c123.{REGION}.rds.amazonaws.com",
    }
    instance = publish.identifier(Settings(embedded=False, source="", host=host[watch.engine]), None)
    cloudwatch = watch.client("cloudwatch")
    publish.publish(cloudwatch, [Result(check) for check in checks.read()], instance)
    arrived = {
        (
            metric["Namespace"],
            metric["MetricName"],
            frozenset((each["Name"], each["Value"]) for each in metric["Dimensions"]),
        )
        for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=publish.NAMESPACE)
        for metric in page["Metrics"]
    }
    watched = {
        name: (alarm["Namespace"], alarm["MetricName"], frozenset((d["Name"], d["Value"]) for d in alarm["Dimensions"]))
        for name, alarm in watch.alarms().items()
        if alarm["Namespace"] == publish.NAMESPACE
    }
    keys = {"health-critical", "health-warning", "health-silent", "integrity-broken", "integrity-silent"}
    assert watched.keys() == {f"{watch.name}/{key}" for key in keys}
    assert {name: metric for name, metric in watched.items() if metric not in arrived} == {}


def test_every_metric_of_the_table_is_one_that_aws_documents_for_its_engines(watches):
    metrics = watches["rds"].outputs["metrics"]
    undocumented = [
        (name, engine)
        for name, metric in metrics.items()
        if metric["namespace"] == "AWS/RDS"
        for engine in metric["engines"]
        if name not in DOCUMENTED[engine]
    ]
    assert undocumented == []
    assert sum(metric["namespace"] == "AWS/RDS" for metric in metrics.values()) > 20


def test_no_alarm_looks_back_further_than_cloudwatch_does(watch):
    for name, alarm in watch.alarms().items():
        assert alarm["Period"] % 60 == 0, name
        days = 1 if alarm["Period"] < 3600 else 7
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= days * 86400, name


# --- Who is told --------------------------------------------------------------------------------------------------------------


def statements(policy: str) -> dict[str, dict]:
    return {statement.pop("Sid"): statement for statement in json.loads(policy)["Statement"]}


def service_may_publish(service: str, topic: str, source: str) -> dict:
    return {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": source}},
    }


@pytest.mark.parametrize("channel", ["page", "notify"])
def test_a_topic_takes_what_alarms_and_events_of_this_account_publish_and_nothing_in_the_clear(watch, channel):
    arn = watch.outputs["topic_arns"][channel]
    attributes = watch.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    expected = {
        "AlarmsOfThisAccount": service_may_publish(
            "cloudwatch.amazonaws.com", arn, f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"
        ),
        "EventsOfThisAccount": service_may_publish(
            "events.rds.amazonaws.com", arn, f"arn:aws:rds:{REGION}:{ACCOUNT}:*"
        ),
        "NothingInTheClear": {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    }
    if channel == "notify":
        expected["BudgetsOfThisAccount"] = service_may_publish(
            "budgets.amazonaws.com", arn, f"arn:aws:budgets::{ACCOUNT}:*"
        )
    assert statements(attributes["Policy"]) == expected


def test_the_topics_are_encrypted_with_a_key_that_alarms_and_events_may_use(watches):
    made, given = (
        {
            watch.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["KmsMasterKeyId"]
            for arn in watch.outputs["topic_arns"].values()
        }
        for watch in (watches["rds"], watches["aurora"])
    )
    assert given == {KEY}
    (key,) = made
    kms = watches["rds"].client("kms")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyManager"] == "CUSTOMER"
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    policy = statements(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    services = policy["NotificationsToEncryptedTopics"].pop("Principal")["Service"]
    assert set(services) == {"cloudwatch.amazonaws.com", "events.rds.amazonaws.com", "budgets.amazonaws.com"}
    assert policy == {
        "AccountDecidesByIam": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        "NotificationsToEncryptedTopics": {
            "Effect": "Allow",
            "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        },
    }


@pytest.mark.parametrize("channel", ["page", "notify"])
def test_what_is_published_to_a_topic_reaches_its_subscriber_and_no_other(watch, channel):
    watch.client("sns").publish(TopicArn=watch.outputs["topic_arns"][channel], Message=f"about {watch.name}")
    received = {topic: watch.take_messages(topic) for topic in watch.queues}
    assert received == {"page": [], "notify": []} | {channel: [f"about {watch.name}"]}


def test_rds_reports_events_in_categories_that_each_source_has(watch):
    found = {
        one["CustSubscriptionId"].removeprefix(f"{watch.name}-"): one
        for one in watch.client("rds").describe_event_subscriptions()["EventSubscriptionsList"]
        if one["CustSubscriptionId"].startswith(f"{watch.name}-")
    }
    always = {"instances", "instances-page", "parameters", "security-groups"}
    assert set(found) == always | ({"cluster", "cluster-page"} if watch.engine == "aurora" else set())
    for key, one in found.items():
        assert set(one["EventCategoriesList"]) <= EVENT_CATEGORIES[one["SourceType"]], key
        assert one["SnsTopicArn"] == watch.outputs["topic_arns"]["page" if key.endswith("-page") else "notify"]
        assert one["Enabled"] == (watch.engine == "rds")
    # What AWS's Foundational Security Best Practices ask for: RDS.19 to RDS.22.
    assert {"maintenance", "configuration change", "failure"} <= set(found["instances"]["EventCategoriesList"])
    assert set(found["instances"]["SourceIdsList"]) == set(WATCHED[watch.engine])
    if watch.engine == "aurora":
        assert {"maintenance", "failure"} <= set(found["cluster"]["EventCategoriesList"])
        assert found["cluster"]["SourceIdsList"] == ["watch-aurora"]


def test_each_log_is_counted_into_the_metrics_that_its_alarms_watch(watch):
    counted = set()
    for identifier, group in LOG_GROUPS[watch.engine].items():
        for one in watch.client("logs").describe_metric_filters(logGroupName=group)["metricFilters"]:
            transformation = one["metricTransformations"][0]
            assert transformation["metricValue"] == "1"
            assert transformation["metricName"].startswith(f"{identifier}/")
            counted.add((transformation["metricNamespace"], transformation["metricName"]))
    watched = {
        (alarm["Namespace"], alarm["MetricName"])
        for alarm in watch.alarms().values()
        if alarm["Namespace"] == "EcommerceDMS/Logs"
    }
    assert counted == watched


# --- The dashboard ------------------------------------------------------------------------------------------------------------


def test_the_dashboard_has_the_structure_that_cloudwatch_documents(watch):
    jsonschema = pytest.importorskip("jsonschema", reason="comes with moto[server]")
    dashboard = watch.dashboard()
    jsonschema.Draft202012Validator(DASHBOARD).validate(dashboard)
    taken: dict[tuple[int, int], int] = {}
    for number, widget in enumerate(dashboard["widgets"]):
        assert widget["x"] + widget["width"] <= 24
        for x in range(widget["x"], widget["x"] + widget["width"]):
            for y in range(widget["y"], widget["y"] + widget["height"]):
                assert taken.setdefault((x, y), number) == number, "two widgets in one place"


def series_of(dashboard: dict) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, metric and dimensions of all that is drawn, expressions left out."""
    for widget in dashboard["widgets"]:
        for one in widget["properties"].get("metrics", []):
            words = [word for word in one if isinstance(word, str)]
            if words:
                yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))


def test_every_metric_of_the_dashboard_exists_for_its_engine(watch):
    ours = {(alarm["Namespace"], alarm["MetricName"]) for alarm in watch.alarms().values()}
    drawn = list(series_of(watch.dashboard()))
    unknown = [
        (namespace, metric)
        for namespace, metric, _ in drawn
        if (namespace == "AWS/RDS" and metric not in DOCUMENTED[watch.engine])
        or (namespace != "AWS/RDS" and (namespace, metric) not in ours)
    ]
    assert unknown == []
    assert len({metric for _, metric, _ in drawn}) >= 20
    instances = {dimensions.get("DBInstanceIdentifier") for _, _, dimensions in drawn} - {None}
    assert instances == set(WATCHED[watch.engine])


def test_the_dashboard_shows_alarm_states_first_and_then_section_by_section(watch):
    widgets = watch.dashboard()["widgets"]
    assert [widget["type"] for widget in widgets[:2]] == ["alarm", "alarm"]
    shown = {arn for widget in widgets[:2] for arn in widget["properties"]["alarms"]}
    assert shown == {alarm["AlarmArn"] for alarm in watch.alarms().values()}
    headings = [w["properties"]["markdown"].removeprefix("## ") for w in widgets if w["type"] == "text"]
    assert headings == ["Utilisation", "Saturation", "Errors", "Latency", "Replication", "Storage"]


def test_primary_and_replicas_stand_side_by_side(watch):
    by_title = {w["properties"]["title"]: w for w in watch.dashboard()["widgets"] if w["type"] == "metric"}
    left, right = ("primary", "replicas") if watch.engine == "rds" else ("writer", "each instance")
    one, other = by_title[f"CPU: {left}"], by_title[f"CPU: {right}"]
    assert (one["x"], one["width"], other["x"], other["width"]) == (0, 12, 12, 12)
    assert one["y"] == other["y"]


def test_the_dashboard_draws_the_threshold_of_an_alarm(watches):
    by_title = {w["properties"]["title"]: w for w in watches["rds"].dashboard()["widgets"] if w["type"] == "metric"}
    lines = by_title["Connections: primary"]["properties"]["annotations"]["horizontal"]
    assert [(line["label"], line["value"]) for line in lines] == [("connections-near-limit", 0.9 * 400)]
