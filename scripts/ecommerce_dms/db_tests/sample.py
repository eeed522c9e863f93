"""The rows that tests of writes start from: a small sample shop, the same each time, with rows in every table."""

import datetime as dt

from ecommerce_dms.sample_data import loading
from ecommerce_dms.settings import Settings

_REQUEST = loading.Request(orders=200, seed=1, as_of=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def fill(settings: Settings) -> None:
    """Load it into a database at head that holds nothing yet."""
    loading.load(settings, _REQUEST)
