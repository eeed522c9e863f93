"""Point-in-time restore on real servers: each moment under load comes back as it was, and a difference would be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import restore_drill
from ecommerce_dms.console import UsageError
from ecommerce_dms.drills import point_in_time, rds_restore
from ecommerce_dms.settings import Settings
from health_shop import run


def test_every_moment_under_load_comes_back_row_by_row(request: pytest.FixtureRequest) -> None:
    moments = request.config.getoption("--moments")
    restored = point_in_time.drill(moments, orders=200, seed=1)
    assert [(each.different, each.violations) for each in restored] == [((), ())] * moments
    # Teeth: the moments differ from each other, so that each restore had to stop at its own.
    first, *others = [each.moment for each in restored]
    assert first.orders > 200
    for other in others:
        assert {"orders", "order_items", "outbox_events"} <= set(point_in_time.differences(first, other))


def test_one_changed_row_is_a_difference(filled: Settings) -> None:
    before = point_in_time.snapshot(filled)
    run(
        filled,
        "UPDATE shop.warehouses SET name = name || '.' WHERE warehouse_id = (SELECT min(warehouse_id) FROM shop.warehouses)",
    )
    assert point_in_time.differences(before, point_in_time.snapshot(filled)) == ("warehouses",)


def test_what_is_remembered_is_read_again(filled: Settings, tmp_path: Path) -> None:
    moment = rds_restore.remember(filled, tmp_path / "expected.json")
    assert rds_restore.remembered(tmp_path / "expected.json") == moment
    assert rds_restore.examine(filled, moment) == (moment.orders, [])


def test_a_file_that_is_no_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(UsageError, match="remember"):
        rds_restore.remembered(tmp_path / "other.json")


def test_the_examination_sees_broken_rules_and_an_empty_shop(filled: Settings, scratch: Settings) -> None:
    run(
        filled,
        "ALTER TABLE shop.stock_levels DISABLE TRIGGER USER",
        "UPDATE shop.stock_levels SET on_hand = on_hand + 1",
        "ALTER TABLE shop.stock_levels ENABLE TRIGGER USER",
    )
    assert any("stock" in problem for problem in rds_restore.examine(filled, None)[1])
    assert rds_restore.examine(scratch, None) == (0, ["there are no orders"])


@pytest.mark.parametrize("text", ["0", "many"])
def test_a_number_of_moments_that_makes_no_sense_is_wrong_usage(text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        restore_drill.main(["local", "--moments", text])
    assert ended.value.code == 2
