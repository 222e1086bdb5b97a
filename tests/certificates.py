"""Certificates of servers that tests start, each signed by itself."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = datetime.timedelta(days=1)


def write_certificate(folder: Path, host: str, age: datetime.timedelta = datetime.timedelta()) -> ssl.SSLContext:
    """Write cert.pem, key.pem and both.pem for `host`, valid for a day; return a context that trusts them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    began = datetime.datetime.now(datetime.UTC) - age
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(began).not_valid_after(began + DAY)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
    cert = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret = key.private_bytes(*form)
    for file, content in (("cert.pem", cert), ("key.pem", secret), ("both.pem", cert + secret)):
        (folder / file).write_bytes(content)
    return ssl.create_default_context(cafile=folder / "cert.pem")


def server_context(folder: Path) -> ssl.SSLContext:
    """Return the context of a server with the certificate in `folder`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
