"""A certificate for 127.0.0.1, made when it is needed: the long connection is TLS or nothing."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USES = {
    "digital_signature": True, "key_cert_sign": True, "crl_sign": False, "content_commitment": False,
    "key_encipherment": False, "data_encipherment": False, "key_agreement": False, "encipher_only": False,
    "decipher_only": False,
}  # fmt: skip


def make(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """The server's side, and the file that a client must trust (SSL_CERT_FILE)."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake openws.work.weixin.qq.com")])
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**USES), critical=True)
        .add_extension(own, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    trusted, whole = folder / "trusted.pem", folder / "server.pem"
    public = made.public_bytes(serialization.Encoding.PEM)
    trusted.write_bytes(public)
    form = serialization.PrivateFormat.PKCS8
    whole.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()) + public)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(whole)
    return server, trusted
