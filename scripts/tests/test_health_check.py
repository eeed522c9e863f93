"""Health checks: silent on a healthy shop, loud on each fault, content with what shop_monitor may do, and honest about the rest."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import health_check
import psycopg2
import pytest
from contract_shop import app_login
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UsageError
from ecommerce_dms.health import certificate, checks, examination, publish, report
from ecommerce_dms.health.examination import Facts, Finding, Result
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from health_faults import FAULTS, session
from health_shop import examine, healthy_template, run, watcher

CHECKS = checks.read()
SOON = (dt.datetime.now(dt.UTC) + dt.timedelta(days=3)).isoformat()
LATER = (dt.datetime.now(dt.UTC) + dt.timedelta(days=300)).isoformat()
ALL_FACTS = Facts(storage_gib="1000", certificate_valid_until=LATER, authority_valid_until=LATER, integrity=True)


@pytest.fixture(scope="module")
def template(master: Settings) -> Iterator[Settings]:
    with healthy_template(master) as settings:
        yield settings


@pytest.fixture(scope="module")
def template_copy(master: Settings, template: Settings) -> Iterator[Settings]:
    """A copy for tests that only read."""
    with scratch_database(master, template=template) as settings:
        yield settings


@pytest.fixture
def healthy(master: Settings, template: Settings) -> Iterator[Settings]:
    with scratch_database(master, template=template) as settings:
        yield settings


@pytest.fixture(scope="module")
def monitor(master: Settings) -> Iterator[tuple[str, str]]:
    with watcher(master) as credentials:
        yield credentials


# What the checks say -----------------------------------------------------------------------------------------------------


def test_every_check_has_a_fault_that_provokes_it() -> None:
    elsewhere = {"replication-lag"}  # Needs a second server: test_failover_drill.py.
    assert FAULTS.keys() | elsewhere == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_check_flags_its_fault(name: str, healthy: Settings, superuser: Settings, monitor: tuple[str, str]) -> None:
    with FAULTS[name](healthy, superuser) as known:
        (result,) = examine(healthy, monitor, name, **known)
    assert (result.failed, result.left_out) == ("", "")
    assert result.severity in ("warning", "critical")
    assert all(found.message and found.subject for found in result.findings)


@pytest.mark.parametrize(
    ("statement", "as_superuser", "severity", "words"),
    [
        ("ALTER TABLE shop.orders DISABLE TRIGGER ALL", True, "critical", "RI_ConstraintTrigger"),
        (
            "ALTER TABLE shop.orders ADD CONSTRAINT ck_new CHECK (total_minor >= 0) NOT VALID",
            False,
            "warning",
            "NOT VALID",
        ),
        (
            "ALTER TABLE shop.orders ADD CONSTRAINT ck_new CHECK (total_minor >= 0) NOT ENFORCED",
            False,
            "critical",
            "ENFORCED",
        ),
    ],
)
def test_whatever_guard_is_set_aside_is_named(
    statement: str,
    as_superuser: bool,
    severity: str,
    words: str,
    healthy: Settings,
    superuser: Settings,
    monitor: tuple[str, str],
) -> None:
    run(
        replace(superuser, dbname=healthy.dbname) if as_superuser else healthy,
        statement,
        role=None if as_superuser else OWNER,
    )
    (looked,) = examine(healthy, monitor, "guards-off")
    (found,) = looked.findings
    assert (found.severity, found.subject) == (severity, "shop.orders")
    assert words in found.message


def test_a_healthy_shop_is_silent_and_nothing_is_left_out(healthy: Settings, monitor: tuple[str, str]) -> None:
    results = examine(healthy, monitor, facts=ALL_FACTS)
    assert [(r.check.name, r.findings, r.left_out, r.failed) for r in results if r.severity != "ok"] == []
    assert report.exit_code(results) == report.EXIT_OK


def test_dead_rows_that_a_table_is_allowed_are_no_fault(
    healthy: Settings, superuser: Settings, monitor: tuple[str, str]
) -> None:
    with FAULTS["missing-vacuum"](healthy, superuser):
        (before,) = examine(healthy, monitor, "missing-vacuum")
        run(healthy, "ALTER TABLE shop.churned SET (autovacuum_vacuum_threshold = 100000)")
        (after,) = examine(healthy, monitor, "missing-vacuum")
    assert (before.severity, after.severity) == ("critical", "ok")


def test_findings_show_no_query_text(healthy: Settings, monitor: tuple[str, str]) -> None:
    with session(healthy, "SELECT 'ada@example.com'"):
        (result,) = examine(healthy, monitor, "idle-in-transaction", idle_transaction_warning_seconds=0)
    assert result.findings and "ada" not in str(result)


# What the login may do --------------------------------------------------------------------------------------------------


def test_the_monitor_reads_counts_and_no_row(healthy: Settings, monitor: tuple[str, str]) -> None:
    user, password = monitor
    with closing(connect(replace(healthy, user=user, password=password))) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'v') AND has_any_column_privilege(oid, 'SELECT')"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT sum(amount) FROM api.shop_health()")
        assert cursor.fetchone() == (0,)


def test_a_login_without_the_group_is_told_what_is_left_out_and_the_way_out(
    healthy: Settings, master: Settings
) -> None:
    with app_login(master) as credentials:
        results = examine(healthy, credentials, facts=ALL_FACTS)
    left_out = {result.check.name: result.left_out for result in results if result.left_out}
    assert "GRANT shop_monitor TO" in left_out["outbox-parked"]
    assert "GRANT shop_monitor TO" in left_out["lock-trees"]
    assert not any(result.failed for result in results)


def test_whoever_may_become_the_owner_is_answered_about_the_shop(healthy: Settings, master: Settings) -> None:
    with app_login(master, "shop_migrator") as credentials:
        results = {result.check.name: result for result in examine(healthy, credentials, facts=ALL_FACTS)}
    assert [(name, r.failed, r.findings) for name, r in results.items() if r.failed or r.findings] == []
    assert results["outbox-lag"].severity == results["bloat"].severity == results["integrity"].severity == "ok"
    assert "shop_monitor" in results["storage-runway"].left_out


def test_a_database_before_the_schema_says_so(master: Settings, monitor: tuple[str, str]) -> None:
    with scratch_database(master) as empty:
        run(empty, f"GRANT CONNECT ON DATABASE {empty.dbname} TO {monitor[0]}", role=None)
        results = {result.check.name: result for result in examine(empty, monitor)}
    assert "alembic upgrade head" in results["outbox-lag"].left_out
    assert results["wraparound"].severity == "ok"


def test_checks_cannot_write(healthy: Settings, monitor: tuple[str, str]) -> None:
    check = replace(CHECKS[0], requires=(), settings={}, query="CREATE TEMP TABLE t (n int)")
    user, password = monitor
    (result,) = examination.examine(replace(healthy, user=user, password=password), [check], {}, Facts())
    assert "read-only" in result.failed or "permission denied" in result.failed


def test_a_check_that_fails_is_no_silence(healthy: Settings, monitor: tuple[str, str]) -> None:
    check = replace(CHECKS[0], requires=(), settings={}, query="SELECT 1 / 0")
    user, password = monitor
    results = examination.examine(replace(healthy, user=user, password=password), [check], {}, Facts())
    assert results[0].severity is None
    assert report.exit_code(results) == report.EXIT_FAILED
    assert "division by zero" in report.table(results)
    sent = [
        (each["MetricName"], each["Dimensions"][-1]["Value"], each["Value"]) for each in publish.metrics(results, "x")
    ]
    assert sent == [(publish.SEVERITY, publish.ALL, 1), (publish.HEARTBEAT, "x", 1)]


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (None, "2026-01-01"),
        ("2026-01-01", None),
        ("infinity", "infinity"),
        ("-infinity", "2026-01-01"),
        ("2026-01-02", "2026-01-01"),
        ("2026-01-01", "2026-03-01"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_by_name(
    template_copy: Settings, monitor: tuple[str, str], since: str | None, until: str | None
) -> None:
    user, password = monitor
    with (
        closing(connect(replace(template_copy, user=user, password=password))) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.Error) as refused,
    ):
        cursor.execute("SELECT * FROM api.orders_per_minute(%s::timestamptz, %s::timestamptz)", (since, until))
    assert refused.value.pgcode == "SH001"


# The shop's checks on a big shop ----------------------------------------------------------------------------------------


def test_no_part_of_shop_health_reads_a_table_from_end_to_end(healthy: Settings) -> None:
    with closing(connect(healthy, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'shop_health'")
        (query,) = cursor.fetchone()
        # The planner is told that scanning is dear, as it is with a million orders; it scans where no index serves.
        cursor.execute("SET enable_seqscan = off; SET search_path = pg_catalog, shop")
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    for index in (
        "ix_outbox_events_unpublished",
        "ix_outbox_events_parked",
        "ix_payment_exceptions_open",
        "ix_orders_unpaid_expires_at",
    ):
        assert index in plan


# Certificates -----------------------------------------------------------------------------------------------------------


@contextmanager
def tls_server(folder: Path, days: int) -> Iterator[tuple[int, Path]]:
    """A port that answers PostgreSQL's request for TLS with a certificate of so many days; and its authority's file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def made(name, issuer, issuer_key, valid, authority):
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=valid, hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        )
        return builder.sign(issuer_key or key, hashes.SHA256()), key

    authority, authority_key = made("authority.example", None, None, 3650, True)
    shown, key = made("localhost", authority.subject, authority_key, days, False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(shown.public_bytes(pem) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    def serve() -> None:
        plain, _ = listener.accept()
        with plain:
            assert plain.recv(8) == certificate._SSL_REQUEST
            plain.sendall(b"S")
            context.wrap_socket(plain, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], folder / "ca.pem"
        thread.join()


def test_the_servers_certificate_is_read_from_a_connection(tmp_path: Path) -> None:
    with tls_server(tmp_path, days=10) as (port, bundle):
        settings = Settings(
            embedded=False, source="test", host="localhost", hostaddr="127.0.0.1", port=port, sslmode="verify-full", sslrootcert=str(bundle)
        )  # fmt: skip
        server, authority = map(dt.datetime.fromisoformat, certificate.valid_until(settings))
    assert (server - dt.datetime.now(dt.UTC)).days == 10
    assert (authority - dt.datetime.now(dt.UTC)).days == 3650


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"sslmode": "prefer"}, "does not insist on TLS"),
        ({"sslmode": "require"}, "DB_SSLROOTCERT"),
        ({"sslmode": "verify-full", "sslrootcert": "", "host": "/run/postgresql"}, "socket"),
    ],
)
def test_without_a_verified_certificate_the_check_is_left_out(changed: dict[str, str], reason: str) -> None:
    settings = replace(Settings(embedded=False, source="test", host="localhost"), **changed)
    with pytest.raises(certificate.CertificateError, match=reason):
        certificate.valid_until(settings)


# The program --------------------------------------------------------------------------------------------------------------


def result(*severities: str, **more: Any) -> Result:
    return Result(CHECKS[0], tuple(Finding(each, "s", 1.0, "rows", "m") for each in severities), **more)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result()], 0),
        ([result(left_out="no disk")], 0),
        ([result("warning")], 3),
        ([result("warning", "critical")], 4),
        ([result("warning"), result(failed="broken")], 1),
        ([result("critical"), result(failed="broken")], 4),
    ],
)
def test_the_exit_code_says_the_worst(results: list[Result], code: int) -> None:
    assert report.exit_code(results) == code


def test_the_program_prints_json_and_ends_with_the_severity(
    healthy: Settings, monitor: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    as_monitor(monkeypatch, healthy, monitor)
    assert health_check.main(["--json", "--only", "outbox-lag"]) == 0
    with FAULTS["outbox-parked"](healthy, healthy):
        assert health_check.main(["--json", "--only", "outbox-parked"]) == 3
    last = json.loads(capsys.readouterr().out.split("\n}\n")[1] + "\n}")
    assert [found["value"] for found in last["checks"][0]["findings"]] == [1.0]
    assert last["checks"][0]["runbook"] == "docs/runbooks/check-outbox-parked.md"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "nonsense"], "Checks: bloat"),
        (["--set", "nonsense=1"], "Thresholds: "),
        (["--set", "parked_critical=many"], "is no number"),
        (["--publish", "--embedded"], "--instance"),
    ],
)
def test_wrong_usage_is_refused_with_the_way_out(arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        health_check.main(arguments)


def as_monitor(monkeypatch: pytest.MonkeyPatch, settings: Settings, credentials: tuple[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("DB_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "DB_HOST": settings.host,
        "DB_PORT": str(settings.port),
        "DB_NAME": settings.dbname,
        "DB_USER": credentials[0],
        "DB_PASSWORD": credentials[1],
    }.items():
        monkeypatch.setenv(name, value)


# Publishing ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "given", "instance"),
    [
        ("shop-test.c123.eu-west-1.rds.amazonaws.com", None, "shop-test"),
        ("shop.cluster-c123.eu-west-1.rds.amazonaws.com", None, "shop"),
        ("localhost", "shop-1", "shop-1"),
    ],
)
def test_the_instance_is_known_from_its_host(host: str, given: str | None, instance: str) -> None:
    assert publish.identifier(Settings(embedded=False, source="", host=host), given) == instance


@pytest.mark.parametrize("host", ["shop.proxy-c.eu-west-1.rds.amazonaws.com", "db.example.com", ""])
def test_a_host_that_names_no_instance_is_asked_about(host: str) -> None:
    with pytest.raises(UsageError, match="--instance"):
        publish.identifier(Settings(embedded=False, source="", host=host), None)


def test_severities_and_a_heartbeat_arrive_in_cloudwatch(
    healthy: Settings, monitor: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moto = pytest.importorskip(
        "moto", reason="needs moto, an emulated AWS: pip install -r scripts/requirements-dev.txt"
    )
    as_monitor(monkeypatch, healthy, monitor)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with moto.mock_aws(), ExitStack() as stack:
        stack.enter_context(FAULTS["outbox-parked"](healthy, healthy))
        assert health_check.main(["--publish", "--instance", "shop-test"]) == 3
        arrived = published("shop-test")
    assert arrived.pop(("Heartbeat", "shop-test", None)) == 1
    assert {check for _, _, check in arrived} == {publish.ALL} | {
        check.name for check in CHECKS if not {"storage", "certificate", "integrity"} & set(check.requires)
    }
    assert {check: value for (_, _, check), value in arrived.items() if value} == {
        "outbox-parked": 1,
        publish.ALL: 1,
    }


def test_a_partial_run_may_say_that_something_is_wrong_and_not_that_all_is_well() -> None:
    def names(*severities: str, **more: Any) -> set[tuple[str, str | None]]:
        data = publish.metrics([result(*severities)], "shop-test", **more)
        return {(each["MetricName"], {d["Name"]: d["Value"] for d in each["Dimensions"]}.get("Check")) for each in data}

    check = CHECKS[0].name
    assert names() == {("Severity", check), ("Severity", "all"), ("Heartbeat", None)}
    assert names(partial=True) == {("Severity", check)}
    assert names("critical", partial=True) == {("Severity", check), ("Severity", "all")}


def published(instance: str) -> dict[tuple[str, str, str | None], float]:
    """Greatest value by metric, instance and check, as CloudWatch answers for it."""
    import boto3

    client = boto3.client("cloudwatch", region_name="eu-central-1")
    now = dt.datetime.now(dt.UTC)
    found = {}
    for metric in client.list_metrics(Namespace=publish.NAMESPACE)["Metrics"]:
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        (point,) = client.get_metric_statistics(
            Namespace=publish.NAMESPACE,
            MetricName=metric["MetricName"],
            Dimensions=metric["Dimensions"],
            StartTime=now - dt.timedelta(minutes=5),
            EndTime=now + dt.timedelta(minutes=5),
            Period=3600,
            Statistics=["Maximum"],
        )["Datapoints"]
        found[metric["MetricName"], dimensions["DBInstanceIdentifier"], dimensions.get("Check")] = point["Maximum"]
    assert all(key[1] == instance for key in found)
    return found
