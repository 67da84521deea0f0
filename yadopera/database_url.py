"""Every form of DATABASE_URL that a host or an older deployment hands out, as Django wants it."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg.pq import Conninfo

#: What comes before `://`. The drivers named by older deployments are all served by psycopg 3.
SCHEMES = frozenset(
    {
        "postgres",
        "postgresql",
        "postgresql+asyncpg",
        "postgresql+psycopg2",
        "postgresql+psycopg",
    }
)
EXAMPLE = "postgresql://user:password@host:5432/database?sslmode=require"


def parse_database_url(url: str) -> dict[str, Any]:
    """Django's `DATABASES["default"]` for `url`.

    libpq's query options (`sslmode`, `connect_timeout`, `host=/socket/folder`, ...) are kept;
    asyncpg's `ssl` becomes `sslmode`; options that only another driver or pooler understands
    (`pgbouncer`, `statement_cache_size`, ...) are left out, since libpq refuses the connection
    over them. Raises ImproperlyConfigured, which never quotes the URL: it holds a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(
            f"DATABASE_URL cannot be read. It must look like {EXAMPLE}; special characters in "
            "the password must be percent-encoded (@ as %40, / as %2F)."
        ) from None
    if parts.scheme not in SCHEMES:
        raise ImproperlyConfigured(
            f"DATABASE_URL must point to PostgreSQL, such as {EXAMPLE}; "
            f"it starts with {parts.scheme!r}."
            if parts.scheme
            else f"DATABASE_URL must look like {EXAMPLE}."
        )
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise ImproperlyConfigured(f"DATABASE_URL names no database. It must look like {EXAMPLE}.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 0,
        # A restarted server leaves dead connections in the pool.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": libpq_options(parts.query),
    }


def libpq_options(query: str) -> dict[str, str]:
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    options = {"connect_timeout": "10"}
    for key, value in parse_qsl(query):
        if key == "ssl":
            # asyncpg: the name of an sslmode, or a plain yes or no.
            key, value = "sslmode", {"true": "require", "false": "disable"}.get(value, value)
        if key in known:
            options[key] = value
    return options
