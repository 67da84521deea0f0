"""All settings, read from the environment (and from `.env` when there is one).

A bad value stops the start with one sentence that names the variable and what it should be;
the value itself is never printed, because it may hold a password.
"""

import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv
from environs import Env, EnvError

from yadopera import error_reports, sidebar
from yadopera.database_url import parse_database_url
from yadopera.embedded import Paths
from yadopera.rate_limit import parse_rate
from yadopera.strength import refuse_weak

BASE_DIR = Path(__file__).resolve().parent.parent

load_dotenv(BASE_DIR / ".env")  # what the environment already says stays
env = Env()


def read(reader: Any, name: str, default: Any, expected: str) -> Any:
    """The variable `name`; an empty one counts as unset."""
    if not os.environ.get(name, "").strip():
        return default
    try:
        return reader(name)
    except EnvError:
        raise ImproperlyConfigured(f"{name} must be {expected}.") from None


def read_list(name: str) -> list[str]:
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


def read_url(name: str, default: str, schemes: set[str], example: str) -> str:
    value = os.environ.get(name, "").strip() or default
    try:
        parts = urlsplit(value)
        bad = value and (parts.scheme not in schemes or not (parts.netloc or parts.path))
        parts.port  # noqa: B018 (reading it raises ValueError on a bad port)
    except ValueError:
        bad = True
    if bad:
        raise ImproperlyConfigured(f"{name} must be a URL such as {example}.")
    return value


# The process ------------------------------------------------------------------------------------

DEBUG = read(env.bool, "DEBUG", False, "true or false")
PORT = read(env.int, "PORT", 8000, "a port number from 1 to 65535")
if not 1 <= PORT <= 65535:
    raise ImproperlyConfigured("PORT must be a port number from 1 to 65535.")
LOG_FORMAT = os.environ.get("LOG_FORMAT", "").strip() or "console"
if LOG_FORMAT not in {"console", "json"}:
    raise ImproperlyConfigured("LOG_FORMAT must be console or json.")
if read(env.int, "WEB_CONCURRENCY", 2, "a number of web processes, 1 or more") < 1:
    raise ImproperlyConfigured("WEB_CONCURRENCY must be a number of web processes, 1 or more.")

#: Where the embedded services, the collected static files and a generated key live.
YADOPERA_HOME = Path(os.environ.get("YADOPERA_HOME", "").strip() or BASE_DIR / ".yadopera")
YADOPERA_HOME = YADOPERA_HOME.expanduser().resolve()
EMBEDDED = Paths(YADOPERA_HOME)
EMBEDDED_POSTGRES = not os.environ.get("DATABASE_URL", "").strip()
EMBEDDED_REDIS = not os.environ.get("REDIS_URL", "").strip()


def generated_secret_key() -> str:
    """A key of this installation, made once; only for a machine that is its own host."""
    path = YADOPERA_HOME / "secret_key"
    try:
        YADOPERA_HOME.mkdir(parents=True, exist_ok=True)
        # "x" makes one of two processes starting at once the writer and the other a reader.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    except OSError as error:
        raise ImproperlyConfigured(
            f"cannot write to {YADOPERA_HOME} ({error.strerror}). Set YADOPERA_HOME to a folder "
            "that you can write to, or set SECRET_KEY."
        ) from None
    return path.read_text()


SECRET_KEY = os.environ.get("SECRET_KEY", "").strip()
if SECRET_KEY:
    refuse_weak("SECRET_KEY", SECRET_KEY)
else:
    if not (DEBUG or EMBEDDED_POSTGRES):
        raise ImproperlyConfigured(
            "SECRET_KEY must be set when DATABASE_URL is: a random text of 40 characters or more, "
            "the same for web, worker and beat."
        )
    SECRET_KEY = generated_secret_key()

#: The commit that runs, where the host says which.
RELEASE = "".join(read_list("RENDER_GIT_COMMIT") or read_list("RAILWAY_GIT_COMMIT_SHA"))

# Addresses --------------------------------------------------------------------------------------

PUBLIC_BASE_URL = read_url(
    "PUBLIC_BASE_URL", f"http://localhost:{PORT}", {"http", "https"}, "https://inn.example.com"
).rstrip("/")
if urlsplit(PUBLIC_BASE_URL).path:
    raise ImproperlyConfigured("PUBLIC_BASE_URL must be an address without a path.")
_public_host = urlsplit(PUBLIC_BASE_URL).hostname or "localhost"
ALLOWED_HOSTS = read_list("ALLOWED_HOSTS") or [
    "localhost",
    "127.0.0.1",
    "[::1]",
    _public_host,
    # What Render and Railway call this service; set by them, never by us.
    *read_list("RENDER_EXTERNAL_HOSTNAME"),
    *read_list("RAILWAY_PUBLIC_DOMAIN"),
]


def read_origins(name: str, default: list[str]) -> list[str]:
    origins = [origin.rstrip("/") for origin in read_list(name)] or default
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
            raise ImproperlyConfigured(
                f"{name} must be a comma-separated list of origins such as https://inn.example.com."
            )
    return origins


CSRF_TRUSTED_ORIGINS = read_origins("CSRF_TRUSTED_ORIGINS", [PUBLIC_BASE_URL])
CORS_ALLOWED_ORIGINS = read_origins("CORS_ALLOWED_ORIGINS", [])
CORS_ALLOW_CREDENTIALS = True
CORS_URLS_REGEX = r"^/api/"

#: How many proxies of our own stand before the web process; each adds one X-Forwarded-For entry.
TRUSTED_PROXY_COUNT = read(env.int, "TRUSTED_PROXY_COUNT", 0, "a number of proxies, 0 or more")
if TRUSTED_PROXY_COUNT < 0:
    raise ImproperlyConfigured("TRUSTED_PROXY_COUNT must be a number of proxies, 0 or more.")

_https = PUBLIC_BASE_URL.startswith("https:")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = GUEST_COOKIE_SECURE = _https
if _https and TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Only here: without the header above a redirected visitor would be redirected for ever.
    SECURE_SSL_REDIRECT = True
    # Monitors ask from within, past the proxy; `yadopera.asgi` answers for health itself.
    SECURE_REDIRECT_EXEMPT = ["^api/v1/ready$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
# Of the domain only this host is ours to speak for. W001 to W003 know Django's middleware by its
# own names and take ours, which is derived from it, for missing. W009 wants 50 characters of a key,
# hosts generate 44 of 256 random bits; `refuse_weak` has looked at it.
SILENCED_SYSTEM_CHECKS = [
    *("security.W001", "security.W002", "security.W003"),
    *("security.W005", "security.W021"),
    "security.W009",
]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
#: Nothing inline, nothing from elsewhere; the pictures in `data:` are QR codes.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF],
        "style-src": [csp.SELF],
        "img-src": [csp.SELF, "data:"],
        "font-src": [csp.SELF],
        "connect-src": [csp.SELF],
        "manifest-src": [csp.SELF],
        "worker-src": [csp.SELF],
        "base-uri": [csp.NONE],
        "form-action": [csp.SELF],
        "frame-ancestors": [csp.NONE],
    }
}

# Applications -----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before the admin, whose pages it dresses
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "corsheaders",
    "csp",
    "ninja",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "yadopera",
    "facilities",
    "faq",
    "chat",
    "nightqueue",
]
# Django's own, without a thread for each (see yadopera/middleware.py). Those that only add headers
# come first, so that what the others refuse has them too.
MIDDLEWARE = [
    "yadopera.middleware.SecurityMiddleware",
    "yadopera.middleware.CSPMiddleware",
    "yadopera.middleware.XFrameOptionsMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "yadopera.middleware.RouteMiddleware",
    "yadopera.middleware.ErrorShapeMiddleware",
    "yadopera.middleware.NoNulMiddleware",
    "yadopera.middleware.SessionMiddleware",
    "yadopera.middleware.LocaleMiddleware",
    "yadopera.middleware.CommonMiddleware",
    "yadopera.middleware.CsrfViewMiddleware",
    "yadopera.middleware.AuthenticationMiddleware",
    "yadopera.middleware.MessageMiddleware",
    "yadopera.middleware.TimezoneMiddleware",
]
CSRF_FAILURE_VIEW = "yadopera.views.csrf_failure"
ROOT_URLCONF = "yadopera.urls"
ASGI_APPLICATION = "yadopera.asgi.application"
WSGI_APPLICATION = "yadopera.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_USER_MODEL = "facilities.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60
#: How apps that make codes call us.
OTP_TOTP_ISSUER = "Yadopera"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Data -------------------------------------------------------------------------------------------

DATABASES = {
    "default": parse_database_url(
        os.environ.get("DATABASE_URL", "").strip() or EMBEDDED.database_url
    )
}
#: Connections kept open per web process; commands and workers open one when they need it.
#: Two web processes of 10 stay within the 20 that the smallest hosted databases leave free.
_pool_size = read(
    env.int,
    "DATABASE_POOL_SIZE",
    10 if os.environ.get("YADOPERA_PROCESS") == "web" else 0,
    "a number of connections, 0 or more",
)
if _pool_size:
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": min(2, _pool_size),
        "max_size": _pool_size,
        # A guest is better told at once than kept waiting.
        "timeout": 3,
    }

#: Threads of a web process that guests' database work runs in; see yadopera/steps.py.
STEP_THREADS = max(1, min(_pool_size or 4, 4))

REDIS_URL = read_url(
    "REDIS_URL", EMBEDDED.redis_url, {"redis", "rediss", "unix"}, "redis://host:6379/0"
)
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "yadopera",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 1},
    }
}

# Staff's sign-in sessions stay in PostgreSQL: they outlive a restarted Redis.
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# The key of encrypted columns is derived from SECRET_KEY and this; who changes SECRET_KEY puts the
# old one here, or the inns' channels have to be entered anew.
SALT_KEY = "yadopera.channels"
SECRET_KEY_FALLBACKS = read_list("SECRET_KEY_FALLBACKS")
for _old_key in SECRET_KEY_FALLBACKS:
    # What they have signed counts: a link for a new password, a session.
    refuse_weak("SECRET_KEY_FALLBACKS", _old_key)

# Celery -----------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for Redis as long as it takes
# A Redis that is away or hangs must not hold up a guest, or whoever saves a FAQ: the work is found
# in the database when it is back.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "max_retries": 0}
CELERY_TASK_IGNORE_RESULT = True
# A task is done when it has run, not when it was taken: all of them may run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_WORKER_CONCURRENCY = read(env.int, "CELERY_CONCURRENCY", 2, "a number of processes")
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "yadopera.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(YADOPERA_HOME / "celerybeat-schedule")

# The AI provider --------------------------------------------------------------------------------

#: Without a key nothing calls out.
OPENAI_API_KEY = os.environ.get("OPENAI_API_KEY", "").strip()
OPENAI_BASE_URL = read_url(
    "OPENAI_BASE_URL",
    "https://api.openai.com/v1",
    {"http", "https"},
    "https://api.openai.com/v1",
)
OPENAI_CHAT_MODEL = os.environ.get("OPENAI_CHAT_MODEL", "").strip() or "gpt-4o-mini"
OPENAI_EMBEDDING_MODEL = (
    os.environ.get("OPENAI_EMBEDDING_MODEL", "").strip() or "text-embedding-3-small"
)
AI_PROVIDER = "yadopera.ai.openai_provider.OpenAIProvider"

# Mail -------------------------------------------------------------------------------------------

_email = urlsplit(
    read_url("EMAIL_URL", "", {"smtp", "smtps"}, "smtp://user:password@mail.example.com:587")
)
if _email.hostname:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _email.hostname
    EMAIL_PORT = _email.port or (465 if _email.scheme == "smtps" else 587)
    EMAIL_HOST_USER = unquote(_email.username or "")
    EMAIL_HOST_PASSWORD = unquote(_email.password or "")
    EMAIL_USE_SSL = _email.scheme == "smtps"
    # The port for submission (RFC 6409), where hosts want STARTTLS before a password.
    EMAIL_USE_TLS = not EMAIL_USE_SSL and EMAIL_PORT == 587
    EMAIL_TIMEOUT = 10
elif LOG_FORMAT == "console":
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
else:
    # Lines for machines hold no words of guests and no links that open something.
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = YADOPERA_HOME / "mail"
    with contextlib.suppress(OSError):  # sending says so, then
        EMAIL_FILE_PATH.mkdir(mode=0o700, parents=True, exist_ok=True)
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "").strip() or f"yadopera@{_public_host}"

EMAIL_DOMAIN = DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or _public_host

# Notifications ----------------------------------------------------------------------------------

LINE_API_URL = read_url(
    "LINE_API_URL", "https://api.line.me", {"http", "https"}, "https://api.line.me"
).rstrip("/")
#: Whether owners may enter addresses within the host's own network.
ALLOW_PRIVATE_WEBHOOKS = read(env.bool, "ALLOW_PRIVATE_WEBHOOKS", False, "true or false")

# Limits -----------------------------------------------------------------------------------------

#: name -> requests per period, for one guest session and for one client address; None: no limit.
RATE_LIMITS = {
    "chat": parse_rate("RATE_LIMIT_CHAT", os.environ.get("RATE_LIMIT_CHAT", "").strip() or "60/m"),
    "session": parse_rate("session", "10/m"),
    # Codes of four characters that were none: for one caller, and at one inn whoever tries. A
    # living code is found there by trying with a chance of 0.3 % a day.
    "wrong_code": parse_rate("wrong_code", "30/h"),
    "wrong_code_at_inn": parse_rate("wrong_code_at_inn", "120/h"),
    # Questions put to the AI provider for one inn, whoever asks: it is paid for by the question.
    "model": parse_rate(
        "RATE_LIMIT_MODEL", os.environ.get("RATE_LIMIT_MODEL", "").strip() or "2000/d"
    ),
    # A phone on bad Wi-Fi opens its stream again and again.
    "stream": parse_rate("stream", "120/m"),
    "login": parse_rate("login", "5/m"),
    "password_reset": parse_rate("password_reset", "3/h"),
    # Mail to addresses that an owner types.
    "invitation": parse_rate("invitation", "30/h"),
    "staff": parse_rate("staff", "100/m"),
}
#: Bytes of a JSON body. The largest honest one is a FAQ in seven languages, some 105 kB escaped.
MAX_JSON_BYTES = 256 * 1024
#: Bytes of any other body: an uploaded CSV of 5,000 FAQs.
MAX_BODY_BYTES = 32 * 1024 * 1024

# The staff's pages -------------------------------------------------------------------------------

UNFOLD = sidebar.UNFOLD

# Languages and time -----------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "Asia/Tokyo"
LANGUAGE_CODE = "ja"
LANGUAGES = [("ja", "日本語"), ("en", "English")]
#: Ours, and what the admin's theme has no Japanese for. `make messages` brings both up to date.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "yadopera" / "theme_locale"]

# Static files -----------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = YADOPERA_HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "yadopera.storage.ModuleStaticFilesStorage"},
}

# Metrics and errors ------------------------------------------------------------------------------

#: What Prometheus shows at /metrics; unset, there is no such page.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "").strip()
if METRICS_TOKEN:
    refuse_weak("METRICS_TOKEN", METRICS_TOKEN, shortest=16)
#: Where faults are reported; unset, nowhere.
SENTRY_DSN = read_url("SENTRY_DSN", "", {"http", "https"}, "https://key@sentry.example.com/1")
SENTRY_ENVIRONMENT = os.environ.get("SENTRY_ENVIRONMENT", "").strip() or "production"

# Logs -------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "console": {"()": "yadopera.logs.ConsoleFormatter", "with_words": DEBUG},
        "json": {"()": "yadopera.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": LOG_FORMAT}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        # A line for each call of the AI provider says nothing and costs time.
        "httpx2": {"level": "WARNING"},
        # Every poster would say which shapes of letters it embeds.
        "fontTools": {"level": "WARNING"},
        # What is refused has an access line already; a fault of ours comes with its trace.
        "django.request": {"level": "ERROR"},
        # A stranger's probe is no incident of ours.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}

if SENTRY_DSN:
    error_reports.begin(SENTRY_DSN, environment=SENTRY_ENVIRONMENT, release=RELEASE)
