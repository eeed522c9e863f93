import pytest
pytest.register_assert_rewrite("ecommerce_dms.db_tests.guards", "ecommerce_dms.db_tests.races")
from ecommerce_dms.db_tests.guards import *
