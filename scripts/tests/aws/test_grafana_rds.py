"""monitoring/grafana/: the dashboard through CloudWatch, and what makes Grafana load it. Read, not run: no Grafana here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .documented_metrics import DOCUMENTED
from .terraform_cli import MONITORING

GRAFANA = MONITORING / "grafana"
RUNBOOKS = MONITORING.parent / "docs" / "runbooks"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "rds.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]

# Variables that Grafana itself has.
BUILT_IN = {"PROP", "__all", "__from", "__to", "__interval"}


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_it_shows_the_same_sections_as_the_dashboard_in_cloudwatch() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Utilisation", "Saturation", "Errors", "Latency", "Replication", "Storage"]


def test_every_variable_that_is_used_is_defined_and_every_one_defined_is_used() -> None:
    defined = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - BUILT_IN
    assert used == defined == {"datasource", "region", "stack", "instance"}


def test_every_query_goes_to_the_chosen_data_source_and_region() -> None:
    assert {json.dumps(target["datasource"]) for target in TARGETS} == {
        '{"type": "cloudwatch", "uid": "${datasource}"}'
    }
    assert {target["region"] for target in TARGETS} == {"$region"}


def dimensions_exist(target: dict[str, Any]) -> bool:
    expected = {
        "EcommerceDMS/Logs": set(),
        "EcommerceDMS/Health": {"DBInstanceIdentifier", "Check"},
        "AWS/RDS": {"DBClusterIdentifier" if target["metricName"].startswith("Volume") else "DBInstanceIdentifier"},
    }
    return set(target["dimensions"]) == expected[target["namespace"]]


def test_every_metric_exists_with_its_dimensions() -> None:
    log_metrics = set(re.findall(r'^    ([A-Z]\w+) += "', (MONITORING / "log_metrics.tf").read_text(), re.M))
    known = {
        "AWS/RDS": DOCUMENTED["rds"] | DOCUMENTED["aurora"],
        "EcommerceDMS/Logs": {f"$stack/{metric}" for metric in log_metrics},
        "EcommerceDMS/Health": {"Severity"},
    }
    assert [t["metricName"] for t in TARGETS if t["metricName"] not in known[t["namespace"]]] == []
    assert [t["metricName"] for t in TARGETS if not dimensions_exist(t)] == []
    assert len({target["metricName"] for target in TARGETS}) >= 20


def test_runbooks_that_panels_name_exist() -> None:
    named = [
        name
        for panel in PANELS
        for words in re.findall(r"Runbooks?: (.+)$", panel["description"])
        for name in words.split(", ")
    ]
    assert len(named) > 15
    assert [name for name in named if not (RUNBOOKS / f"{name}.md").exists()] == []


def test_the_fixed_thresholds_are_those_of_the_alarms() -> None:
    alarms = (MONITORING / "alarms.tf").read_text()
    for panel in PANELS:
        drawn = [step["value"] for step in panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])][1:]
        metric = panel["targets"][0]["metricName"]
        limits = re.findall(rf'metric = "{re.escape(metric)}".+?limit = \{{(.+?)\}}', alarms)
        known = {float(value) for limit in limits for value in re.findall(r"= ([0-9.e]+)", limit)}
        assert set(map(float, drawn)) <= known, panel["title"]


def test_provisioning_names_the_data_source_and_the_folder_that_the_readme_mounts() -> None:
    yaml = pytest.importorskip("yaml", reason="comes with moto[server]")
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "cloudwatch.yaml").read_text())
    assert [(one["type"], one["jsonData"]["authType"]) for one in sources["datasources"]] == [("cloudwatch", "default")]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "ecommerce-dms.yaml").read_text())[
        "providers"
    ]
    assert f'"$PWD/dashboards:{provider["options"]["path"]}:ro"' in (GRAFANA / "README.md").read_text()
