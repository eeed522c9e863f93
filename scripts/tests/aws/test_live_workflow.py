"""live.yml step by step: an emulated AWS, and a real PostgreSQL behind TLS whose master is no superuser.

AWS's part in a login by token, checking it, is done by nobody here: the server trusts that one login on loopback.
"""

from __future__ import annotations

import http.server
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from conftest import as_environment
from ecommerce_dms import bootstrap
from ecommerce_dms.connection import connect
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.settings import load_settings

pytest.importorskip("moto", reason="needs moto, an emulated AWS: pip install -r scripts/requirements-dev.txt")
import workflows
from certificates import authority
from tls_front import tls_front

from .clone import Clone
from .stack import client

HOST = "shop-test.abcdefghijkl.eu-west-1.rds.amazonaws.com"
ADDRESS = "8.8.4.4"
JOB = workflows.load("live.yml")["jobs"]["validate"]
# Everything a user sees of the database would take minutes; the command is live.yml's, the choice the test's.
FEW = "-p no:cacheprovider -q -k 'test_data or test_revision or cannot_write'"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """With the roles that the master makes once, and a login that migrates by token."""
    server = EmbeddedServer(tmp_path_factory.mktemp("live") / "server")
    try:
        server.start()
        master = load_settings(environ=as_environment(server.connection_parameters()))
        with closing(connect(master)) as session:
            bootstrap.apply(session)
        with closing(connect(master)) as session, session, session.cursor() as cursor:
            cursor.execute("CREATE ROLE shop_deploy LOGIN; GRANT shop_migrator TO shop_deploy")
        rules = server.home / "pg_hba.conf"
        rules.write_text("host all shop_deploy 127.0.0.1/32 trust\n" + rules.read_text())
        superuser = load_settings(environ=as_environment(server.superuser_parameters()))
        with closing(connect(superuser)) as session, session, session.cursor() as cursor:
            cursor.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        server.destroy()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Two places that say which address this machine has on the internet."""

    class Place(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ADDRESS.encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Place) as place:
        threading.Thread(target=place.serve_forever, daemon=True).start()
        yield " ".join(f"http://127.0.0.1:{place.server_port}/{name}" for name in ("first", "second"))
        place.shutdown()


class Live:
    """A runner with the checkout, and the repository's variables."""

    def __init__(self, folder: Path, variables: dict[str, str], environment: dict[str, str]) -> None:
        self.folder = folder
        self.variables = variables
        self.environment = environment

    def play(self, job: dict) -> dict[str, workflows.Ended]:
        ended = workflows.play(job, self.variables, self.environment, self.folder)
        return {each.command: each for each in ended}

    def rules(self) -> list[dict]:
        ec2 = client("ec2", self.environment["AWS_ENDPOINT_URL"])
        group = {"Name": "group-id", "Values": [self.variables["LEASE_SECURITY_GROUP_ID"]]}
        found = ec2.describe_security_group_rules(Filters=[group])["SecurityGroupRules"]
        return [rule for rule in found if not rule["IsEgress"]]


@pytest.fixture
def live(server: EmbeddedServer, aws_endpoint: str, address: str, tmp_path: Path) -> Iterator[Live]:
    name = f"shop-{secrets.token_hex(4)}-lease"
    group = client("ec2", aws_endpoint).create_security_group(GroupName=name, Description="leases")["GroupId"]
    client("scheduler", aws_endpoint).create_schedule_group(Name=name)
    trusted = authority("In place of Amazon's")
    (tmp_path / "both.pem").write_text("".join(trusted.server(HOST)))
    (tmp_path / "bundle.pem").write_text(trusted.pem)
    parameters = server.connection_parameters()
    (tmp_path / "provider/.terraform/providers").mkdir(parents=True)
    clone = Clone(tmp_path / "checkout", aws_endpoint, tmp_path / "provider")
    with ExitStack() as stack:
        port = stack.enter_context(
            tls_front(str(parameters["host"]), int(parameters["port"]), str(tmp_path / "both.pem"))
        )
        variables = {
            "AWS_REGION": "eu-west-1",
            "DB_ENVIRONMENT": "test",
            "DB_HOST": HOST,
            "DB_PORT": str(port),
            "DB_NAME": str(parameters["dbname"]),
            "LEASE_SECURITY_GROUP_ID": group,
            "LEASE_SCHEDULE_GROUP": name,
            "LEASE_SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/shop-test-lease-timer",
        }
        environment = workflows.runner_environment(
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            AWS_ENDPOINT_URL=aws_endpoint,
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
            AWS_EC2_METADATA_DISABLED="true",
            RDS_CA_BUNDLE_URL=(tmp_path / "bundle.pem").as_uri(),
            PUBLIC_ADDRESS_SOURCES=address,
            # The runner's name server knows the database; this machine's does not.
            DB_HOSTADDR="127.0.0.1",
            GITHUB_RUN_ID="4711",
            GITHUB_RUN_ATTEMPT="1",
            GITHUB_JOB="validate",
            GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
            PYTEST_ADDOPTS=FEW,
        )
        yield Live(clone.folder, variables, environment)


def without_installing(job: dict) -> dict:
    """The packages are here; that the lock installs is test_local.py's to show."""
    return {**job, "steps": [step for step in job["steps"] if "pip install" not in step.get("run", "")]}


def with_small_data(job: dict) -> dict:
    steps = [dict(step) for step in job["steps"]]
    for step in steps:
        if "data_loader.py" in step.get("run", ""):
            step["run"] += " --orders 200"
    return {**job, "steps": steps}


def test_every_step_succeeds_and_nothing_stays_open(live: Live, tmp_path: Path) -> None:
    ended = live.play(with_small_data(without_installing(JOB)))
    assert {command: each.output[-1500:] for command, each in ended.items() if each.outcome != "success"} == {}
    assert live.rules() == []
    assert f"PostgreSQL at {HOST}" in ended["pytest scripts/test_db.py"].output
    summary = (tmp_path / "summary.md").read_text()
    assert f"`{ADDRESS}/32` may connect" in summary
    assert "| close | done |" in summary


@pytest.mark.parametrize("broken", ["migrate", "test"])
def test_access_is_closed_when_a_step_in_the_middle_fails(live: Live, tmp_path: Path, broken: str) -> None:
    job = without_installing(JOB)
    steps = [dict(step) for step in job["steps"] if step.get("id") != "load"]
    for step in steps:
        if step.get("id") == broken:
            step["run"] = (
                "python scripts/runner_access.py status && alembic -c schema/alembic.ini upgrade no-such-revision"
            )
    ended = live.play({**job, "steps": steps})
    outcomes = [each.outcome for each in ended.values()]
    assert "failure" in outcomes
    [failed] = [each for each in ended.values() if each.outcome == "failure"]
    assert f"{ADDRESS}/32" in failed.output, "it was open when the step failed"
    assert ended["python scripts/runner_access.py close"].outcome == "success"
    assert live.rules() == []
    assert f"| {broken} | **failed** |" in (tmp_path / "summary.md").read_text()


def test_without_the_closing_step_it_would_stay_open(live: Live) -> None:
    job = without_installing(JOB)
    steps = [step for step in job["steps"] if step.get("id") in ("open",)]
    live.play({**job, "steps": steps})
    assert [rule["CidrIpv4"] for rule in live.rules()] == [f"{ADDRESS}/32"]
