"""The architecture diagram: up to date, and no resource of Terraform is missing in it by accident."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import draw_architecture
import pytest
from ecommerce_dms.console import UserError
from ecommerce_dms.diagrams import architecture, architecture_files, terraform_addresses
from ecommerce_dms.diagrams.architecture import HEIGHT, ICON, WIDTH, Architecture
from ecommerce_dms.diagrams.terraform_addresses import Resources


@pytest.fixture(scope="module")
def configuration() -> Resources:
    return terraform_addresses.of_configuration(draw_architecture.TERRAFORM)


@pytest.fixture(scope="module")
def everything() -> Architecture:
    """The picture with all modules, also one that this checkout may lack."""
    return architecture.drawn(Resources(frozenset(architecture.known())))


def test_it_is_up_to_date(capsys) -> None:
    assert draw_architecture.main(["--check"]) == 0, capsys.readouterr().out


def test_every_resource_is_drawn_or_left_out_for_a_reason(configuration: Resources) -> None:
    assert len(configuration.addresses) > 50
    assert draw_architecture.unknown(configuration) == []
    assert all(reason for reason in architecture.NOT_DRAWN.values())


def test_what_is_drawn_or_left_out_exists_in_terraform(configuration: Resources) -> None:
    here = {address for address in architecture.known() if not address.startswith("module.monitoring.")}
    assert here - configuration.addresses == set()
    drawn = {address for part in (*architecture.GROUPS, *architecture.NODES) for address in part.resources}
    assert drawn & architecture.NOT_DRAWN.keys() == set()


def test_every_resource_that_is_drawn_is_named_in_both_files(configuration: Resources) -> None:
    picture = architecture.drawn(configuration)
    named = {address for node in picture.nodes for address in node.resources}
    assert named
    for name in (architecture_files.DRAWIO, architecture_files.SVG):
        content = (draw_architecture.DIAGRAMS / name).read_text(encoding="utf-8")
        assert {address for address in named if address not in content} == set()
        ET.fromstring(content)


def test_a_resource_that_nobody_placed_is_refused_by_name(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "queue.tf").write_text('resource "aws_sqs_queue" "mail" {\n}\n')
    monkeypatch.setattr(draw_architecture, "TERRAFORM", tmp_path)
    with pytest.raises(UserError, match=r"aws_sqs_queue\.mail: give each a node, or a reason"):
        draw_architecture.main(["--check"])


def test_a_picture_that_is_stale_is_refused(tmp_path: Path, capsys) -> None:
    assert draw_architecture.main(["--output", str(tmp_path)]) == 0
    assert draw_architecture.main(["--output", str(tmp_path), "--check"]) == 0
    picture = tmp_path / architecture_files.SVG
    picture.write_text(picture.read_text().replace("Standby", "Stand-in"))
    assert draw_architecture.main(["--output", str(tmp_path), "--check"]) == 1
    assert "stale: architecture.svg" in capsys.readouterr().out


def test_modules_that_are_called_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "alarms").mkdir()
    (tmp_path / "alarms" / "main.tf").write_text('resource "aws_sns_topic" "all" {\n}\n')
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "main.tf").write_text(
        'data "aws_region" "x" {\n}\nresource "aws_vpc" "main" {\n}\nmodule "m" {\n  source = "../alarms"\n}\n'
    )
    found = terraform_addresses.of_configuration(tmp_path / "stack")
    assert found.addresses == {"aws_vpc.main", "module.m.aws_sns_topic.all"}


def plan_file(folder: Path, *resources: tuple[str, dict]) -> Path:
    path = folder / "plan.json"
    planned = [{"address": address, "mode": "managed", "values": values} for address, values in resources]
    path.write_text(json.dumps({"planned_values": {"root_module": {"resources": planned}}}))
    return path


def test_a_plan_shows_what_it_makes_with_its_values_and_nothing_else(tmp_path: Path) -> None:
    single = plan_file(
        tmp_path,
        ("aws_vpc.main", {}),
        ('aws_subnet.database["eu-west-1a"]', {}),
        ('aws_subnet.database["eu-west-1b"]', {}),
        ("aws_db_instance.primary[0]", {"instance_class": "db.t4g.micro", "multi_az": False}),
    )
    assert draw_architecture.main(["--plan", str(single), "--output", str(tmp_path / "out")]) == 0
    content = (tmp_path / "out" / architecture_files.SVG).read_text()
    assert "db.t4g.micro" in content
    for absent in ("Standby", "Read replicas", "Writer", "Tunnel host", "Availability zone c", "NAT"):
        assert absent not in content
    picture = architecture.drawn(terraform_addresses.of_plan(single))
    assert {node.id for node in picture.nodes} == {"primary"}
    with_standby = plan_file(
        tmp_path, ("aws_db_instance.primary[0]", {"instance_class": "db.r8g.large", "multi_az": True})
    )
    assert "standby" in {node.id for node in architecture.drawn(terraform_addresses.of_plan(with_standby)).nodes}


def test_what_is_no_plan_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="terraform show -json"):
        draw_architecture.main(["--plan", str(tmp_path / "plan.json"), "--output", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        draw_architecture.main(["--plan", "plan.json"])
    assert stop.value.code == 2


def test_no_two_icons_or_their_words_overlap(everything: Architecture) -> None:
    touching = [
        (one.id, other.id)
        for one, other in combinations(everything.nodes, 2)
        if overlap(one.frame(), other.frame())
    ]  # fmt: skip
    assert touching == []


def overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    x, y, width, height = one
    x2, y2, width2, height2 = other
    return x < x2 + width2 and x2 < x + width and y < y2 + height2 and y2 < y + height


def test_everything_lies_within_the_picture(everything: Architecture) -> None:
    frames = [group.frame for group in everything.groups] + [node.frame() for node in everything.nodes]
    assert all(x >= 0 and y >= 0 and x + width <= WIDTH and y + height <= HEIGHT for x, y, width, height in frames)


def test_lines_begin_and_end_at_what_they_connect_and_pass_through_nothing_else(everything: Architecture) -> None:
    icons = {node.id: (*node.place, ICON, ICON) for node in everything.nodes}
    frames = {node.id: node.frame() for node in everything.nodes}
    groups = {group.id: group.frame for group in everything.groups}
    for line in everything.lines:
        for end, point in ((line.source, line.points[0]), (line.target, line.points[-1])):
            x, y, width, height = frames.get(end) or groups[end]
            assert x - 5 <= point[0] <= x + width + 5, (line.source, line.target)
            assert y - 5 <= point[1] <= y + height + 10, (line.source, line.target)
        for a, b in pairwise(line.points):
            assert a[0] == b[0] or a[1] == b[1], "right angles only"
            segment = (min(a[0], b[0]), min(a[1], b[1]), abs(a[0] - b[0]) + 1, abs(a[1] - b[1]) + 1)
            hit = [
                name
                for name, frame in frames.items()
                if overlap(segment, icons[name] if name in (line.source, line.target) else frame)
                and not ends_at(name, line, icons[name])
            ]
            assert hit == [], (line.source, line.target)


def ends_at(name: str, line, icon: tuple[int, int, int, int]) -> bool:
    """Whether the line touches the icon only with its end."""
    x, y, width, height = icon
    ends = {line.source: line.points[0], line.target: line.points[-1]}
    if name not in ends:
        return False
    px, py = ends[name]
    return px in (x, x + width) or py in (y, y + height) or py >= y + height


def test_every_icon_is_there_and_its_origin_is_told(everything: Architecture) -> None:
    for node in everything.nodes:
        ET.fromstring((architecture_files.ICONS / f"{node.icon}.svg").read_text(encoding="utf-8"))
        assert node.icon in architecture_files._SHAPES
    assert "trademarks of Amazon" in (architecture_files.ICONS / "README.md").read_text(encoding="utf-8")
    assert architecture_files.TRADEMARK in (draw_architecture.DIAGRAMS / architecture_files.SVG).read_text(
        encoding="utf-8"
    )
