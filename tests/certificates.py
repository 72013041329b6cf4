"""Certificates for TLS on loopback, made by openssl at the time of the test."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest


def make_certificate(where: Path, start: str, end: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for localhost that is good from ``start`` to ``end`` (YYYYMMDDHHMMSSZ)."""
    tool = shutil.which("openssl")
    if not tool:
        pytest.skip("no openssl to make a certificate with")
    cert, key, asked, rules = where / "cert.pem", where / "key.pem", where / "asked.pem", where / "rules"
    rules.write_text(_CA.format(where))
    (where / "index").touch()
    (where / "serial").write_text("01")
    kind = ("-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost")
    subprocess.run([tool, "req", *kind, "-keyout", key, "-out", asked], check=True, capture_output=True)
    signing = ("-selfsign", "-batch", "-notext", "-startdate", start, "-enddate", end)
    files = ("-config", rules, "-keyfile", key, "-in", asked, "-out", cert)
    subprocess.run([tool, "ca", *signing, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


_CA = """
[ca]
default_ca = here
[here]
database = {0}/index
new_certs_dir = {0}
serial = {0}/serial
default_md = sha256
policy = any
x509_extensions = ext
[any]
commonName = supplied
[ext]
subjectAltName = DNS:localhost
basicConstraints = CA:TRUE
"""
