"""v0.3 broke on all forms of DATABASE_URL but one."""

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from yadopera.database_url import SCHEMES, parse_database_url


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_every_form_connects(db, scheme):
    """Connects to the real server through each form."""
    live = connection.settings_dict
    host = live["OPTIONS"].get("host") or live["HOST"]
    url = f"{scheme}://{live['USER']}:{live['PASSWORD']}@/{live['NAME']}?host={host}"
    if live["PORT"]:
        url += f"&port={live['PORT']}"

    parsed = parse_database_url(url)

    # To Django all forms are the same database: what one of them migrates and serves, all do.
    assert parsed == parse_database_url(url.replace(scheme, "postgresql", 1))
    with psycopg.connect(
        dbname=parsed["NAME"], user=parsed["USER"], password=parsed["PASSWORD"], **parsed["OPTIONS"]
    ) as direct:
        assert direct.execute("SELECT 1").fetchone() == (1,)


def test_all_parts_are_read_and_unquoted():
    parsed = parse_database_url("postgres://in%40n:p%2Fw%3Ad@db.example.com:6543/my%20inn")

    assert parsed["ENGINE"] == "django.db.backends.postgresql"
    assert (parsed["USER"], parsed["PASSWORD"]) == ("in@n", "p/w:d")
    assert (parsed["HOST"], parsed["PORT"]) == ("db.example.com", "6543")
    assert parsed["NAME"] == "my inn"


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("sslmode=require", {"sslmode": "require"}),
        (
            "sslmode=verify-full&sslrootcert=/ca.pem",
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
        ),
        ("ssl=true", {"sslmode": "require"}),
        ("ssl=require", {"sslmode": "require"}),
        ("connect_timeout=3", {"connect_timeout": "3"}),
        (
            "application_name=inn&options=-c%20search_path%3Dx",
            {"application_name": "inn", "options": "-c search_path=x"},
        ),
        ("pgbouncer=true&statement_cache_size=0&schema=public", {}),
    ],
)
def test_options_are_kept_and_those_of_other_drivers_left_out(query, options):
    parsed = parse_database_url(f"postgresql+asyncpg://u:p@h/d?{query}")

    assert parsed["OPTIONS"] == {"connect_timeout": "10"} | options


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:s3cret@h/d",
        "sqlite:///db.sqlite3",
        "u:s3cret@h/d",
        "postgres://u:s3cret@h:port/d",
        "postgres://u:s3cret@h:5432",
        "postgres://u:s3cret@[h/d",
        "",
    ],
)
def test_a_bad_url_is_refused_without_quoting_the_password(url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refused:
        parse_database_url(url)

    assert "s3cret" not in str(refused.value)


def test_times_are_aware():
    assert settings.USE_TZ
