"""What reaches each receiver, and what its refusals mean."""

import hashlib
import hmac
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from nightqueue import senders
from nightqueue.messages import Letter
from nightqueue.senders import Refused, TryLater, send

KEY = "0f9d2c0e-6f0a-4b0e-9b5e-2f6f3a1d7c11"
SECRET = "s3cret-access-token-XYZ"
TEXT = "お客様の質問：鍵をなくしました🔑\n返信はこちらから"


def letter(kind, address, *, text=TEXT, secret=SECRET):
    return Letter(
        kind=kind,
        address=address,
        secret=secret,
        key=KEY,
        event="question",
        subject="さくら屋：お客様からの質問が届いています",
        text=text,
        data={"facility": "sakura", "question": "鍵をなくしました🔑"},
    )


@pytest.fixture
def letters(web):
    """kind -> a letter to it; those that go over HTTP."""
    return {
        "slack": letter("slack", f"{web.url}/services/T0/B0/{SECRET}"),
        "line": letter("line", "U4af4980629"),
        "webhook": letter("webhook", f"{web.url}/hook?token={SECRET}"),
    }


HTTP_KINDS = pytest.mark.parametrize("kind", ["slack", "line", "webhook"])


# Mail -------------------------------------------------------------------------------------------


def test_mail_arrives_whole(mail, settings):
    send(letter("email", "hanako@sakura.example.com"))

    [(recipients, message)] = mail.mails
    assert recipients == ["hanako@sakura.example.com"]
    assert message["To"] == "hanako@sakura.example.com"
    assert message["From"] == settings.DEFAULT_FROM_EMAIL
    assert message["Subject"].strip() == "さくら屋：お客様からの質問が届いています"
    assert message.get_content().splitlines() == TEXT.splitlines()


def test_every_attempt_at_a_mail_has_the_same_message_id(mail):
    mail.to_message = ["451 try again"]
    with pytest.raises(TryLater):
        send(letter("email", "hanako@sakura.example.com"))
    send(letter("email", "hanako@sakura.example.com"))
    send(letter("email", "hanako@sakura.example.com"))

    first, second = (message["Message-ID"] for message in mail.messages)
    assert first == second
    assert KEY in first


@pytest.mark.parametrize("where", ["to_recipient", "to_message"])
def test_a_mail_server_that_says_not_now_is_tried_again(mail, where):
    setattr(mail, where, ["451 greylisted"])
    with pytest.raises(TryLater, match="451"):
        send(letter("email", "hanako@sakura.example.com"))


def test_an_address_that_the_mail_server_refuses_is_to_be_corrected(mail):
    mail.to_recipient = ["550 no such user"]
    with pytest.raises(Refused, match=r"550.*correct"):
        send(letter("email", "hanako@sakura.example.com"))


def test_a_mail_that_is_refused_is_not_tried_again(mail):
    mail.to_message = ["554 looks like spam"]
    with pytest.raises(Refused, match=r"554.*another address"):
        send(letter("email", "hanako@sakura.example.com"))


def test_a_mail_server_that_refuses_us_is_the_operators_to_mend(mail):
    """No address that staff could enter would help, so it is tried until somebody has."""
    mail.to_sender = ["530 authentication required"]
    with pytest.raises(TryLater, match="operator"):
        send(letter("email", "hanako@sakura.example.com"))


def test_a_mail_server_that_is_down_is_tried_again(mail, settings):
    settings.EMAIL_PORT = unused_port()
    with pytest.raises(TryLater, match="does not answer"):
        send(letter("email", "hanako@sakura.example.com"))


def test_a_mail_server_that_hangs_is_tried_again(mail, settings):
    mail.delay, settings.EMAIL_TIMEOUT = 1, 0.2
    with pytest.raises(TryLater, match="does not answer"):
        send(letter("email", "hanako@sakura.example.com"))


@pytest.mark.parametrize("address", ["", "no address", "a@b@c", "x\n@example.com"])
def test_an_address_that_is_none_is_refused(mail, address):
    with pytest.raises(Refused, match=r"enter|correct"):
        send(letter("email", address))
    assert mail.mails == []


# Slack, LINE, webhooks --------------------------------------------------------------------------


def test_slack_gets_subject_and_text(web, letters):
    send(letters["slack"])

    [request] = web.requests
    assert request.path == f"/services/T0/B0/{SECRET}"
    assert request.json == {"text": f"さくら屋：お客様からの質問が届いています\n\n{TEXT}"}
    assert "鍵をなくしました🔑".encode() in request.body


def test_a_guest_cannot_write_to_slack_in_slacks_own_signs(web):
    send(letter("slack", web.url, text="<!channel> <https://evil.example|our page> & more"))

    text = web.requests[0].json["text"]
    assert text.endswith("&lt;!channel&gt; &lt;https://evil.example|our page&gt; &amp; more")


def test_line_gets_a_push_with_our_key(web, letters):
    send(letters["line"])

    [request] = web.requests
    assert request.path == "/v2/bot/message/push"
    assert request.headers["Authorization"] == f"Bearer {SECRET}"
    text = f"さくら屋：お客様からの質問が届いています\n\n{TEXT}"
    assert request.json == {"to": "U4af4980629", "messages": [{"type": "text", "text": text}]}


def test_line_can_tell_a_repeated_push_by_its_key(web, letters):
    web.answer(500)
    with pytest.raises(TryLater):
        send(letters["line"])
    send(letters["line"])

    assert [request.headers["X-Line-Retry-Key"] for request in web.requests] == [KEY, KEY]


def test_line_has_delivered_what_it_calls_a_repetition(web, letters):
    web.answer(409)
    send(letters["line"])


@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_409_is_a_refusal_from_all_others(web, letters, kind):
    web.answer(409)
    with pytest.raises(Refused):
        send(letters[kind])


def test_a_long_night_reaches_line_within_its_limits(web):
    lines = [f"{number} 🛁🧖" + "湯" * 90 + " https://inn.example/" for number in range(90)]
    send(letter("line", "U1", text="\n".join(lines)))

    texts = [message["text"] for message in web.requests[0].json["messages"]]
    assert len(texts) <= 5
    assert all(len(text.encode("utf-16-le")) // 2 <= 5000 for text in texts)
    joined = "".join(texts)
    assert all(line in joined for line in lines)
    assert all(text.endswith("https://inn.example/\n") for text in texts[:-1])


def test_line_takes_one_line_that_has_no_end(web):
    send(letter("line", "U1", text="🛁" * 30_000))

    texts = [message["text"] for message in web.requests[0].json["messages"]]
    assert len(texts) == 5
    assert all(0 < len(text.encode("utf-16-le")) // 2 <= 5000 for text in texts)


@pytest.mark.parametrize("secret", ["トークン", "two\nlines"])
def test_a_key_that_cannot_be_one_is_to_be_entered_anew(web, secret):
    with pytest.raises(Refused, match=r"key.*enter"):
        send(letter("line", "U1", secret=secret))
    assert web.requests == []


def test_a_webhook_is_signed_over_body_and_time(web, letters):
    send(letters["webhook"])

    [request] = web.requests
    assert request.path == f"/hook?token={SECRET}"
    stamp = request.headers["X-Yadopera-Timestamp"]
    signed = hmac.new(SECRET.encode(), f"{stamp}.".encode() + request.body, hashlib.sha256)
    assert request.headers["X-Yadopera-Signature"] == f"sha256={signed.hexdigest()}"
    assert abs(int(stamp) - time.time()) < 30


def test_a_webhook_gets_everything_in_words_and_for_machines(web, letters):
    send(letters["webhook"])

    [request] = web.requests
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.headers["X-Yadopera-Delivery"] == KEY
    assert request.json == {
        "event": "question",
        "delivery": KEY,
        "text": f"さくら屋：お客様からの質問が届いています\n\n{TEXT}",
        "facility": "sakura",
        "question": "鍵をなくしました🔑",
    }
    assert "鍵をなくしました🔑".encode() in request.body


# Not now ----------------------------------------------------------------------------------------


@HTTP_KINDS
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_who_says_not_now_is_tried_again(web, letters, kind, status):
    web.answer(status)
    with pytest.raises(TryLater, match=str(status)) as caught:
        send(letters[kind])
    assert caught.value.after is None


@HTTP_KINDS
def test_retry_after_in_seconds_is_heard(web, letters, kind):
    web.answer(429, retry_after="37")
    with pytest.raises(TryLater) as caught:
        send(letters[kind])
    assert caught.value.after == timedelta(seconds=37)


def test_retry_after_as_a_date_is_heard(web, letters):
    at = datetime.now(UTC) + timedelta(minutes=10)
    web.answer(503, retry_after=format_datetime(at, usegmt=True))
    with pytest.raises(TryLater) as caught:
        send(letters["webhook"])
    assert timedelta(minutes=9) < caught.value.after <= timedelta(minutes=10)


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "nan", "inf", "9" * 400, "Mon, 99 Foo 2026 00:00:00 GMT"]
)
def test_a_retry_after_that_says_nothing_is_ignored(web, letters, value):
    web.answer(429, retry_after=value)
    with pytest.raises(TryLater) as caught:
        send(letters["webhook"])
    assert caught.value.after is None


@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_a_receiver_that_is_down_is_tried_again(web, kind):
    with pytest.raises(TryLater, match="does not answer"):
        send(letter(kind, f"http://127.0.0.1:{unused_port()}/"))


@HTTP_KINDS
def test_a_receiver_that_hangs_is_tried_again(web, letters, kind, monkeypatch):
    monkeypatch.setattr(senders, "TIMEOUT_SECONDS", 0.2)
    web.hanging = {path_of(kind)}
    with pytest.raises(TryLater, match="does not answer"):
        send(letters[kind])


def test_a_receiver_that_answers_a_byte_at_a_time_is_left_alone(web, letters, monkeypatch):
    monkeypatch.setattr(senders, "LONGEST_SECONDS", 0.5)
    web.dripping = {path_of("webhook")}
    began = time.monotonic()
    with pytest.raises(TryLater, match="does not answer"):
        send(letters["webhook"])
    assert time.monotonic() - began < 5


# Never ------------------------------------------------------------------------------------------


@HTTP_KINDS
@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "check the address and the key"),
        (401, "make a new one and enter it"),
        (403, "make a new one and enter it"),
        (404, "enter the present one"),
        (410, "enter the present one"),
    ],
)
def test_a_refusal_tells_staff_what_to_do_and_no_secret(web, letters, kind, status, advice):
    web.answer(status)
    with pytest.raises(Refused) as caught:
        send(letters[kind])

    text = str(caught.value)
    assert advice in text
    assert str(status) in text
    assert SECRET not in text
    assert "http" not in text
    assert len(web.requests) == 1


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    "address", ["", "no address", "ftp://files.example/", "http://[::1", "//x"]
)
def test_an_address_that_is_no_web_address_is_refused(web, settings, address, private):
    settings.ALLOW_PRIVATE_WEBHOOKS = private
    with pytest.raises(Refused, match="correct it"):
        send(letter("webhook", address))


# Our own network --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "localhost",
        "2130706433",
        "0x7f.1",
    ],
)
def test_no_owner_reaches_into_our_network(web, settings, host):
    settings.ALLOW_PRIVATE_WEBHOOKS = False
    port = web.url.rpartition(":")[2]
    for kind in ("slack", "webhook"):
        with pytest.raises(Refused, match="private network"):
            send(letter(kind, f"http://{host}:{port}/"))
    assert web.requests == []


def test_two_readings_of_one_address_reach_nothing_private(web, settings):
    settings.ALLOW_PRIVATE_WEBHOOKS = False
    port = web.url.rpartition(":")[2]
    for address in (
        f"http://1.1.1.1@127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}\\@1.1.1.1/",
        f"http://127.0.0.1:{port}#@1.1.1.1/",
    ):
        with pytest.raises((Refused, TryLater)):
            send(letter("webhook", address))
    assert web.requests == []


def test_a_name_that_leads_elsewhere_the_second_time_gets_nothing(web, settings, monkeypatch):
    """The owner's name server answers first with a public address, then with ours."""
    settings.ALLOW_PRIVATE_WEBHOOKS = False
    port = int(web.url.rpartition(":")[2])
    answers = ["1.1.1.1", "127.0.0.1"]

    def look_up(host, *args, **kwargs):
        assert host in ("rebinding.example", b"rebinding.example")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(Refused, match="private network"):
        send(letter("webhook", f"http://rebinding.example:{port}/"))
    assert answers == []
    assert web.requests == []


def test_a_name_that_nobody_knows_is_tried_again(web, settings, monkeypatch):
    settings.ALLOW_PRIVATE_WEBHOOKS = False

    def look_up(*args, **kwargs):
        raise socket.gaierror(socket.EAI_AGAIN, "not now")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(TryLater, match="cannot be found"):
        send(letter("webhook", "https://gone.example/"))


@HTTP_KINDS
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(web, letters, kind, status):
    web.answer(status, location=f"{web.url}/inside")
    with pytest.raises(Refused):
        send(letters[kind])
    assert web.at("/inside") == []


# Secrets ----------------------------------------------------------------------------------------


@HTTP_KINDS
def test_sending_logs_no_secret(web, letters, kind, caplog):
    """With the levels of the settings, of which the client's own must be one."""
    caplog.handler.setLevel(logging.DEBUG)
    web.answer(200, 500, 404)
    send(letters[kind])
    for error in (TryLater, Refused):
        with pytest.raises(error):
            send(letters[kind])

    assert SECRET not in caplog.text
    assert SECRET not in repr(letters[kind])


def path_of(kind):
    return {
        "slack": f"/services/T0/B0/{SECRET}",
        "line": "/v2/bot/message/push",
        "webhook": f"/hook?token={SECRET}",
    }[kind]


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
