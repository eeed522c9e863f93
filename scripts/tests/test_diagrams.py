"""The ER diagrams: up to date, complete, drawn as a person would, and kind to what people moved by hand."""

from __future__ import annotations

import base64
import re
import shutil
import sys
import urllib.parse
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import draw_diagrams
import pytest
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UserError
from ecommerce_dms.diagrams import areas, drawio, erd, layout, mermaid, palette, picture, routing, text
from ecommerce_dms.diagrams.catalog import Catalog
from ecommerce_dms.diagrams.picture import Page
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings

# A school: composite keys, a key that refers to part of one, a table that refers to itself, a one to one relation.
SCHOOL = """
CREATE SCHEMA school;
SET search_path = school;
CREATE TABLE person (person_id bigint PRIMARY KEY, name text NOT NULL, mentor_id bigint REFERENCES person);
CREATE TABLE pupil (person_id bigint PRIMARY KEY REFERENCES person, since date NOT NULL);
CREATE TABLE class (year smallint, letter char(1), teacher_id bigint NOT NULL REFERENCES person, PRIMARY KEY (year, letter));
CREATE TABLE membership (
    person_id bigint REFERENCES pupil, year smallint, letter char(1), deputy_id bigint UNIQUE REFERENCES person,
    PRIMARY KEY (person_id, year), FOREIGN KEY (year, letter) REFERENCES class
);
COMMENT ON TABLE class IS 'A class & its <teacher>.';
COMMENT ON COLUMN class.letter IS 'a | b';
"""

# Telemetry: partitions with keys of their own, two tables that refer to each other, odd names, another schema.
TELEMETRY = '''
CREATE SCHEMA registry;
CREATE TABLE registry.country (code char(2) PRIMARY KEY);
CREATE SCHEMA telemetry;
SET search_path = telemetry;
CREATE TABLE site (site_id int PRIMARY KEY, country char(2) NOT NULL REFERENCES registry.country, main_device_id int);
CREATE TABLE "Device ""X""" ("device id" int PRIMARY KEY, site_id int NOT NULL REFERENCES site);
ALTER TABLE site ADD CONSTRAINT site_main_device FOREIGN KEY (main_device_id) REFERENCES "Device ""X""";
CREATE TABLE reading (
    device_id int NOT NULL REFERENCES "Device ""X""", at timestamptz NOT NULL, value numeric(12, 3),
    PRIMARY KEY (device_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE reading_2025 PARTITION OF reading FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE reading_2026 PARTITION OF reading FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE alarm (
    alarm_id int PRIMARY KEY, device_id int NOT NULL, at timestamptz NOT NULL, FOREIGN KEY (device_id, at) REFERENCES reading
);
CREATE TABLE log (line text);
'''


@pytest.fixture(scope="module")
def template(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


@pytest.fixture(scope="module")
def shop(template: Settings) -> Catalog:
    return draw_diagrams.read_live(template, areas.SHOP)


@pytest.fixture(scope="module")
def committed() -> str:
    return (draw_diagrams.DIAGRAMS / erd.DRAWIO).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages(shop: Catalog, committed: str) -> list[Page]:
    return erd.placed(shop, committed)


@pytest.fixture(scope="module")
def samples(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        with closing(connect(settings)) as connection:
            connection.cursor().execute(SCHOOL + TELEMETRY)
            connection.commit()
        yield settings


def sample(settings: Settings, schema: str) -> Catalog:
    return draw_diagrams.read_live(settings, schema)


def in_a_row(found: Catalog) -> str:
    """A draw.io file in which somebody put all tables of the one page beside each other: needs no layout library."""
    (page,) = picture.pages(found, areas.group(found))
    places = {name: (40 + 400 * number, 80) for number, name in enumerate(page.boxes)}
    layout.place(page, places)
    routing.route(page)
    return drawio.write([page], palette.of_areas(areas.group(found)))


def cells(content: str) -> dict[str, dict[str, ET.Element]]:
    """By page name, the elements of a draw.io file by id."""
    root = ET.fromstring(content)
    return {
        diagram.get("name"): {element.get("id"): element for element in diagram.iterfind("mxGraphModel/root/*")}
        for diagram in root.iter("diagram")
    }


def test_they_are_up_to_date(embedded_settings: Settings, monkeypatch, capsys) -> None:
    monkeypatch.setattr(draw_diagrams, "load_settings", lambda _arguments: embedded_settings)
    assert draw_diagrams.main(["--check"]) == 0, capsys.readouterr().out


def test_every_table_and_foreign_key_of_the_database_is_in_the_file_and_no_other(
    template: Settings, committed: str
) -> None:
    with closing(connect(template, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'shop' AND tablename <> 'alembic_version'")
        tables = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT conrelid::regclass, conname, confrelid::regclass FROM pg_constraint"
            " WHERE contype = 'f' AND connamespace = 'shop'::regnamespace"
        )
        keys = {(child.split(".")[1], name, parent.split(".")[1]) for child, name, parent in cursor.fetchall()}
    drawn = cells(committed)
    overview = drawn.pop("Overview")
    assert {id_[2:] for id_ in overview if re.fullmatch(r"t\.\w+", id_)} == tables
    whole = {
        id_[2:] for page in drawn.values() for id_ in page if re.fullmatch(r"t\.\w+", id_) and not is_stub(page[id_])
    }
    assert whole == tables
    lines = [edge_of(element) for page in drawn.values() for element in page.values() if is_edge(element)]
    assert len(lines) == len(set(lines))
    assert set(lines) == keys
    named = sum(element.get("value", "").count("→ ") for id_, element in overview.items() if id_.endswith(".type"))
    assert sum(is_edge(element) for element in overview.values()) + named == len(keys)


def is_stub(element: ET.Element) -> bool:
    return "dashed=1" in element.find("mxCell").get("style")


def is_edge(element: ET.Element) -> bool:
    cell = element.find("mxCell")
    return cell is not None and cell.get("edge") == "1"


def edge_of(element: ET.Element) -> tuple[str, str, str]:
    """Child, name and parent, from the cells that the line is fastened to."""
    cell = element.find("mxCell")
    return cell.get("source").split(".")[1], element.get("id").split(".", 2)[2], cell.get("target").split(".")[1]


def test_no_two_tables_overlap(pages: list[Page]) -> None:
    touching = [
        (page.id, one.table, other.table)
        for page in pages
        for one, other in combinations(page.boxes.values(), 2)
        if layout.overlap(one, other, 10)
    ]
    assert touching == []


def test_no_line_of_the_overview_crosses_another_and_on_a_page_one_pair_at_most(pages: list[Page]) -> None:
    crossed = {page.id: layout.crossings(page) for page in pages}
    assert crossed.pop("overview") == 0
    assert {page: count for page, count in crossed.items() if count > 1} == {}


def test_a_crossing_is_counted(pages: list[Page]) -> None:
    page = next(page for page in pages if page.id == "carts")
    one, other = (edge for edge in page.edges if edge.key.target in ("customers", "product_variants"))
    points = {one.id: ((0, 50), (100, 50)), other.id: ((50, 0), (50, 100))}
    crossed = Page("x", "X", "", page.boxes, [replace(edge, points=points[edge.id]) for edge in (one, other)])
    assert layout.crossings(crossed) == 1


def test_every_picture_is_legible_in_a_column_of_github_and_nothing_in_it_is_cut(pages: list[Page]) -> None:
    for name in ("erd.svg", *(f"erd-{page.id}.svg" for page in pages if not page.is_overview)):
        root = ET.parse(draw_diagrams.DIAGRAMS / name).getroot()
        left, _, width, _ = (float(length) for length in root.get("viewBox").split())
        # Columns are written at 12 px, and a page of GitHub's is about 880 px wide.
        assert 12 * min(1.0, 880 / width) >= 8, name
        for line in root.iter("{http://www.w3.org/2000/svg}text"):
            if line.get("class") in ("title", "about", "legend"):
                size = 24 if line.get("class") == "title" else 13
                end = float(line.get("x")) + text.width("".join(line.itertext()), size, bold=size == 24)
                assert end <= left + width, (name, "".join(line.itertext()))


def test_no_line_passes_through_a_table(pages: list[Page]) -> None:
    assert [line for page in pages for line in lines_through_boxes(page)] == []


def lines_through_boxes(page: Page) -> list[tuple[str, str, str]]:
    return [
        (page.id, edge.id, box.table)
        for edge in page.edges
        for a, b in pairwise(edge.points)
        for box in page.boxes.values()
        if routing.crosses(box, a, b)
    ]


def test_lines_to_different_keys_never_run_on_top_of_each_other(pages: list[Page]) -> None:
    shared = []
    for page in pages:
        for one, other in combinations(page.edges, 2):
            if (one.key.target, one.parent_end) == (other.key.target, other.parent_end):
                continue
            for a, b in pairwise(one.points):
                shared += [(page.id, one.id, other.id) for c, d in pairwise(other.points) if run_together(a, b, c, d)]
    assert shared == []


def run_together(a, b, c, d) -> bool:
    for along, across in ((0, 1), (1, 0)):
        if a[across] == b[across] == c[across] == d[across]:
            return min(max(a[along], b[along]), max(c[along], d[along])) > max(
                min(a[along], b[along]), min(c[along], d[along])
            )
    return False


def test_no_area_of_the_overview_overlaps_another(pages: list[Page]) -> None:
    regions = pages[0].regions()
    assert len(regions) > 5
    for (one, x, y, width, height), (other, x2, y2, width2, height2) in combinations(regions, 2):
        apart = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
        assert apart, f"{one.title} and {other.title}"


def test_every_line_ends_at_rows_of_its_key_or_at_the_header_of_its_parent(pages: list[Page]) -> None:
    for page in pages:
        for edge in page.edges:
            child, parent = page.boxes[edge.key.table], page.boxes[edge.key.target]
            assert edge.points[0][0] in (child.x, child.x + child.width)
            assert edge.points[0][1] in {child.row_middle(name) for name in edge.key.columns}
            assert edge.points[-1][0] in (parent.x, parent.x + parent.width)
            assert edge.points[-1][1] in {parent.row_middle(name) for name in (*edge.key.target_columns, "")}


def test_the_pictures_are_well_formed_and_hold_every_table_line_and_both_themes(pages: list[Page]) -> None:
    for page in pages:
        name = "erd.svg" if page.is_overview else f"erd-{page.id}.svg"
        content = (draw_diagrams.DIAGRAMS / name).read_text(encoding="utf-8")
        root = ET.fromstring(content)
        ids = {element.get("id") for element in root.iter()}
        assert {f"t.{table}" for table in page.boxes} | {edge.id for edge in page.edges} <= ids
        assert "prefers-color-scheme: dark" in content
        for external in ("<script", "http://", "https://", "@import"):
            assert external not in content.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_the_texts_of_a_row_fit_into_it(pages: list[Page]) -> None:
    for page in pages:
        for box in page.boxes.values():
            assert text.width(box.table, 13, bold=True) < box.width
            for row in box.rows:
                assert text.width(row.column, 12) <= box.name_width
                assert not row.type or text.width(row.type, 11) <= box.type_width


def test_ends_of_lines_say_how_many(samples: Settings) -> None:
    school = sample(samples, "school")
    ends = {
        (edge.key.table, edge.key.columns): (edge.child_end, edge.parent_end)
        for page in picture.pages(school, areas.group(school))
        for edge in page.edges
    }
    assert ends == {
        ("person", ("mentor_id",)): ("zeroToMany", "zeroToOne"),
        ("pupil", ("person_id",)): ("zeroToOne", "mandOne"),
        ("class", ("teacher_id",)): ("zeroToMany", "mandOne"),
        ("membership", ("person_id",)): ("zeroToMany", "mandOne"),
        ("membership", ("year", "letter")): ("zeroToMany", "zeroToOne"),
        ("membership", ("deputy_id",)): ("zeroToOne", "zeroToOne"),
    }


def test_partitions_are_part_of_their_table(samples: Settings) -> None:
    telemetry = sample(samples, "telemetry")
    assert sorted(telemetry.tables) == ['Device "X"', "alarm", "log", "reading", "site"]
    reading = telemetry.tables["reading"]
    assert reading.partitioned_by == "RANGE (at)"
    assert reading.partitions == ("telemetry.reading_2025", "telemetry.reading_2026")
    assert [key.name for key in telemetry.foreign_keys() if key.target == "reading"] == ["alarm_device_id_at_fkey"]
    assert reading.column("value").type == "numeric(12,3)"


@pytest.mark.parametrize("schema", ["school", "telemetry"])
def test_any_schema_is_drawn_whole(samples: Settings, schema: str) -> None:
    found = sample(samples, schema)
    drawn = erd.files(found, in_a_row(found))
    assert sorted(drawn) == ["erd.drawio", "erd.svg"]
    (page,) = cells(drawn["erd.drawio"]).values()
    lines = {element.get("id") for element in page.values() if is_edge(element)}
    assert lines == {f"fk.{key.table}.{key.name}" for key in found.foreign_keys()}
    assert {f"t.{name}" for name in found.tables} <= page.keys()
    assert ET.fromstring(drawn["erd.svg"]) is not None
    assert lines_through_boxes(erd.placed(found, in_a_row(found))[0]) == []


@pytest.mark.parametrize("schema", ["school", "telemetry"])
def test_a_new_schema_is_laid_out_without_overlaps(samples: Settings, schema: str, tmp_path: Path) -> None:
    pytest.importorskip("igraph", reason="a new page needs igraph: pip install -r scripts/requirements-diagrams.txt")
    found = sample(samples, schema)
    (page,) = erd.placed(found)
    assert not any(layout.overlap(a, b, 10) for a, b in combinations(page.boxes.values(), 2))
    assert lines_through_boxes(page) == []
    assert erd.files(found) == erd.files(found)


def test_the_whole_shop_is_laid_out_anew_without_overlaps(shop: Catalog) -> None:
    pytest.importorskip("igraph", reason="a new page needs igraph: pip install -r scripts/requirements-diagrams.txt")
    for page in picture.pages(shop, areas.group(shop)):
        layout.place(page, {})
        assert not any(layout.overlap(a, b, 10) for a, b in combinations(page.boxes.values(), 2)), page.id


def test_what_the_layout_library_is_needed_for_says_how_to_get_it(samples: Settings, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "igraph", None)
    with pytest.raises(UserError, match=r"requirements-diagrams\.txt"):
        erd.files(sample(samples, "school"))


def test_a_table_that_somebody_moved_stays_there_and_its_lines_follow(shop: Catalog, committed: str) -> None:
    before = erd.placed(shop, committed)
    root = ET.fromstring(committed)
    moved = root.find(".//diagram[@id='page.payments']//UserObject[@id='t.refunds']/mxCell/mxGeometry")
    moved.set("x", str(float(moved.get("x")) + 203.7))
    moved.set("y", str(float(moved.get("y")) + 120))
    after = erd.placed(shop, ET.tostring(root, encoding="unicode"))
    old, new = ({page.id: page for page in which}["payments"] for which in (before, after))
    assert (new.boxes["refunds"].x, new.boxes["refunds"].y) == (
        old.boxes["refunds"].x + 200,
        old.boxes["refunds"].y + 120,
    )
    assert all(new.boxes[name] == old.boxes[name] for name in old.boxes if name != "refunds")
    assert lines_through_boxes(new) == []
    assert all(
        edge.points == now.points
        for edge, now in zip(old.edges, new.edges, strict=True)
        if "refunds" not in (edge.key.table, edge.key.target)
    )
    untouched = [page.id for page in before if page.id != "payments"]
    assert [p.edges for p in before if p.id in untouched] == [p.edges for p in after if p.id in untouched]


def test_a_line_that_somebody_bent_stays_bent(samples: Settings) -> None:
    found = sample(samples, "school")
    root = ET.fromstring(in_a_row(found))
    line = root.find(".//UserObject[@id='fk.class.class_teacher_id_fkey']/mxCell/mxGeometry")
    points = erd.placed(found, in_a_row(found))[0].edges
    old = next(edge for edge in points if edge.id == "fk.class.class_teacher_id_fkey").points
    array = line.find("Array")
    if array is None:
        array = ET.SubElement(line, "Array", {"as": "points"})
    array.clear()
    array.set("as", "points")
    begin, end = (
        (old[0][0] + (20 if old[1][0] > old[0][0] else -20)),
        (old[-1][0] + (20 if old[-2][0] > old[-1][0] else -20)),
    )
    detour = [(begin, old[0][1]), (begin, 900), (end, 900), (end, old[-1][1])]
    for x, y in detour:
        ET.SubElement(array, "mxPoint", x=str(x), y=str(y))
    now = erd.placed(found, ET.tostring(root, encoding="unicode"))[0].edges
    assert list(next(e for e in now if e.id == "fk.class.class_teacher_id_fkey").points[1:-1]) == detour


def test_a_file_that_draw_io_compressed_is_read_all_the_same(committed: str) -> None:
    root = ET.fromstring(committed)
    for diagram in root.iter("diagram"):
        model = ET.tostring(diagram[0], encoding="unicode")
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(urllib.parse.quote(model, safe="").encode()) + packer.flush()
        diagram.remove(diagram[0])
        diagram.text = base64.b64encode(packed).decode()
    assert drawio.read_places(ET.tostring(root, encoding="unicode")) == drawio.read_places(committed)


def test_a_new_column_changes_only_its_table_and_what_is_fastened_to_it(
    shop: Catalog, committed: str, template: Settings, master: Settings
) -> None:
    with scratch_database(master, template=template) as planted:
        with closing(connect(planted, role=OWNER)) as connection:
            connection.cursor().execute("ALTER TABLE shop.coupons ADD COLUMN note text")
            connection.commit()
        changed = erd.files(draw_diagrams.read_live(planted, areas.SHOP), committed)["erd.drawio"]
    lines = erd.difference(committed, changed)
    assert "+ Carts: t.coupons.note" in lines
    assert "~ Carts: t.coupons" in lines
    assert [line for line in lines if line.startswith("- ")] == []
    assert all("t.coupons" in line or ": fk." in line for line in lines if "legend" not in line), lines


def test_a_change_that_is_not_drawn_is_refused_and_named_and_then_drawn(
    master: Settings, template: Settings, tmp_path: Path, monkeypatch, capsys
) -> None:
    folder = tmp_path / "diagrams"
    shutil.copytree(draw_diagrams.DIAGRAMS, folder)
    stale_area = folder / "erd-gifts.svg"
    stale_area.write_text((folder / "erd-carts.svg").read_text())
    with scratch_database(master, template=template) as planted:
        with closing(connect(planted, role=OWNER)) as connection:
            connection.cursor().execute(
                "CREATE TABLE shop.gifts (gift_id bigint PRIMARY KEY, order_id uuid NOT NULL REFERENCES shop.orders);"
                "ALTER TABLE shop.refunds DROP CONSTRAINT fk_refunds_order_id_return_id"
            )
            connection.commit()
        monkeypatch.setattr(draw_diagrams, "load_settings", lambda _arguments: planted)
        call = ["--schema", "shop", "--output", str(folder)]
        # A table that no model knows makes an area of its own, which is a new page.
        pytest.importorskip(
            "igraph", reason="a new page needs igraph: pip install -r scripts/requirements-diagrams.txt"
        )
        assert draw_diagrams.main([*call, "--check"]) == 1
        out = capsys.readouterr().out
        assert "+ Overview: t.gifts" in out
        assert "- Payments: fk.refunds.fk_refunds_order_id_return_id" in out
        assert "superfluous: erd-gifts.svg" in out
        assert stale_area.exists()
        assert draw_diagrams.main(call) == 0
        assert draw_diagrams.main([*call, "--check"]) == 0
        assert not stale_area.exists()


def test_a_foreign_key_that_is_not_drawn_is_refused_and_named(
    master: Settings, template: Settings, tmp_path: Path, monkeypatch, capsys
) -> None:
    folder = tmp_path / "diagrams"
    shutil.copytree(draw_diagrams.DIAGRAMS, folder)
    with scratch_database(master, template=template) as planted:
        with closing(connect(planted, role=OWNER)) as connection:
            connection.cursor().execute(
                "ALTER TABLE shop.audit_log ADD COLUMN order_id uuid CONSTRAINT fk_x REFERENCES shop.orders;"
            )
            connection.commit()
        monkeypatch.setattr(draw_diagrams, "load_settings", lambda _arguments: planted)
        assert draw_diagrams.main(["--schema", "shop", "--output", str(folder), "--check"]) == 1
        assert "+ Integration: fk.audit_log.fk_x" in capsys.readouterr().out
        assert draw_diagrams.main(["--schema", "shop", "--output", str(folder)]) == 0
        assert draw_diagrams.main(["--schema", "shop", "--output", str(folder), "--check"]) == 0


def test_wrong_usage_is_told(samples: Settings, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(draw_diagrams, "load_settings", lambda _arguments: samples)
    for wrong in (["--schema", "school"], ["--check", "--fresh"]):
        with pytest.raises(SystemExit) as stop:
            draw_diagrams.main(wrong)
        assert stop.value.code == 2
    with pytest.raises(UserError, match="nowhere"):
        draw_diagrams.main(["--schema", "nowhere", "--output", str(tmp_path)])
    (tmp_path / "erd.drawio").write_text("<mxfile><diagram")
    with pytest.raises(UserError, match=r"no draw\.io file"):
        draw_diagrams.main(["--schema", "school", "--output", str(tmp_path)])


@pytest.mark.parametrize("schema", ["school", "telemetry"])
def test_mermaid_names_every_table_and_relation(samples: Settings, schema: str) -> None:
    found = sample(samples, schema)
    drawn = mermaid.diagram(found, areas.group(found)[0])
    relations = re.findall(r'^    (\w+|"[^"]+") (\|[|o])--(o[|{]) (\w+|"[^"]+") : "[^"]+"$', drawn, re.MULTILINE)
    assert len(relations) == len(found.foreign_keys())
    for attribute in re.findall(r"^        (.*)$", drawn, re.MULTILINE):
        assert re.fullmatch(r"\w[\w\[\]]* \w+ (PK|FK|UK)(, (PK|FK|UK))*", attribute), attribute
