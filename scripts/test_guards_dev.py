import pytest
pytest.register_assert_rewrite("ecommerce_dms.db_tests.guards")
from ecommerce_dms.db_tests.guards import *
