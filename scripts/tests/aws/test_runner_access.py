"""scripts/runner_access.py as a workflow runs it: a process, an emulated AWS, and a server that speaks PostgreSQL's TLS."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ecommerce_dms.aws import public_address, runner_access, tls_probe
from ecommerce_dms.aws.public_address import NoPublicAddress
from ecommerce_dms.console import UsageError

from .stack import client
from .workflow import ADDRESS, RUNNER_ACCESS, certificate_of_nobody, server, settings_of_a_job, source


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_of_nobody(tmp_path_factory.mktemp("certificate") / "both.pem")


@pytest.fixture
def workflow(aws_endpoint: str, tmp_path: Path, certificate: Path) -> Iterator[dict[str, str]]:
    """The environment of a job that may open, with a server that answers and two sources that agree."""
    with settings_of_a_job(aws_endpoint, tmp_path, certificate) as environment:
        yield environment


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNNER_ACCESS, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def rules(environment: dict[str, str]) -> list[dict]:
    ec2 = client("ec2", environment["AWS_ENDPOINT_URL"])
    group = {"Name": "group-id", "Values": [environment["LEASE_SECURITY_GROUP_ID"]]}
    found = ec2.describe_security_group_rules(Filters=[group])["SecurityGroupRules"]
    return [rule for rule in found if not rule["IsEgress"]]


def test_a_job_opens_looks_and_closes(workflow):
    opened = run(workflow, "open", "--minutes", "30")
    assert opened.returncode == 0, opened.stderr
    [rule] = rules(workflow)
    assert (rule["CidrIpv4"], rule["FromPort"], rule["ToPort"]) == (
        f"{ADDRESS}/32",
        int(workflow["DB_PORT"]),
        int(workflow["DB_PORT"]),
    )
    lease = "4711-2-test-GitHub-Actions-12"
    assert f"lease={lease}\nrule={rule['SecurityGroupRuleId']}\n" in opened.stdout
    assert Path(workflow["GITHUB_OUTPUT"]).read_text() == opened.stdout
    assert ADDRESS in Path(workflow["GITHUB_STEP_SUMMARY"]).read_text()
    assert "answers over TLSv1" in opened.stderr

    status = run(workflow, "status")
    assert status.stdout.startswith(f"{rule['SecurityGroupRuleId']}  {ADDRESS}/32")
    assert f"held by {lease} until" in status.stdout

    closed = run(workflow, "close")
    assert closed.returncode == 0, closed.stderr
    assert closed.stdout == f"revoked={rule['SecurityGroupRuleId']}\n"
    assert rules(workflow) == []
    again = run(workflow, "close")
    assert (again.returncode, again.stdout) == (0, "revoked=\n")
    assert run(workflow, "sweep").returncode == 0


def test_a_server_that_does_not_answer_costs_the_lease(workflow, monkeypatch, capsys):
    monkeypatch.setattr(runner_access, "_TRIES", 2)
    for name, value in workflow.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    place = runner_access.place_of_settings({**workflow, "DB_PORT": str(port)}, None, {})
    waits: list[float] = []
    seen = iter([ADDRESS, "1.1.1.1", "1.1.1.1"])
    with pytest.raises(runner_access.Unreachable, match=r"does not answer over TLS .*1\.1\.1\.1/32 was let in"):
        runner_access.open_access(
            runner_access.leases_of(place, settle=0),
            place,
            name="a",
            duration=timedelta(minutes=5),
            detect=lambda: next(seen),
            wait=waits.append,
        )
    # Tried twice for each address, since the first had changed; neither is let in any more.
    assert len(waits) == 2
    assert "the public address is 1.1.1.1 now" in capsys.readouterr().err
    assert rules(workflow) == []


@pytest.mark.parametrize("missing", ["LEASE_SECURITY_GROUP_ID", "LEASE_SCHEDULE_ROLE_ARN", "DB_HOST", "AWS_REGION"])
def test_what_is_not_set_is_named_with_where_it_comes_from(workflow, tmp_path, missing):
    (tmp_path / "empty.env").write_text("")
    workflow.pop(missing)
    refused = run(workflow, "open", "--env-file", str(tmp_path / "empty.env"))
    assert refused.returncode == 2
    assert f"{missing} is not set" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_settings_come_from_the_env_file_too(workflow, tmp_path):
    names = ["LEASE_SECURITY_GROUP_ID", "LEASE_SCHEDULE_GROUP", "LEASE_SCHEDULE_ROLE_ARN", "DB_HOST", "DB_PORT"]
    (tmp_path / ".env").write_text("".join(f"{name}={workflow.pop(name)}\n" for name in names))
    assert run(workflow, "status", "--env-file", str(tmp_path / ".env")).returncode == 0


def test_an_address_that_is_given_is_checked_like_a_found_one(workflow):
    refused = run(workflow, "open", "--address", "10.0.0.7")
    assert (refused.returncode, rules(workflow)) == (1, [])
    assert "10.0.0.7 is no public address" in refused.stderr


def test_jobs_of_a_matrix_have_leases_of_their_own(workflow):
    names = {runner_access.lease_name(workflow | {"RUNNER_NAME": f"GitHub Actions {number}"}) for number in (1, 2)}
    assert len(names) == 2
    assert "@" in runner_access.lease_name({})


# --- The public address


def test_sources_that_agree_are_believed():
    with source(ADDRESS) as one, source(ADDRESS) as two, source("", 503) as broken:
        assert str(public_address.detect([one, two, broken])) == ADDRESS


def test_sources_that_differ_open_nothing():
    with (
        source(ADDRESS) as one,
        source("1.1.1.1") as two,
        source(ADDRESS) as three,
        pytest.raises(NoPublicAddress, match="see different addresses"),
    ):
        public_address.detect([one, two, three])


def test_one_source_alone_is_not_believed():
    with source(ADDRESS) as one, source("", 500) as two, pytest.raises(NoPublicAddress, match="2 sources must answer"):
        public_address.detect([one, two])


@pytest.mark.parametrize("answer", ["192.168.0.1", "2001:4860:4860::8888", "<html>", "8.8.4.4, 1.1.1.1", "8.8.4.0/24"])
def test_what_all_sources_say_must_still_be_an_address_on_the_internet(answer):
    with source(answer) as one, source(answer) as two, pytest.raises(NoPublicAddress):
        public_address.detect([one, two])


@pytest.mark.parametrize("given", [["http://example.com/", "https://example.com/"], ["https://example.com/"] * 2])
def test_sources_are_several_and_encrypted(given):
    with pytest.raises(UsageError):
        public_address.sources(given, {})


# --- The probe


def test_the_probe_wants_tls_of_postgresql(certificate):
    with server(certificate) as port:
        assert tls_probe.probe("localhost", port, hostaddr="127.0.0.1").startswith("TLSv1")
    with server(certificate, answer=b"N") as port, pytest.raises(OSError, match="not with TLS"):
        tls_probe.probe("localhost", port, hostaddr="127.0.0.1")
    with server(certificate, answer=b"") as port, pytest.raises(ConnectionResetError):
        tls_probe.probe("localhost", port, hostaddr="127.0.0.1")
