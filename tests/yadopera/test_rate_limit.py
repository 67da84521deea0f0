"""Limits hold with Redis, and more strictly without it."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from yadopera.errors import RateLimited
from yadopera.rate_limit import Limiter, client_address, enforce, one_caller, parse_rate

GONE = "redis://127.0.0.1:1/0"


def test_a_guest_who_asks_too_much_is_told_when_to_go_on(guest, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"chat": parse_rate("chat", "3/m")}
    for _ in range(3):
        guest.ask("hello")

    response = guest.post("/chat", facility_id=guest.facility.pk, message="hello")

    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"


def test_a_session_is_limited_whatever_address_it_comes_from(settings, rf):
    settings.RATE_LIMITS = {"chat": parse_rate("chat", "2/m")}
    settings.TRUSTED_PROXY_COUNT = 1

    def call(number):
        enforce(rf.get("/", headers={"X-Forwarded-For": f"192.0.2.{number}"}), "chat", session="s")

    call(1)
    call(2)
    with pytest.raises(RateLimited):
        call(3)


def test_zero_switches_a_limit_off(settings, rf):
    settings.RATE_LIMITS = {"chat": parse_rate("chat", "0")}
    for _ in range(200):
        enforce(rf.get("/"), "chat")


def test_while_redis_is_away_half_as_many_pass_and_nobody_waits():
    limiter = Limiter(GONE)
    limit = parse_rate("chat", "10/m")

    waits = [limiter.hit(limit, "chat", "somebody") for _ in range(7)]

    assert waits[:5] == [None] * 5
    assert all(waits[5:])


def test_a_guest_is_answered_while_redis_is_away(guest, monkeypatch):
    monkeypatch.setattr("yadopera.rate_limit._limiter", Limiter(GONE))

    assert "15:00" in guest.ask("what time can i check in")["message"]["content"]


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_network_of_ipv6_is_one_caller(address, caller):
    assert one_caller(address) == caller


def test_who_changes_his_ipv6_address_meets_the_limit_all_the_same(settings, rf):
    settings.RATE_LIMITS = {"chat": parse_rate("chat", "2/m")}
    enforce(rf.get("/", REMOTE_ADDR="2001:db8::1"), "chat")
    enforce(rf.get("/", REMOTE_ADDR="2001:db8::2"), "chat")

    with pytest.raises(RateLimited):
        enforce(rf.get("/", REMOTE_ADDR="2001:db8::3"), "chat")


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "10.0.0.1"), (1, "192.0.2.9"), (2, "192.0.2.5"), (9, "10.0.0.1")]
)
def test_only_what_our_own_proxies_wrote_is_believed(settings, proxies, address):
    settings.TRUSTED_PROXY_COUNT = proxies
    request = RequestFactory().get(
        "/", headers={"X-Forwarded-For": "6.6.6.6, 192.0.2.5, 192.0.2.9"}, REMOTE_ADDR="10.0.0.1"
    )

    assert client_address(request) == address


@pytest.mark.parametrize("rate", ["60", "60/x", "-1/m", "0/m", "1.5/m", "", "６０/m"])
def test_a_bad_rate_is_refused(rate):
    with pytest.raises(ImproperlyConfigured, match="RATE_LIMIT_CHAT"):
        parse_rate("RATE_LIMIT_CHAT", rate)
