"""Whether PostgreSQL answers at an address and speaks TLS there; logs in to nothing.

For waiting until a security group rule works. Who the server is checks the connection itself (connection.py).
"""

from __future__ import annotations

import socket
import ssl
import struct

# What PostgreSQL's protocol begins with when TLS is asked for: length, then the request's number.
_SSL_REQUEST = struct.pack("!II", 8, 80877103)


def probe(host: str, port: int, *, hostaddr: str = "", timeout: float = 5) -> str:
    """Returns the version of TLS that was agreed on.

    Args:
        host: the server's name, which is sent to it.
        port: its port.
        hostaddr: an address to connect to instead.
        timeout: seconds for each step.

    Raises:
        OSError: nothing answers, it is no PostgreSQL, or it has no TLS.
    """
    context = ssl.create_default_context()
    # Nothing is said over this connection, and RDS's certificate is not in the system's store.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((hostaddr or host, port), timeout=timeout) as plain:
        plain.sendall(_SSL_REQUEST)
        answer = plain.recv(1)
        if answer == b"":
            raise ConnectionResetError("the connection was closed at once")
        if answer != b"S":
            raise OSError("it answers, but not with TLS" if answer == b"N" else "what answers is no PostgreSQL")
        with context.wrap_socket(plain, server_hostname=host) as encrypted:
            return encrypted.version() or "TLS"
