"""Other sides for messages: a web server that notes what it gets, and mail servers that are real."""

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Listener:
    """A web server that notes what was posted, and answers in turn; the last answer goes on."""

    def __init__(self, *answers):
        self.seen, self.answers, self.port = [], list(answers) or [(204, "", {})], 0

    async def __call__(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        is_json = headers.get("content-type", "").startswith("application/json")
        self.seen.append((lines[0], headers, json.loads(body) if is_json else body))
        status, words, more = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        words = words.replace("{port}", str(self.port))
        told = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        head = f"HTTP/1.1 {status} Told\r\nContent-Length: {len(words)}\r\nConnection: close\r\n{told}\r\n"
        writer.write((head + ("" if status == 204 else words)).encode())
        await writer.drain()
        writer.close()

    @property
    def bodies(self):
        return [body for _, _, body in self.seen]

    @property
    def url(self):
        return f"http://localhost:{self.port}/in"


@asynccontextmanager
async def listening(*answers):
    """A web server on loopback."""
    listener = Listener(*answers)
    server = await asyncio.start_server(listener, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


class Mailbox:
    """What a mail server does with what it gets: takes it, or answers as it is told to."""

    def __init__(self, *answers):
        self.got, self.answers, self.tries, self.signed = [], list(answers), 0, []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.tries += 1
        if self.answers:
            return self.answers.pop(0)
        tls = server.transport.get_extra_info("ssl_object") is not None
        self.got.append((message_from_bytes(envelope.content, policy=policy.default), envelope.rcpt_tos, tls))
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        self.signed.append(given)
        return AuthResult(success=given == ("millrace", "s3cret-of-the-mail"), handled=False)


@asynccontextmanager
async def mail_server(mailbox, security, certificate=None):
    """A real SMTP server on loopback: `starttls` with sign-in, `tls`, or `none`; yields its port."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "server.pem")
    guarded = {"require_starttls": True, "auth_required": True, "authenticator": mailbox.authenticate}

    def factory():
        if security == "starttls":
            return SMTP(mailbox, hostname="localhost", tls_context=context, **guarded)
        return SMTP(mailbox, hostname="localhost")

    first = context if security == "tls" else None
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=first)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def certify(folder):
    """An authority of this test (ca.pem) and a certificate of localhost that it signed (server.pem)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate(name, name, root.public_key(), root, x509.BasicConstraints(True, None))
    local = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    signed = _certificate(local, name, own.public_key(), root, names)
    key = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(key + signed.public_bytes(serialization.Encoding.PEM))
    return folder


def _certificate(subject, issuer, public, signer, extension):
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    made = made.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return made.sign(signer, hashes.SHA256())
