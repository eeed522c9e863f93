"""Until when the server's certificate is valid, and the authority that issued it.

No SQL shows it (pg_stat_ssl is about the client's certificate), so this opens a connection of its own, asks for TLS as
PostgreSQL's protocol wants it, and verifies what it is shown against the settings' own bundle of authorities.
"""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import struct
from pathlib import Path
from typing import Any

from ecommerce_dms.settings import Settings

_SECONDS = 10
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL documentation, "Message Formats", SSLRequest


class CertificateError(Exception):
    """Why there is none to look at."""


def valid_until(settings: Settings) -> tuple[str, str]:
    """ISO moments of the server's certificate, and of its authority in the bundle ('' where that is not in there).

    Raises CertificateError, with the reason.
    """
    if settings.embedded or settings.sslmode in ("disable", "allow", "prefer"):
        raise CertificateError("this connection does not insist on TLS")
    if settings.host.startswith("/"):
        raise CertificateError("a local socket has no TLS")
    if not settings.sslrootcert or settings.sslrootcert == "system":
        raise CertificateError("without a bundle of authorities nothing can be verified: set DB_SSLROOTCERT")
    return _expiries(settings)


def _expiries(settings: Settings) -> tuple[str, str]:
    context = ssl.create_default_context(cafile=str(Path(settings.sslrootcert).expanduser()))
    context.check_hostname = settings.sslmode == "verify-full"
    try:
        with socket.create_connection((settings.hostaddr or settings.host, settings.port), timeout=_SECONDS) as plain:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                raise CertificateError("the server speaks no TLS")
            with context.wrap_socket(plain, server_hostname=settings.host) as secured:
                shown = secured.getpeercert() or {}
    except OSError as error:  # ssl.SSLError is one.
        raise CertificateError(f"the certificate could not be read: {error}") from None
    issuers = [each for each in context.get_ca_certs() if each.get("subject") == shown.get("issuer")]
    return _moment(shown), max((_moment(issuer) for issuer in issuers), default="")


def _moment(certificate: Any) -> str:
    seconds = ssl.cert_time_to_seconds(certificate["notAfter"])
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
