"""Certificates for tests of encrypted connections: an authority of nobody's, and servers that it signs for."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Authority:
    """Somebody who signs certificates, as Amazon does for RDS."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """What goes into a bundle of trusted certificates."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, name: str) -> tuple[str, str]:
        """A certificate for a server of that name, and its private key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        signed = _builder(name, key, self.certificate.subject)
        signed = signed.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        certificate = signed.sign(self.key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def authority(name: str) -> Authority:
    """An authority that signs itself, for some years."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)]))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def _builder(name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().issuer_name(issuer).public_key(key.public_key())
    builder = builder.subject_name(x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)]))
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - datetime.timedelta(minutes=5)).not_valid_after(
        now + datetime.timedelta(days=1000)
    )
