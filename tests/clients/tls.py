"""A server that speaks TLS, with a certificate of its own."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@contextmanager
def encrypted(directory: Path, certificate: Path, key: Path) -> Iterator[int]:
    """A server process over the sample warehouse that speaks TLS; gives its port."""
    command = [sys.executable, "-m", "flight_server", "serve"]
    config = ["--config", str(directory / "flight-server.yaml"), "--set", "server.port=0"]
    config += ["--set", "audit.stream=tls"]
    files = {"server.tls_certificate": certificate, "server.tls_key": key}
    settings = [part for name, path in files.items() for part in ("--set", f"{name}={path}")]
    log = certificate.with_name("server.log")
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*command, *config, *settings], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            assert "ready grpc+tls://" in line, line + log.read_text()
            yield int(line.rsplit(":", 1)[1])
        finally:
            process.terminate()
            process.wait(20)
