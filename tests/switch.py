"""What a host puts before the web processes: it speaks TLS, says so to them, and can be switched
from one release to the next between two requests."""

import contextlib
import datetime
import socket
import socketserver
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CHUNK_BYTES = 64 * 1024
PATIENCE_SECONDS = 60
HEADERS_OF_OURS = (b"x-forwarded-for:", b"x-forwarded-proto:", b"connection:")


class Switch:
    """A TLS port in front of `target`, a port of this machine; a connection carries one request."""

    def __init__(self, certificate: Path) -> None:
        self.target = 0
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        switch = self

        class Handler(socketserver.StreamRequestHandler):
            timeout = PATIENCE_SECONDS

            def setup(self) -> None:
                self.request = tls.wrap_socket(self.request, server_side=True)
                super().setup()

            def handle(self) -> None:
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                body = self.rfile.read(content_length(head))
                address = "127.0.0.1", switch.target
                with socket.create_connection(address, PATIENCE_SECONDS) as release:
                    release.sendall(forwarded(head, self.client_address[0]) + body)
                    while piece := release.recv(CHUNK_BYTES):
                        self.wfile.write(piece)

            def finish(self) -> None:
                super().finish()
                with contextlib.suppress(OSError):  # he has left already
                    self.request.unwrap()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """A guest who left, or whom a release dropped: he notices, and is counted."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def forwarded(head: bytes, address: str) -> bytes:
    """The request's head as our proxy passes it on."""
    first, *lines = head.removesuffix(b"\r\n").split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith(HEADERS_OF_OURS)]
    ours = [
        f"X-Forwarded-For: {address}".encode(),
        b"X-Forwarded-Proto: https",
        b"Connection: close",
    ]
    return b"\r\n".join([first, *kept, *ours]) + b"\r\n\r\n"


def content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def make_certificate(path: Path, host: str) -> Path:
    """A certificate of `host` that signs itself, with its key, good for a month."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
