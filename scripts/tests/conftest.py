"""Real servers for the tests: embedded ones in folders of their own, never the user's."""

import pytest
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.settings import Settings

# A test run that survives a power failure is of no use to anybody.
THROWN_AWAY = {"fsync": "off"}


def settings_for(parameters: dict) -> Settings:
    """Settings for what EmbeddedServer's `connection_parameters` or `superuser_parameters` return."""
    return Settings(embedded=False, source="the tests", auth="password", sslmode="disable", **parameters)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One running server for all tests. What they make in it they make in databases of their own."""
    embedded = EmbeddedServer(tmp_path_factory.mktemp("server"), THROWN_AWAY)
    embedded.start()
    yield embedded
    embedded.destroy()


@pytest.fixture(scope="session")
def master(server):
    """Settings of the RDS-like master: no superuser, but CREATEROLE, CREATEDB and ADMIN on pg_monitor."""
    return settings_for(server.connection_parameters())


@pytest.fixture(scope="session")
def superuser(server):
    """Settings of the superuser, for what only an administrator can see or do."""
    return settings_for(server.superuser_parameters())
