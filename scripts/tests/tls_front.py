"""TLS before a PostgreSQL that was built without: takes encrypted connections and hands on what they say.

What a client does with certificates and names is then the real libpq's doing, against a certificate of the test's own.
What the server itself would say of TLS (pg_stat_ssl) is not.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@contextmanager
def tls_front(host: str, port: int, certificate_and_key: str) -> Iterator[int]:
    """Yields the port on 127.0.0.1 where TLS is spoken. `certificate_and_key`: a PEM file with both."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_and_key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    accepted, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_serve, args=(accepted, context, host, port), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            # close() alone would leave accept() waiting.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _serve(accepted: socket.socket, context: ssl.SSLContext, host: str, port: int) -> None:
    with accepted, suppress(OSError):
        if accepted.recv(8, socket.MSG_WAITALL) != _SSL_REQUEST:
            return  # Plain text is not for this door.
        accepted.sendall(b"S")
        with (
            context.wrap_socket(accepted, server_side=True) as encrypted,
            socket.create_connection((host, port)) as plain,
        ):
            _hand_on(encrypted, plain)


def _hand_on(encrypted: ssl.SSLSocket, plain: socket.socket) -> None:
    """Both ways, until one of them ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(encrypted, selectors.EVENT_READ, plain)
        selector.register(plain, selectors.EVENT_READ, encrypted)
        while True:
            for key, _ in selector.select():
                source, target = key.fileobj, key.data
                if not (said := source.recv(65536)):
                    return
                target.sendall(said)
                # What TLS has decrypted already, no selector announces.
                while source is encrypted and encrypted.pending():
                    target.sendall(encrypted.recv(encrypted.pending()))
