"""E-mail: text and HTML with the picture inside, sent by the installation's mail server."""

import html
import ssl
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from millrace.transport.trust import trusted
from millrace_core.database import utcnow
from millrace_monitoring.channels.letter import ALT, TEST, Letter, body, heading, when
from millrace_monitoring.channels.outcome import WORDS, Outcome
from millrace_monitoring.settings import MonitoringSettings

SECONDS = 30.0
NO_SERVER = (
    "there is no mail server; the operator names one: MILLRACE_SMTP_HOST, or notify.smtp.host of the chart"
)
PICTURE = "picture@millrace"
STYLE = "font:15px/1.5 system-ui,sans-serif;max-width:44em"


def message(letter: Letter, to: list[str], sender: str, picture: bytes | None) -> EmailMessage:
    """The e-mail; its end of an incident answers the one that told its beginning, so that both stand together."""
    made = EmailMessage()
    made["Subject"] = " ".join(f"[Millrace] {letter.title}".split())[:300]
    made["From"], made["To"] = f"Millrace <{sender}>", ", ".join(to)
    made["Date"], made["Message-ID"] = format_datetime(utcnow()), message_id(letter.id, sender)
    made["Auto-Submitted"] = "auto-generated"
    if letter.answers is not None:
        made["In-Reply-To"] = made["References"] = message_id(letter.answers, sender)
    made.set_content(letter.text)
    made.add_alternative(_page(letter, picture is not None), subtype="html")
    if picture is not None:
        page = made.get_body(("html",))
        assert page is not None
        page.add_related(
            picture, "image", "png", cid=f"<{PICTURE}>", filename="error.png", disposition="inline"
        )
    return made


def message_id(id: str, sender: str) -> str:
    """The same each time the message is tried: a mailbox knows a repetition by it."""
    return f"<{id}@{sender.rpartition('@')[2]}>"


def _page(letter: Letter, picture: bool) -> str:
    told = (
        [f"<p>{_plain(TEST)}</p>"]
        if letter.test
        else [
            f"<h3>{_plain(heading(item))}</h3><p>{_plain(body(item))}</p><p><small>{_plain(when(item))}</small></p>"
            for item in letter.items
        ]
    )
    drawn = [f'<p><img src="cid:{PICTURE}" alt="{ALT}" width="640"></p>'] if picture else []
    link = [f'<p><a href="{html.escape(letter.link)}">Open in the console</a></p>'] if letter.link else []
    way = f"<p><code>{_plain(letter.command)}</code></p>"
    return f'<html><body style="{STYLE}">{"".join([*told, *drawn, *link, way])}</body></html>'


def _plain(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


async def send(settings: MonitoringSettings, letter: Letter, to: list[str], picture: bytes | None) -> Outcome:
    """Send it, once. 4xx of the mail server may be different another time, 5xx never is."""
    problem = unfit(settings, to)
    if problem is not None:
        return Outcome(False, problem)
    mail = message(letter, to, settings.smtp_from, picture)
    security = settings.smtp_security
    try:
        refused, said = await aiosmtplib.send(
            mail,
            sender=settings.smtp_from,
            recipients=to,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password.get_secret_value() if settings.smtp_user else None,
            local_hostname=settings.smtp_from.rpartition("@")[2],
            use_tls=security == "tls",
            start_tls=security == "starttls",
            tls_context=_context(settings) if security != "none" else None,
            timeout=SECONDS,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [one.code for one in error.recipients]
        words = "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
        return Outcome(False, _line(words), again=any(code < 500 for code in codes))
    except aiosmtplib.SMTPResponseException as error:
        return Outcome(False, _line(f"{error.code} {error.message}"), again=_again(error))
    except (aiosmtplib.SMTPException, OSError) as error:
        return Outcome(False, _line(f"no mail server: {type(error).__name__}: {error}"))
    told = "".join(f"; not for {name}: {answer.code} {answer.message}" for name, answer in refused.items())
    return Outcome(True, _line(f"250 {said}{told}"))


def unfit(settings: MonitoringSettings, to: list[str]) -> str | None:
    """Why no e-mail can go there, and how that is mended; None if it can."""
    if not settings.smtp_host:
        return NO_SERVER
    allowed = [domain.lower() for domain in settings.notify_recipients]
    foreign = [name for name in to if allowed and name.rpartition("@")[2].lower() not in allowed]
    if foreign:
        return f"{foreign[0]} is not in a domain to which the operator lets e-mail go (MILLRACE_NOTIFY_RECIPIENTS)"
    return None


def _again(error: aiosmtplib.SMTPResponseException) -> bool:
    """A wrong password may be mended meanwhile; whatever else of 5xx is about the message stays."""
    about_us = aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPConnectResponseError
    return error.code < 500 or isinstance(error, about_us)


def _context(settings: MonitoringSettings) -> ssl.SSLContext:
    if settings.smtp_ca_file is None:
        return trusted()
    return ssl.create_default_context(cafile=str(settings.smtp_ca_file))


def _line(words: str) -> str:
    return " ".join(words.split())[:WORDS]
