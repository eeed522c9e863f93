"""The drills against an emulated RDS, with a real database behind it: what they make, examine, publish, and never delete."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import restore_drill
from conftest import as_environment
from ecommerce_dms import migrations
from ecommerce_dms.console import UsageError
from ecommerce_dms.db_tests import sample
from ecommerce_dms.drills import rds, rds_failover, rds_restore
from ecommerce_dms.drills.rds import Aws, DrillRefused
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings
from health_shop import run

REGION = "eu-central-1"
SOURCE = "shop-test"


@pytest.fixture
def aws(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Clients of an emulated account with a source, a snapshot of it, and a bystander."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    made = rds.clients(REGION)
    for identifier in (SOURCE, "bystander"):
        made.rds.create_db_instance(
            DBInstanceIdentifier=identifier, DBInstanceClass="db.t4g.medium", Engine="postgres", MultiAZ=True,
            AllocatedStorage=20, MasterUsername="shop_master", MasterUserPassword="only-for-tests",
        )  # fmt: skip
    made.rds.create_db_snapshot(DBInstanceIdentifier=SOURCE, DBSnapshotIdentifier="shop-test-1")
    yield made
    for found in instances(made):
        made.rds.modify_db_instance(DBInstanceIdentifier=found, DeletionProtection=False)
        made.rds.delete_db_instance(DBInstanceIdentifier=found, SkipFinalSnapshot=True)
    for snapshot in made.rds.describe_db_snapshots()["DBSnapshots"]:
        made.rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])


def instances(aws: Aws) -> set[str]:
    return {found["DBInstanceIdentifier"] for found in aws.rds.describe_db_instances()["DBInstances"]}


@pytest.fixture(scope="module")
def restored_data(master: Settings) -> Iterator[Settings]:
    """What stands behind the emulated instance: a real database with a shop."""
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        sample.fill(settings)
        yield settings


@pytest.fixture
def through(restored_data: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Has the programs connect there, as if by a tunnel."""
    for name in [name for name in os.environ if name.startswith("DB_")]:
        monkeypatch.delenv(name)
    own = {
        "DB_HOST": restored_data.host,
        "DB_PORT": str(restored_data.port),
        "DB_NAME": restored_data.dbname,
        "DB_USER": restored_data.user,
        "DB_PASSWORD": restored_data.password,
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return f"127.0.0.1:{restored_data.port}"


def metrics_of(aws: Aws) -> dict[str, float]:
    """The last drill's metrics."""
    now = dt.datetime.now(dt.UTC)
    found = {}
    for metric in aws.cloudwatch.list_metrics(Namespace=rds.NAMESPACE)["Metrics"]:
        points = aws.cloudwatch.get_metric_statistics(
            Namespace=rds.NAMESPACE, MetricName=metric["MetricName"], Dimensions=metric["Dimensions"],
            StartTime=now - dt.timedelta(minutes=5), EndTime=now + dt.timedelta(minutes=5), Period=3600, Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
        assert metric["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": SOURCE}]
        found[metric["MetricName"]] = points[0]["Maximum"]
    return found


# Restore ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [(), ("--snapshot", "shop-test-1"), ("--at", "2026-01-01T12:00:00Z")])
def test_a_restore_is_examined_published_and_deleted_and_nothing_else_is(
    aws: Aws, through: str, origin: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore_drill.main(["rds", "--instance", SOURCE, "--through", through, *origin]) == 0
    assert "problems     0" in capsys.readouterr().out
    assert instances(aws) == {SOURCE, "bystander"}
    assert metrics_of(aws)["RestoreProblems"] == 0
    assert metrics_of(aws).keys() >= {"RestoreSeconds", "RestoredDataAgeSeconds"}


def test_what_came_back_wrong_is_a_failure(aws: Aws, through: str, restored_data: Settings, tmp_path) -> None:
    expected = tmp_path / "expected.json"
    assert restore_drill.main(["remember", str(expected)]) == 0
    rds_argument = ["rds", "--instance", SOURCE, "--through", through, "--expect", str(expected)]
    assert restore_drill.main(rds_argument) == 0
    run(restored_data, "UPDATE shop.warehouses SET name = name || '.'")
    assert restore_drill.main(rds_argument) == 1


def test_the_temporary_instance_goes_even_when_it_cannot_be_examined(
    aws: Aws, through: str, restored_data: Settings
) -> None:
    nowhere = replace(restored_data, dbname="nowhere")
    with pytest.raises(Exception, match="nowhere"):
        rds_restore.drill(aws, SOURCE, nowhere, rds_restore.Wish(), None, through)
    assert instances(aws) == {SOURCE, "bystander"}


def test_the_temporary_instance_is_asked_for_alone_and_unprotected(
    aws: Aws, through: str, restored_data: Settings
) -> None:
    asked = []  # The emulation does not take over a setting that is false, hence the requests themselves.
    aws.rds.meta.events.register(
        "provide-client-params.rds.RestoreDBInstanceFromDBSnapshot", lambda params, **_: asked.append(params)
    )
    rds_restore.drill(aws, SOURCE, restored_data, rds_restore.Wish(instance_class="db.t4g.large"), None, through)
    (request,) = asked
    assert (request["MultiAZ"], request["DeletionProtection"], request["PubliclyAccessible"]) == (False, False, False)
    assert request["DBInstanceClass"] == "db.t4g.large"
    assert {"Key": rds_restore.TAG_SOURCE, "Value": SOURCE} in request["Tags"]


def test_a_source_without_a_snapshot_is_a_finding(aws: Aws, restored_data: Settings) -> None:
    for snapshot in aws.rds.describe_db_snapshots(DBInstanceIdentifier="bystander")["DBSnapshots"]:
        aws.rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])
    with pytest.raises(DrillRefused, match="no finished snapshot"):
        rds_restore.drill(aws, "bystander", restored_data, rds_restore.Wish(), None, None)


def test_another_account_and_an_unknown_instance_are_refused(aws: Aws, through: str) -> None:
    with pytest.raises(DrillRefused, match="not 999999999999"):
        restore_drill.main(["rds", "--instance", SOURCE, "--account", "999999999999"])
    with pytest.raises(UsageError, match="no instance nowhere"):
        restore_drill.main(["rds", "--instance", "nowhere"])


# What may be deleted ----------------------------------------------------------------------------------------------------


def temporary(aws: Aws, age: dt.timedelta = dt.timedelta(0), **changed: object) -> str:
    """An instance as a drill makes it, some of it changed."""
    identifier = str(changed.pop("identifier", rds_restore.name_for(SOURCE, dt.datetime.now(dt.UTC) - age)))
    tags = changed.pop("tags", {rds_restore.TAG_RUN: identifier, rds_restore.TAG_SOURCE: SOURCE})
    aws.rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=identifier, DBSnapshotIdentifier="shop-test-1", DBInstanceClass="db.t4g.medium",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )  # fmt: skip
    if changed:
        aws.rds.modify_db_instance(DBInstanceIdentifier=identifier, **changed)
    return identifier


@pytest.mark.parametrize(
    ("changed", "objection"),
    [
        ({"identifier": "shop-test-restored"}, "name"),
        ({"tags": {}}, "tag"),
        ({"tags": {rds_restore.TAG_RUN: "another", rds_restore.TAG_SOURCE: SOURCE}}, "tag"),
        ({"DeletionProtection": True}, "protected"),
    ],
)
def test_what_a_drill_did_not_make_is_not_deleted(aws: Aws, changed: dict[str, object], objection: str) -> None:
    identifier = temporary(aws, **changed)
    with pytest.raises(DrillRefused, match=objection):
        rds_restore.delete(aws, rds.instance(aws, SOURCE), identifier)
    assert identifier in instances(aws)


def test_what_another_sources_drill_made_is_not_deleted(aws: Aws) -> None:
    identifier = temporary(aws)
    with pytest.raises(DrillRefused, match="another source"):
        rds_restore.delete(aws, rds.instance(aws, "bystander"), identifier)


@pytest.mark.parametrize("identifier", [SOURCE, "bystander"])
def test_the_source_and_a_bystander_are_not_deleted(aws: Aws, identifier: str) -> None:
    with pytest.raises(DrillRefused):
        rds_restore.delete(aws, rds.instance(aws, SOURCE), identifier)
    assert identifier in instances(aws)


def test_not_even_a_source_that_looks_like_a_drills_is_deleted(aws: Aws) -> None:
    # A drill's own instance as the source of a drill: its name and tags are right, itself it is all the same.
    identifier = temporary(aws)
    source = rds.instance(aws, identifier)
    tags = [{"Key": rds_restore.TAG_SOURCE, "Value": identifier}]
    aws.rds.add_tags_to_resource(ResourceName=source["DBInstanceArn"], Tags=tags)
    with pytest.raises(DrillRefused, match="it is the source"):
        rds_restore.delete(aws, source, identifier)


def test_the_same_resource_under_another_name_is_not_deleted(aws: Aws) -> None:
    doomed = rds.instance(aws, temporary(aws))
    source = {**rds.instance(aws, SOURCE), "DbiResourceId": doomed["DbiResourceId"]}
    with pytest.raises(DrillRefused, match="the id of the source"):
        rds_restore.refuse_to_delete(source, doomed)


def test_what_an_interrupted_drill_left_is_found_and_what_is_young_or_strange_stays(aws: Aws) -> None:
    old = temporary(aws, age=dt.timedelta(days=2))
    young = temporary(aws)
    strange = temporary(aws, identifier="shop-copy", tags={rds_restore.TAG_SOURCE: SOURCE})
    assert rds_restore.clean(aws, rds.instance(aws, SOURCE), dt.timedelta(hours=12)) == [old]
    assert instances(aws) == {SOURCE, "bystander", young, strange}
    assert restore_drill.main(["clean", "--instance", SOURCE]) == 0
    assert instances(aws) == {SOURCE, "bystander", strange}


def test_names_fit_rds_whatever_the_source_is_called() -> None:
    for source in ("a", "a" * 63, f"{'b' * 34}-{'c' * 20}"):
        name = rds_restore.name_for(source, dt.datetime.now(dt.UTC))
        assert len(name) <= 63 and not name.endswith("-") and rds_restore._NAME.match(name)


# Failover ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def behind() -> Iterator[tuple[EmbeddedServer, str, str]]:
    """A server of its own, which may be restarted, with the application's login."""
    from ecommerce_dms.drills import local

    with local.workshop() as bench:
        server = bench.keep(EmbeddedServer(bench.folder / "server"))
        server.start()
        migrations.upgrade(local.settings_of(server), environment="test")
        run(
            local.settings_of(server),
            f"CREATE ROLE {local.LOGIN} LOGIN PASSWORD '{bench.login_password}' IN ROLE shop_app",
            role=None,
        )
        yield server, local.LOGIN, bench.login_password


class RestartingRds:
    """The emulated RDS, where a reboot really restarts the database behind it; the emulation restarts nothing."""

    def __init__(self, inner: object, server: EmbeddedServer) -> None:
        self._inner, self._server, self.rebooted = inner, server, []

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def reboot_db_instance(self, **request: object) -> object:
        self.rebooted.append(request)
        self._server.stop()
        self._server.start()
        return self._inner.reboot_db_instance(**request)


def test_a_failover_on_rds_is_forced_measured_and_published(aws: Aws, behind: tuple[EmbeddedServer, str, str]) -> None:
    server, user, password = behind
    restarting = RestartingRds(aws.rds, server)
    parameters = as_environment(server.connection_parameters()) | {"DB_USER": user, "DB_PASSWORD": password}
    measured = rds_failover.drill(replace(aws, rds=restarting), SOURCE, load_settings(environ=parameters), SOURCE, 0.1)
    assert restarting.rebooted == [{"DBInstanceIdentifier": SOURCE, "ForceFailover": True}]
    assert measured.lost == 0 and measured.acknowledged >= 40
    published = metrics_of(aws)
    assert published["FailoverSecondsWithoutWrites"] == pytest.approx(measured.seconds_without_writes)
    assert published["FailoverLostWrites"] == 0


@pytest.mark.parametrize(
    ("changed", "confirmed", "objection"),
    [({}, "", "--confirm"), ({}, "another", "--confirm"), ({"MultiAZ": False}, SOURCE, "no standby")],
)
def test_a_failover_that_was_not_meant_is_refused(
    aws: Aws, restored_data: Settings, changed: dict[str, object], confirmed: str, objection: str
) -> None:
    if changed:
        aws.rds.modify_db_instance(DBInstanceIdentifier=SOURCE, **changed)
    with pytest.raises(DrillRefused, match=objection):
        rds_failover.drill(aws, SOURCE, restored_data, confirmed)


def test_an_instance_of_a_cluster_is_sent_to_the_runbook() -> None:
    with pytest.raises(DrillRefused, match=r"operation-failover\.md"):
        rds.refuse_cluster({"DBInstanceIdentifier": "shop-1", "DBClusterIdentifier": "shop"})


@pytest.mark.parametrize("through", ["localhost", "localhost:", ":5432", "localhost:x"])
def test_a_tunnel_needs_an_address(through: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        rds.at(Settings(embedded=False, source=""), {"Endpoint": {"Address": "a", "Port": 5432}}, through)
