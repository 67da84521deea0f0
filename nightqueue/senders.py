"""One message to one receiver over the network. Touches no database.

Written here rather than taken from apprise 2.3, which covers all four: it tells success from
failure only, so that 'wait a minute' (429) and 'this address is wrong' (400) look the same, and
LINE's key against double delivery cannot be given.
"""

import hashlib
import hmac
import html
import ipaddress
import json
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.request import getproxies

import httpx2
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.utils import timezone

from facilities.models import ChannelKind
from nightqueue.messages import Letter

#: How what the field could not decrypt begins (Fernet's version byte, in base64).
ENCRYPTED: Final = "gAAAA"
#: For a connection, or between two signs of life.
TIMEOUT_SECONDS = 10.0
#: For all of it: a receiver that answers a byte at a time is as good as none.
LONGEST_SECONDS = 20.0
#: LINE takes 5 texts of 5,000 UTF-16 units, of which an emoji has two.
#: Source: developers.line.biz, "Character counting in a text".
LINE_CHARACTERS: Final = 2500
LINE_TEXTS: Final = 5
PRIVATE: Final = "The address leads into a private network: enter a public one."
NO_ADDRESS: Final = "{name}: the address is no web address: correct it."


class TryLater(Exception):
    """It may work later; `args[0]` says for staff what happened."""

    def __init__(self, message: str, *, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class Refused(Exception):
    """It will not work until somebody changes something; `args[0]` says for staff what."""


def send(letter: Letter) -> None:
    """Raises TryLater or Refused."""
    if any(text.startswith(ENCRYPTED) for text in (letter.address, letter.secret)):
        raise Refused(
            "The address or key was encrypted with another SECRET_KEY: enter it anew, or operator, "
            "set SECRET_KEY_FALLBACKS."
        )
    SENDERS[ChannelKind(letter.kind)](letter)


def send_email(letter: Letter) -> None:
    if not letter.address:
        raise Refused("There is no email address: enter one for the facility or the channel.")
    mail = EmailMessage(
        # The name of an inn may hold a line break, with which no mail can be sent.
        subject=" ".join(letter.subject.split()),
        body=letter.text,
        to=[letter.address],
        headers={"Message-ID": f"<{letter.key}@{settings.EMAIL_DOMAIN}>"},
    )
    try:
        validate_email(letter.address)
        mail.send()
    except ValidationError:
        raise Refused("The email address cannot be right: correct it.") from None
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        if code >= 500:
            raise Refused(f"The mail server refuses the address ({code}): correct it.") from None
        raise TryLater(f"The mail server puts the address off ({code}).") from None
    except OPERATORS_FAULTS as error:
        code = error.smtp_code
        text = f"The mail server refuses us ({code}): operator, check EMAIL_URL and the sender."
        raise TryLater(text) from None
    except smtplib.SMTPResponseException as error:
        if error.smtp_code >= 500:
            text = f"The mail server refuses the message ({error.smtp_code}): try another address."
            raise Refused(text) from None
        raise TryLater(f"The mail server puts us off ({error.smtp_code}).") from None
    except (smtplib.SMTPException, OSError):
        raise TryLater("The mail server does not answer.") from None


#: No other address would help against these.
OPERATORS_FAULTS: Final = (
    smtplib.SMTPConnectError,
    smtplib.SMTPHeloError,
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPSenderRefused,
)


def send_slack(letter: Letter) -> None:
    # Or a guest could write <!channel>, or a link that says it leads elsewhere.
    post(letter, letter.address, {"text": html.escape(letter.full_text, quote=False)})


def send_line(letter: Letter) -> None:
    if not (letter.secret.isascii() and letter.secret.isprintable()):
        raise Refused("LINE: the key is no access token: enter it anew.")
    messages = [{"type": "text", "text": text} for text in cut(letter.full_text, LINE_CHARACTERS)]
    post(
        letter,
        f"{settings.LINE_API_URL}/v2/bot/message/push",
        {"to": letter.address, "messages": messages[:LINE_TEXTS]},
        # With one key LINE delivers once and answers 409 from then on.
        {"Authorization": f"Bearer {letter.secret}", "X-Line-Retry-Key": letter.key},
        delivered=(409,),
    )


def cut(text: str, length: int) -> Iterator[str]:
    """Pieces of at most `length` characters, cut between lines where there are any."""
    while len(text) > length:
        end = text.rfind("\n", 1, length) + 1 or length
        yield text[:end]
        text = text[end:]
    yield text


def send_webhook(letter: Letter) -> None:
    """Signed as `sha256=HMAC(key, "{timestamp}.{body}")`; receivers should refuse old timestamps
    and deliveries whose key they have had."""
    body = json.dumps(
        {"event": letter.event, "delivery": letter.key, "text": letter.full_text, **letter.data},
        ensure_ascii=False,
    ).encode()
    timestamp = str(int(time.time()))
    signature = hmac.new(letter.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    post(
        letter,
        letter.address,
        body,
        {
            "Content-Type": "application/json; charset=utf-8",
            "X-Yadopera-Delivery": letter.key,
            "X-Yadopera-Timestamp": timestamp,
            "X-Yadopera-Signature": f"sha256={signature.hexdigest()}",
        },
    )


SENDERS: Final = {
    ChannelKind.EMAIL: send_email,
    ChannelKind.SLACK: send_slack,
    ChannelKind.LINE: send_line,
    ChannelKind.WEBHOOK: send_webhook,
}


def post(
    letter: Letter,
    url: str,
    body: dict[str, Any] | bytes,
    headers: dict[str, str] | None = None,
    *,
    delivered: tuple[int, ...] = (),
) -> None:
    name = ChannelKind(letter.kind).label
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    fields = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    try:
        target = web_address(url)
        refuse_private(target)
        response = answer_to(target, content, fields)
    except (httpx2.InvalidURL, ValueError):
        raise Refused(NO_ADDRESS.format(name=name)) from None
    except httpx2.HTTPError:
        raise TryLater(f"{name} does not answer.") from None
    status = response.status_code
    if response.is_success or status in delivered:
        return
    if status == 429 or status >= 500 or status == 408:
        raise TryLater(f"{name} puts us off ({status}).", after=retry_after(response))
    if status in (401, 403):
        raise Refused(f"{name} refuses our key ({status}): make a new one and enter it.")
    if status in (404, 410):
        raise Refused(f"{name} does not know the address ({status}): enter the present one.")
    raise Refused(f"{name} refuses the message ({status}): check the address and the key.")


def web_address(text: str) -> httpx2.URL:
    """Raises ValueError, or InvalidURL, which is none."""
    url = httpx2.URL(text)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError
    return url


def answer_to(url: httpx2.URL, content: bytes, fields: dict[str, str]) -> httpx2.Response:
    """Only status and headers: the body is not read, for it may have no end."""
    with (
        httpx2.Client(timeout=TIMEOUT_SECONDS) as client,
        closed_after(LONGEST_SECONDS, client),
        client.stream(
            "POST", url, content=content, headers=fields, extensions={"trace": refuse_connection}
        ) as response,
    ):
        return response


@contextmanager
def closed_after(seconds: float, client: httpx2.Client) -> Iterator[None]:
    timer = threading.Timer(seconds, client.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def retry_after(response: httpx2.Response) -> timedelta | None:
    """Given in seconds or as a date."""
    text = response.headers.get("retry-after", "")
    try:
        if text.strip().isdecimal():
            return timedelta(seconds=int(text))
        return max(parsedate_to_datetime(text) - timezone.now(), timedelta())
    except (ValueError, TypeError, OverflowError):
        return None


def refuse_private(url: httpx2.URL) -> None:
    """Owners enter addresses; none of them may lead into the host's own network."""
    if settings.ALLOW_PRIVATE_WEBHOOKS:
        return
    try:
        found = socket.getaddrinfo(url.raw_host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise TryLater("The address cannot be found: is it right?") from None
    if not all(is_public(str(info[4][0])) for info in found):
        raise Refused(PRIVATE)


def refuse_connection(event: str, info: dict[str, Any]) -> None:
    """The same once connected and before anything is said, for by now the name may lead elsewhere.

    Where the operator has set a proxy, that is what we are connected to.
    """
    if settings.ALLOW_PRIVATE_WEBHOOKS or getproxies().keys() & {"http", "https", "all"}:
        return
    if event == "connection.connect_tcp.complete":
        address, *_port = info["return_value"].get_extra_info("server_addr")
        if not is_public(address):
            raise Refused(PRIVATE)


def is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return ip.is_global and not ip.is_multicast
