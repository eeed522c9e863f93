"""The small shop that tests write into: rows in every table, all of them written with every guard on."""

from contextlib import closing
from pathlib import Path

from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

SMALL_SHOP = Path(__file__).parents[3] / "schema" / "guards" / "small_shop.sql"


def fill(settings: Settings) -> None:
    """Write it into a database at head that holds nothing yet."""
    with closing(connect(settings, role=OWNER)) as connection:
        connection.cursor().execute(SMALL_SHOP.read_text(encoding="utf-8"))
        connection.commit()
