"""The cost of a stack: what is counted, how often, what is not, and that the documentation says the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import cost_estimate
import pytest
from ecommerce_dms.aws import cost, cost_page
from ecommerce_dms.aws.cost import estimate, summary_lines
from ecommerce_dms.aws.cost_assumptions import assume, assumption_fields
from ecommerce_dms.aws.cost_cases import CASES, cut, plan_of
from ecommerce_dms.aws.cost_kept import kept_after_destroy, kept_costs, kept_lines
from ecommerce_dms.aws.cost_of_resources import FREE, HOURS_PER_MONTH, PRICED
from ecommerce_dms.aws.prices import price_table, read_table
from ecommerce_dms.console import UsageError, UserError

PROGRAM = Path(cost_estimate.__file__)
COST_MD = Path(__file__).parents[2] / "docs" / "cost.md"


def plan_with(*resources: tuple[str, dict[str, Any]], region: str = "eu-west-1") -> dict[str, Any]:
    """A plan with resources of these types and values, as Terraform shows one."""
    rows = [
        {"address": f"{type_}.this[{index}]", "mode": "managed", "type": type_, "values": values}
        for index, (type_, values) in enumerate(resources)
    ]
    return {
        "format_version": "1.2",
        "variables": {"region": {"value": region}},
        "planned_values": {"root_module": {"resources": rows}},
    }


def database(**values: Any) -> tuple[str, dict[str, Any]]:
    usual = {"identifier": "shop", "engine": "postgres", "instance_class": "db.t3.medium", "allocated_storage": 20}
    return "aws_db_instance", {**usual, "storage_type": "gp3", **values}


def an_hour(plan: dict[str, Any], **assumptions: Any) -> dict[str, Decimal]:
    """USD an hour by kind of cost."""
    sums = cost.by_what(estimate(plan, 1, assumptions=assume(**assumptions)).items)
    return {what: round(amount, 12) for what, amount in sums.items()}


def monthly(key: str, units: Any) -> Decimal:
    """What units of something that is sold by the month cost in an hour."""
    return round(units * usd(key) / HOURS_PER_MONTH, 12)


def usd(key: str) -> Decimal:
    return price_table()[key].usd


# --- The documented case ----------------------------------------------------------------------------------------------


def hand_calculation() -> list[tuple[str, str, Decimal]]:
    """The rows of the calculation in docs/cost.md: what, calculation, result."""
    section = COST_MD.read_text(encoding="utf-8").split("By hand, without NAT:")[1].split("A month has")[0]
    rows = re.findall(r"^\| (.+?) \| (.*?) ?\| \**([\d.]+)\** \|$", section, flags=re.MULTILINE)
    return [(what.strip("* "), calculation, Decimal(result)) for what, calculation, result in rows]


def product_of(calculation: str) -> Decimal:
    """`3 × 20 × 0.254 / 730` → its value."""
    factors, _, divisor = calculation.partition(" / ")
    result = Decimal(1)
    for factor in factors.split(" × "):
        result *= Decimal(factor)
    return result / Decimal(divisor or 1)


def test_the_calculation_by_hand_adds_up() -> None:
    running = Decimal(0)
    for what, calculation, result in hand_calculation():
        if what.startswith("sum"):
            assert abs(running - result) < Decimal("0.0002"), what
        else:
            assert abs(product_of(calculation) - result) < Decimal("0.0001"), what
            running += result
    assert running > 0


@pytest.mark.parametrize(("case", "title"), [("t3", "sum without NAT"), ("t3-nat", "sum with NAT")])
def test_the_estimate_is_within_a_tenth_of_the_calculation_by_hand(case: str, title: str) -> None:
    by_hand = {what: result for what, _, result in hand_calculation()}[title]
    assert abs(estimate(plan_of(case), 3).usd / by_hand - 1) < Decimal("0.1")


def test_the_tables_in_the_pages_are_up_to_date() -> None:
    for page in cost_page.PAGES:
        text = page.read_text(encoding="utf-8")
        assert "<!-- cost " in text
        assert text == cost_page.with_tables(text), "run scripts/cost_estimate.py pages"


def test_a_million_orders_cost_the_bill_by_the_orders_that_share_it() -> None:
    assert cost_page.usd_per_million_orders(Decimal(730), Decimal(1) / 3600) == Decimal(1_000_000)
    assert cost_page.usd_per_million_orders(Decimal("2.628"), Decimal(1)) == Decimal(1)
    for nothing in (0, -1):
        with pytest.raises(ValueError, match="not above 0"):
            cost_page.usd_per_million_orders(Decimal(100), Decimal(nothing))


def test_every_table_is_on_a_page() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in cost_page.PAGES)
    assert set(re.findall(r"<!-- cost ([a-z-]+) -->", pages)) == set(cost_page.TABLES)


# --- What is counted --------------------------------------------------------------------------------------------------


def test_a_standby_costs_the_multi_az_price_once_and_its_storage_too() -> None:
    single, multi = an_hour(plan_with(database())), an_hour(plan_with(database(multi_az=True)))
    assert single["database db.t3.medium"] == usd("rds.single.db.t3.medium")
    assert multi["database db.t3.medium, Multi-AZ"] == usd("rds.multi.db.t3.medium")
    assert single["database storage gp3"] == monthly("rds.single.gp3", 20)
    assert multi["database storage gp3"] == monthly("rds.multi.gp3", 20)


def test_a_replica_costs_as_much_storage_as_its_source_though_the_plan_does_not_say_so() -> None:
    replica = database(identifier="shop-1", replicate_source_db="shop", allocated_storage=None, engine=None)
    hour = an_hour(plan_with(database(), replica))
    assert hour["replica storage gp3"] == hour["database storage gp3"] > 0
    assert hour["replica db.t3.medium"] == hour["database db.t3.medium"]


def test_a_replica_of_an_unknown_source_is_listed_and_not_taken_for_free() -> None:
    replica = database(replicate_source_db="elsewhere", allocated_storage=None)
    (open_,) = estimate(plan_with(replica), 1).not_priced
    assert "storage" in open_.reason


@pytest.mark.parametrize(
    ("size", "iops", "throughput", "extra_iops", "extra_throughput"),
    [(20, 3000, 125, 0, 0), (399, None, None, 0, 0), (400, 12000, 500, 0, 0), (400, 15000, 1000, 3000, 500)],
)
def test_gp3_costs_only_what_is_above_what_its_size_includes(
    size: int, iops: int, throughput: int, extra_iops: int, extra_throughput: int
) -> None:
    hour = an_hour(plan_with(database(allocated_storage=size, iops=iops, storage_throughput=throughput)))
    assert hour.get("database IOPS gp3", 0) == monthly("rds.single.gp3-iops", extra_iops)
    wanted = monthly("rds.single.gp3-throughput", extra_throughput)
    assert hour.get("database throughput gp3", 0) == wanted


def test_all_iops_of_io2_are_paid() -> None:
    hour = an_hour(plan_with(database(storage_type="io2", allocated_storage=100, iops=1000)))
    assert hour["database IOPS io2"] == monthly("rds.single.io2-iops", 1000)


def test_backups_are_free_up_to_the_size_of_the_storage() -> None:
    plan = plan_with(database(backup_retention_period=14))
    assert an_hour(plan, database_gib=13, changed_gib_per_day="0.5")["backups above the free size"] == 0
    above = an_hour(plan, database_gib=20, changed_gib_per_day=1)["backups above the free size"]
    assert above == monthly("rds.backup", 14)


def test_without_backups_none_is_paid() -> None:
    assert an_hour(plan_with(database()), database_gib=500)["backups above the free size"] == 0


@pytest.mark.parametrize(("percent", "credits_per_hour"), [(10, 0), (20, 0), (70, 1), (100, Decimal("1.6"))])
def test_a_burstable_class_pays_credits_above_its_baseline_on_each_vcpu(percent: int, credits_per_hour: Any) -> None:
    hour = an_hour(plan_with(database()), cpu_percent=percent)
    assert hour["CPU credits"] == credits_per_hour * usd("rds.cpu-credit.t3")


def test_a_burstable_aurora_instance_pays_aurora_s_price_of_credits() -> None:
    for storage_type, key in ((None, "aurora.cpu-credit.t4g"), ("aurora-iopt1", "aurora-iopt.cpu-credit.t4g")):
        hour = an_hour(aurora(storage_type, "db.t4g.medium"), cpu_percent=70)
        assert hour["CPU credits"] == 2 * usd(key)


def test_a_class_of_fixed_performance_pays_no_credits() -> None:
    assert "CPU credits" not in an_hour(plan_with(database(instance_class="db.r8g.large")), cpu_percent=100)


@pytest.mark.parametrize(("multi_az", "addresses"), [(False, 1), (True, 2)])
def test_a_public_endpoint_pays_its_addresses(multi_az: bool, addresses: int) -> None:
    hour = an_hour(plan_with(database(publicly_accessible=True, multi_az=multi_az)))
    assert hour["public IPv4 addresses"] == addresses * usd("ipv4.hour")
    assert "public IPv4 addresses" not in an_hour(plan_with(database(multi_az=multi_az)))


def test_nat_pays_its_hours_its_traffic_and_its_address() -> None:
    hour = an_hour(plan_with(("aws_nat_gateway", {}), ("aws_eip", {})), nat_gib_per_day=24)
    assert hour == {
        "NAT gateway": usd("nat.hour"),
        "traffic through NAT": usd("nat.gb"),
        "public IPv4 addresses": usd("ipv4.hour"),
    }


def test_insights_are_free_in_standard_and_paid_by_vcpu_in_advanced() -> None:
    advanced = an_hour(plan_with(database(instance_class="db.r8g.xlarge", database_insights_mode="advanced")))
    assert advanced["Database Insights advanced"] == 4 * usd("insights.vcpu")
    standard = estimate(plan_with(database(database_insights_mode="standard")), 1)
    assert not [item for item in standard.items if "Insights" in item.what]
    assert standard.not_priced == ()


def test_insights_kept_beyond_the_free_week_are_listed_as_not_priced() -> None:
    kept = database(database_insights_mode="standard", performance_insights_retention_period=93)
    (open_,) = estimate(plan_with(kept), 1).not_priced
    assert "93 days" in open_.reason


def test_the_tunnel_host_pays_machine_disk_and_address() -> None:
    host = ("aws_instance", {"instance_type": "t4g.nano", "associate_public_ip_address": True,
                             "root_block_device": [{"volume_type": "gp3", "volume_size": 8}]})  # fmt: skip
    hour = an_hour(plan_with(host))
    assert sum(hour.values()) == usd("ec2.t4g.nano") + monthly("ebs.gp3", 8) + usd("ipv4.hour")


def test_a_finer_interval_of_enhanced_monitoring_writes_more() -> None:
    minute = an_hour(plan_with(database(monitoring_interval=60)))["Enhanced Monitoring logs"]
    second = an_hour(plan_with(database(monitoring_interval=1)))["Enhanced Monitoring logs"]
    assert round(second / minute, 6) == 60
    assert "Enhanced Monitoring logs" not in an_hour(plan_with(database(monitoring_interval=0)))


def test_an_alarm_costs_by_metric_and_a_dashboard_by_the_month() -> None:
    formula = {"metric_query": [{"metric": [{}]}, {"metric": [{}]}, {"expression": "a / b"}]}
    plan = plan_with(
        ("aws_cloudwatch_metric_alarm", {"metric_name": "CPUUtilization"}),
        ("aws_cloudwatch_metric_alarm", formula),
        ("aws_cloudwatch_composite_alarm", {}),
        ("aws_cloudwatch_dashboard", {}),
    )
    month = {what: hour * HOURS_PER_MONTH for what, hour in an_hour(plan).items()}
    assert round(month["alarms"], 6) == 3 * usd("cloudwatch.alarm")
    assert round(month["composite alarms"], 6) == usd("cloudwatch.composite-alarm")
    assert round(month["dashboards"], 6) == usd("cloudwatch.dashboard")


def test_notifications_are_paid_at_their_subscriptions() -> None:
    mail = an_hour(plan_with(("aws_sns_topic_subscription", {"protocol": "email"})), emails_per_day=24)
    assert mail["notifications"] == usd("sns.email") / 100_000
    hook = an_hour(plan_with(("aws_sns_topic_subscription", {"protocol": "https"})), emails_per_day=24)
    assert hook["notifications"] == usd("sns.requests") / 1_000_000


def aurora(storage_type: str | None = None, instance_class: str = "db.serverless") -> dict[str, Any]:
    scaling = [{"min_capacity": 0.5, "max_capacity": 8.5}]
    cluster = {"cluster_identifier": "shop", "storage_type": storage_type, "backup_retention_period": 8,
               "serverlessv2_scaling_configuration": scaling, "database_insights_mode": "advanced",
               "enabled_cloudwatch_logs_exports": ["postgresql"]}  # fmt: skip
    instance = {"cluster_identifier": "shop", "instance_class": instance_class}
    return plan_with(("aws_rds_cluster", cluster), *[("aws_rds_cluster_instance", instance)] * 2)


def test_aurora_serverless_pays_average_capacity_for_each_instance() -> None:
    hour = an_hour(aurora(), acu_share="0.25")
    assert hour["Aurora capacity (ACU)"] == 2 * Decimal("2.5") * usd("aurora.acu")
    assert hour["Database Insights advanced"] == 2 * Decimal("2.5") * usd("insights.acu")


def test_aurora_pays_what_it_stores_its_io_and_backups_above_its_own_size() -> None:
    hour = an_hour(aurora(), database_gib=100, aurora_io_per_second=1000, changed_gib_per_day=2)
    assert hour["Aurora storage"] == monthly("aurora.storage", 100)
    assert hour["Aurora I/O"] == Decimal("3.6") * usd("aurora.io")
    assert hour["Aurora backups above the free size"] == monthly("aurora.backup", 16)


def test_io_optimised_aurora_pays_more_for_the_rest_and_nothing_for_io() -> None:
    hour = an_hour(aurora("aurora-iopt1", "db.r7g.large"))
    assert "Aurora I/O" not in hour
    assert hour["Aurora db.r7g.large"] == 2 * usd("aurora-iopt.db.r7g.large")
    assert hour["Aurora storage"] == monthly("aurora-iopt.storage", 10)


def test_modules_are_walked_and_data_sources_are_not() -> None:
    plan = plan_with()
    module = {"resources": plan_with(("aws_eip", {}))["planned_values"]["root_module"]["resources"]}
    data = {"address": "data.aws_instance.x", "mode": "data", "type": "aws_eip", "values": {}}
    plan["planned_values"]["root_module"] = {"resources": [data], "child_modules": [{"child_modules": [module]}]}
    assert len(estimate(plan, 1).items) == 1


def test_a_state_is_read_like_a_plan() -> None:
    plan = plan_of("test")
    state = {"format_version": "1.0", "values": plan["planned_values"]}
    assert estimate(state, 3).usd == estimate(plan, 3).usd > 0


def test_sums_are_those_of_the_items_for_every_span() -> None:
    result = estimate(plan_of("production"), 8)
    assert round(result.usd, 12) == round(sum(item.usd(8) for item in result.items), 12)
    assert round(result.usd_per_month, 8) == round(sum(item.usd_per_month for item in result.items), 8)
    assert result.eur == result.usd / result.table.usd_per_eur


# --- What is not counted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_every_resource_is_priced_free_or_listed(name: str) -> None:
    result = estimate(plan_of(name), 3)
    types = {one["type"] for one in cost.managed_resources(plan_of(name))}
    assert types == (types & PRICED.keys()) | set(result.free) | {one.type for one in result.not_priced}
    assert PRICED.keys() & FREE.keys() == set()
    assert result.not_priced == ()


def test_an_unknown_type_is_listed_with_its_address() -> None:
    result = estimate(plan_with(("aws_elasticache_cluster", {})), 1)
    assert result.usd == 0
    assert [(one.address, one.type) for one in result.not_priced] == [
        ("aws_elasticache_cluster.this[0]", "aws_elasticache_cluster")
    ]
    assert "aws_elasticache_cluster" in "\n".join(summary_lines(result))


def test_a_class_without_price_is_listed_and_the_rest_is_still_counted() -> None:
    result = estimate(plan_with(database(instance_class="db.z1d.large")), 1)
    assert [one.reason for one in result.not_priced] == ["no price for rds.single.db.z1d.large"]
    assert result.usd > 0


def test_an_engine_without_prices_is_listed_and_not_priced_as_postgresql() -> None:
    result = estimate(plan_with(database(engine="sqlserver-ee")), 1)
    assert result.usd == 0
    assert "sqlserver-ee" in result.not_priced[0].reason


def test_a_larger_size_is_taken_in_proportion_and_not_called_verified() -> None:
    price = price_table().find("rds.single.db.r8g.4xlarge")
    assert price is not None
    assert price.usd == 8 * usd("rds.single.db.r8g.large")
    assert not price.verified
    assert price_table().find("rds.single.db.t3.2xlarge") is None  # burstable sizes are not sold in proportion


def test_another_region_is_said() -> None:
    lines = "\n".join(summary_lines(estimate(plan_with(database(), region="us-east-1"), 1)))
    assert "The stack is in us-east-1" in lines


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="format_version"):
        estimate({"planned_values": {}}, 1)
    with pytest.raises(ValueError, match="hours is -1"):
        estimate(plan_of("test"), -1)


def test_a_cut_plan_holds_nothing_but_what_is_read() -> None:
    plan = plan_with(database(kms_key_id="arn:aws:kms:…", username="shop_master"), ("aws_iam_role", {"name": "x"}))
    text = json.dumps(cut(plan))
    assert "shop_master" not in text
    assert "arn:" not in text
    assert estimate(cut(plan), 1).usd == estimate(plan, 1).usd


# --- What stays -------------------------------------------------------------------------------------------------------


def test_what_stays_is_a_cost_for_a_month_by_kind() -> None:
    items = kept_costs(snapshot_gib=100, keys=1, keys_pending_deletion=1, secrets=2, log_gib=10, addresses=1)
    month = {item.what: round(item.usd_per_month, 6) for item in items}
    assert month == {
        "snapshots and retained backups": 100 * usd("rds.backup"),
        "encryption key": usd("kms.key"),
        "encryption key pending deletion (free)": 0,
        "secret": 2 * usd("secret.month"),
        "stored logs": 10 * usd("logs.stored"),
        "public IPv4 address": HOURS_PER_MONTH * usd("ipv4.hour"),
    }
    assert kept_costs() == []


def test_what_stays_is_said_with_its_sum() -> None:
    lines = kept_lines(kept_costs(keys=1, snapshot_gib=100))
    assert lines[0].split() == ["9.50", "USD", "a", "month:", "snapshots", "and", "retained", "backups"]
    assert lines[-1].split()[:2] == ["10.50", "USD"]


def test_a_kept_snapshot_keeps_its_key_and_without_one_the_key_is_free() -> None:
    stays = {item.what: item.usd_per_month for item in kept_after_destroy(plan_of("production"))}
    assert round(stays["encryption key"], 6) == usd("kms.key")
    assert stays["snapshots and retained backups"] > 0
    gone = {item.what: item.usd_per_month for item in kept_after_destroy(plan_of("test"))}
    assert "snapshots and retained backups" not in gone
    assert gone["encryption key pending deletion (free)"] == 0


# --- The price table --------------------------------------------------------------------------------------------------


def test_every_price_has_a_source_and_says_why_it_is_trusted_or_not() -> None:
    for price in price_table().prices.values():
        assert price.source.startswith("https://"), price.key
        assert price.usd > 0, price.key
        assert price.evidence, price.key


def test_a_damaged_table_is_refused_with_its_name(tmp_path: Path) -> None:
    broken = tmp_path / "prices.json"
    broken.write_text('{"region": "eu-west-1"}')
    with pytest.raises(UserError, match=r"prices\.json is no price table"):
        price_table(broken)


def test_prices_are_read_exactly() -> None:
    document = json.loads(
        '{"region": "x", "as_of": "2026-01-01", "exchange": {"usd_per_eur": 1.1, "date": "2026-01-01", "source": "s"},'
        ' "prices": {"a": {"usd": 0.1, "unit": "GB", "source": "s", "verified": true}}}',
        parse_float=Decimal,
    )
    assert read_table(document)["a"].usd == Decimal("0.1")


# --- The program ------------------------------------------------------------------------------------------------------


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True, check=False, **options)


def test_json_from_a_pipe_gives_json_with_the_same_sum() -> None:
    done = run("--plan", "-", "--json", "--hours", "3", input=json.dumps(plan_of("t3")))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    sums = {one["span"]: Decimal(one["usd"]) for one in answer["sums"]}
    assert sums["3 hours"] == round(estimate(plan_of("t3"), 3).usd, 6)
    assert abs(sum(Decimal(item["usd"]) for item in answer["items"]) - sums["3 hours"]) < Decimal("0.0001")
    assert all(item["source"].startswith("https://") for item in answer["items"])


def test_the_report_shows_both_currencies_all_assumptions_and_unverified_prices() -> None:
    text = cost_estimate.report(estimate(plan_of("t3"), 3), "eur")
    assert text.startswith("EUR")
    assert "in USD" in text
    for name, _, _ in assumption_fields():
        assert f"{name}=" in text
    assert (
        "rds.multi.db.t3.medium: 0.156 USD per instance-hour" in text
        or price_table()["rds.multi.db.t3.medium"].verified
    )


def test_an_assumption_changes_the_estimate_and_an_unknown_one_is_refused() -> None:
    usual, busy = (run("--case", "test", "--json", *more) for more in ((), ("--assume", "cpu_percent=90")))
    assert json.loads(usual.stdout)["sums"] != json.loads(busy.stdout)["sums"]
    refused = run("--case", "test", "--assume", "load=90")
    assert refused.returncode == 2
    assert "load is no assumption" in refused.stderr
    assert "cpu_percent" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plan", "missing.json"], "missing.json cannot be read"),
        (["--case", "test", "--hours", "0"], "0 is not above 0"),
        (["--case", "test", "--hours", "NaN"], "not above 0"),
        (["--case", "test", "--assume", "cpu_percent=-1"], "-1 is not 0 or more"),
        (["--case", "test", "--assume", "cpu_percent=101"], "101 is above 100"),
        (["--case", "test", "--assume", "cpu_percent=lots"], "'lots' is no number"),
        (["--plan", str(PROGRAM.with_name("ruff.toml"))], ""),
    ],
)
def test_wrong_usage_is_one_sentence_and_no_traceback(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_json_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    for text in ("{}", '{"a": 1', '{"format_version": "1.0"}'):
        (tmp_path / "plan.json").write_text(text)
        done = run("--plan", str(tmp_path / "plan.json"))
        assert done.returncode in (1, 2), text
        assert "Traceback" not in done.stderr
    (tmp_path / "plan.json").write_bytes(b'{"format_version": "\xff"')
    assert "is no JSON" in run("--plan", str(tmp_path / "plan.json")).stderr


def test_a_stale_page_fails_the_check_and_pages_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- cost basis -->\nold\n<!-- end of cost basis -->\nafter\n")
    monkeypatch.setattr(cost_page, "PAGES", (page,))
    assert cost_estimate.main(["pages", "--check"]) == 1
    assert "old" in page.read_text()
    assert cost_estimate.main(["pages"]) == 0
    assert "Prices of eu-west-1" in page.read_text()
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")
    assert cost_estimate.main(["pages", "--check"]) == 0


def test_an_unknown_case_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="production"):
        plan_of("holiday")
