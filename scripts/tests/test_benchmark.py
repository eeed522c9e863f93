"""benchmark.py runs each of its measurements to the end and says what it found. How fast anything is, no test asserts."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import benchmark
import pytest
from ecommerce_dms import fingerprint
from ecommerce_dms.benchmarks import growth, pgbench, quotes, report
from ecommerce_dms.benchmarks.shop import Integrity
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UserError
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

COLUMNS = {
    "checkout": [
        *("lines", "clients", "bare/s", "constrained/s", "client-side/s", "row by row/s", "contract/s", "p95 ms"),
        *("÷ bare", "÷ constrained", "÷ client-side", "÷ row by row"),
    ],
    "hot": ["standby", "uniform/s", "one row/s", "slots/s", "mixed/s", "one row ÷ uniform", "slots ÷ uniform"],
    "reads": [
        "read",
        "p50 / p95 ms, 50",
        "p50 / p95 ms, 200",
        "buffers, 50",
        "buffers, 200",
        "growth",
        "index searches",
    ],
}
FIRST_CELLS = {
    "checkout": ["10", "1"],
    "hot": ["none", "synchronous"],
    "reads": ["product page", "category page", "search", "order history", "order details", "back-office order list"],
}


@pytest.mark.parametrize("command", COLUMNS)
def test_a_measurement_prints_its_table_and_leaves_the_shop_whole(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(report, "BENCHMARKS_MD", tmp_path / "benchmarks.md")
    assert benchmark.main([command, "--quick"]) == 0
    printed = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines() if line.startswith("|")]
    if command == "reads":
        rows, policies = rows[:8], rows[8:]
        assert policies[0] == ["read by", "ms", "more", "buffers"]
        assert len({row[-1] for row in policies[2:5]}) == 1, "a policy makes a plan look at more"
    assert rows[0] == COLUMNS[command]
    assert [row[0] for row in rows[2:]] == FIRST_CELLS[command]
    measured = [
        float(number) for row in rows[2:] for number in re.findall(r"[\d.]+", " ".join(row[1:]).replace(",", ""))
    ]
    assert all(number >= 0 for number in measured)
    assert any(number > 0 for number in measured)
    assert re.search(r"verify_integrity\(\)[^\n]*: no violation, [\d,]+ rows examined", printed)
    assert ("Deadlocks: 0." in printed) == (command != "reads")
    assert not report.BENCHMARKS_MD.exists()
    quoted = quotes.with_quotes("<!-- benchmarks -->\n<!-- end of benchmarks -->\n", printed)
    assert quoted.count("not measured yet") == 2 and f"- [`{command}`](benchmarks.md#{command}): " in quoted


def test_a_multiplied_shop_has_twins_of_everybody_and_breaks_no_invariant(
    filled: Settings,
) -> None:
    counted = "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.customers), (SELECT count(*) FROM shop.products)"
    with closing(connect(filled, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(counted)
        orders, customers, products = cursor.fetchone()
        connection.rollback()
        before = fingerprint.read(connection)
    growth.multiply(filled, 3)
    with closing(connect(filled, role=OWNER)) as connection, connection.cursor() as cursor:
        assert fingerprint.difference(before, fingerprint.read(connection)) == []
        cursor.execute(counted)
        assert cursor.fetchone() == (3 * orders, 3 * customers, products)
        cursor.execute("SELECT count(*) FROM (SELECT customer_id FROM shop.orders GROUP BY customer_id) AS buyer")
        (buyers,) = cursor.fetchone()
        assert buyers % 3 == 1, "a guest is nobody; everybody else is there three times"
        cursor.execute(
            "SELECT invariant, examined, violations FROM api.verify_integrity() WHERE violations > 0 OR examined = 0"
        )
        assert cursor.fetchall() == []
        # What comes next finds its keys free.
        cursor.execute(
            "INSERT INTO shop.login_attempts (email_digest, succeeded) VALUES (sha256('x'), false) RETURNING login_attempt_id"
            " = (SELECT max(login_attempt_id) + 1 FROM shop.login_attempts)"
        )
        assert cursor.fetchone() == (True,)
        connection.rollback()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["everything"],
        ["checkout", "--clients", "0"],
        ["hot", "--clients", "1,8"],
        ["reads", "--orders", "10000"],
        ["reads", "--orders", "2000,1000"],
        ["reads", "--orders", "10000,150000"],
        ["checkout", "--runs", "none"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_before_anything_starts(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        benchmark.main(arguments)
    assert exit_.value.code == 2
    assert "usage: " in capsys.readouterr().err


def test_a_deadlock_or_a_violation_makes_the_program_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = report.Report("hot", "")
    found.add_deadlocks(1)
    found.add_integrity(Integrity(1.0, 10, ("stock: 1 violations, e.g. variant 1",)))
    monkeypatch.setattr(benchmark.hot, "measure", lambda request: found)
    monkeypatch.setattr(report, "BENCHMARKS_MD", tmp_path / "benchmarks.md")
    assert benchmark.main(["hot", "--write"]) == 1
    assert "failed: 1 deadlocks" in capsys.readouterr().err
    assert not report.BENCHMARKS_MD.exists(), "what failed is no measurement"


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    report.write(report.Report("reads", "old reads"), path)
    report.write(report.Report("checkout", "a checkout"), path)
    report.write(report.Report("reads", "new reads", ["a paragraph"]), path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(report.HEADER)
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == ["checkout", "reads"]
    assert ("old reads" in text, "new reads\n\na paragraph\n" in text, "a checkout" in text) == (False, True, True)


MEASURED = """\
# Benchmarks

## checkout

2026-01-02, PostgreSQL 18.4, Some CPU, 2 cores, 24 GB of memory, Linux. Orders a second.

| lines | clients | contract/s | ÷ bare | ÷ constrained | ÷ client-side | ÷ row by row |
|-------|--------:|-----------:|-------:|--------------:|--------------:|-------------:|
| 10    |       1 |        195 |   0.19 |          0.70 |          0.88 |         1.90 |
| 10    |       8 |      1,276 |   0.29 |          0.80 |          0.98 |         2.10 |
| 1     |       1 |        380 |   0.19 |          0.60 |          1.34 |         1.35 |

Deadlocks: 0.

## hot

2026-01-03, PostgreSQL 18.4, Some CPU, 2 cores, 24 GB of memory, Linux. Orders a second.

| standby     | one row/s | slots/s | one row ÷ uniform | slots ÷ uniform |
|-------------|----------:|--------:|------------------:|----------------:|
| none        |        90 |     300 |              0.25 |            0.83 |
| synchronous |        50 |     250 |              0.20 |            0.80 |

## reads

2026-01-04, PostgreSQL 18.4, Some CPU, 2 cores, 24 GB of memory, Linux. 2 clients.

| read         | p50 / p95 ms, 50 | p50 / p95 ms, 200 | buffers, 50 | growth |
|--------------|-----------------:|------------------:|------------:|-------:|
| product page |      0.50 / 0.90 |       0.50 / 1.10 |          12 |   1.00 |
| search       |      1.50 / 2.90 |      1.60 / 13.20 |          80 |   1.25 |
"""


def test_what_the_page_on_scaling_quotes_was_measured() -> None:
    page = quotes.SCALING_MD.read_text(encoding="utf-8")
    wanted = quotes.with_quotes(page, report.BENCHMARKS_MD.read_text(encoding="utf-8"))
    assert page == wanted, "docs/scaling.md quotes other figures than docs/benchmarks.md: scripts/benchmark.py quote"


def test_figures_are_quoted_with_where_they_were_measured() -> None:
    page = quotes.with_quotes("<!-- benchmarks -->\nold\n<!-- end of benchmarks -->\n", MEASURED)
    assert page.splitlines()[1:-1] == [
        "- [`checkout`](benchmarks.md#checkout): orders: 380 a second of 1 line (1 client), 1,276 a second of 10 lines (8 clients);"
        " 0.19 to 0.29 of bare writes' rate, 0.60 to 0.80 of that of the same writes under declared constraints,"
        " 0.88 to 1.34 of that of an application's statements, rows inserted together, 1.35 to 2.10 of that of the same, row by row."
        " (2026-01-02, PostgreSQL 18.4, Some CPU, 2 cores, 24 GB of memory, Linux)",
        "- [`hot`](benchmarks.md#hot): everybody buys one product: without a standby 90 orders a second of one row"
        " (0.25 of many products' rate), 300 of slots (0.83); with a synchronous standby 50 orders a second of one row"
        " (0.20 of many products' rate), 250 of slots (0.80)."
        " (2026-01-03, PostgreSQL 18.4, Some CPU, 2 cores, 24 GB of memory, Linux)",
        "- [`reads`](benchmarks.md#reads): from 50 to 200 orders a page reads 1.00 to 1.25 times the buffers;"
        " the slowest p95 there is 13.2 ms (search)."
        " (2026-01-04, PostgreSQL 18.4, Some CPU, 2 cores, 24 GB of memory, Linux)",
    ]


def test_what_was_not_measured_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmarks, scaling = tmp_path / "benchmarks.md", tmp_path / "scaling.md"
    benchmarks.write_text(MEASURED.partition("## hot")[0], encoding="utf-8")
    scaling.write_text("# Scaling\n<!-- benchmarks -->\n<!-- end of benchmarks -->\n", encoding="utf-8")
    monkeypatch.setattr(report, "BENCHMARKS_MD", benchmarks)
    monkeypatch.setattr(quotes, "SCALING_MD", scaling)
    assert benchmark.main(["quote"]) == 0
    page = scaling.read_text(encoding="utf-8")
    assert "380 a second" in page
    assert "- [`hot`](benchmarks.md): not measured yet.\n- [`reads`](benchmarks.md): not measured yet.\n" in page
    with pytest.raises(UserError, match="no place for figures"):
        quotes.with_quotes("# Scaling\n", MEASURED)


def test_constrained_is_the_bare_statement_in_the_schema_with_the_constraints() -> None:
    scripts = {
        name: pgbench.order_script(name, 2, warehouse=7, total_minor=3499, articles="100 + {line}")
        for name in ("bare", "constrained")
    }
    assert scripts["constrained"].replace("client_side.", "bare.") == scripts["bare"]
    assert "bare." not in scripts["constrained"]


def test_row_by_row_writes_each_line_for_itself() -> None:
    text = pgbench.order_script("row_by_row", 3, warehouse=7, total_minor=3499, articles="100 + {line}")
    assert re.findall(r"VALUES \(:order_id::uuid, (\d) , (:v\d) , 'EUR'", text) == [
        ("1", ":v0"),
        ("2", ":v1"),
        ("3", ":v2"),
    ]


def test_a_script_is_written_out_for_its_lines() -> None:
    text = pgbench.order_script("client_side", 3, warehouse=7, total_minor=3499, articles="100 + {line}")
    assert text.startswith("\\set v0 100 + 0\n\\set v1 100 + 1\n\\set v2 100 + 2\n")
    assert re.findall(r"WHERE variant_id = (:v\d) AND warehouse_id = 7", text) == [":v0", ":v1", ":v2"]
    assert "ANY (ARRAY[:v0, :v1, :v2]::bigint[])" in text
    assert set(re.findall(r"(?<!:):([a-z]\w*)", re.sub(r"^--.*$", "", text, flags=re.MULTILINE))) == {
        "v0", "v1", "v2", "cart_id", "order_id",
    }  # fmt: skip


@pytest.mark.parametrize("lines", [1, 5, 10])
def test_the_lines_of_a_cart_are_never_of_the_same_article(lines: int) -> None:
    shares = []
    for line in range(lines):
        found = re.fullmatch(
            r"1000 \+ (\d+) \+ (\d+) \* random\(0, (\d+)\)", pgbench.spread_articles(1000, lines).format(line=line)
        )
        first, step, most = map(int, found.groups())
        shares.append({1000 + first + step * pick for pick in range(most + 1)})
    assert sum(map(len, shares)) == len(set().union(*shares)) == 1000
