"""A bad setting stops the start with one sentence and no traceback."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from yadopera.strength import refuse_weak

ROOT = Path(__file__).resolve().parents[2]
KEY = "Xk3hA9pQz7LmB2vN5cT8wR1yU4eG6jS0dFoIiPlKqWxZ"
#: A deployment as the README describes it, behind the proxy of its host.
PRODUCTION = {
    "SECRET_KEY": KEY,
    "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "PUBLIC_BASE_URL": "https://inn.example.com",
    "TRUSTED_PROXY_COUNT": "1",
}


def run(*arguments, environment=None, **options):
    plain = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "YADOPERA_HOME"}}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=plain | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def manage(*arguments, **environment):
    return run("manage.py", *arguments, environment=environment)


BAD_VALUES = [
    ("DEBUG", "perhaps"),
    ("PORT", "eight"),
    ("PORT", "70000"),
    ("WEB_CONCURRENCY", "0"),
    ("DATABASE_URL", "mysql://u:s3cret@h/d"),
    ("REDIS_URL", "http://u:s3cret@h"),
    ("PUBLIC_BASE_URL", "inn.example.com"),
    ("PUBLIC_BASE_URL", "https://example.com/yado"),
    ("CSRF_TRUSTED_ORIGINS", "inn.example.com"),
    ("CORS_ALLOWED_ORIGINS", "https://a.example.com/path"),
    ("EMAIL_URL", "mail.example.com"),
    ("LOG_FORMAT", "xml"),
    ("METRICS_TOKEN", "short"),
    ("SENTRY_DSN", "sentry.example.com"),
    ("RATE_LIMIT_CHAT", "60"),
    ("RATE_LIMIT_CHAT", "many/m"),
    ("RATE_LIMIT_MODEL", "2000"),
    ("TRUSTED_PROXY_COUNT", "-1"),
    ("DATABASE_POOL_SIZE", "x"),
]
#: `manage.py check` in a process for each environment, which has from its parent what the settings
#: import, and nothing that they say: twenty starts would take as many seconds.
CHECKS = """
import json, os, sys, tempfile
import celery.schedules, csp.constants, environs, yadopera.database_url, yadopera.embedded
import yadopera.error_reports, yadopera.rate_limit, yadopera.sidebar, yadopera.strength
from manage import main

ended = []
for environment in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as output:
        if (child := os.fork()) == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os.environ.update(environment)
            assert "yadopera.settings" not in sys.modules
            sys.argv = ["manage.py", "check"]
            main()
            sys.exit()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        ended.append((code, output.read()))
print(json.dumps(ended))
"""


@pytest.fixture(scope="module")
def refusals():
    """(name, value) -> how a start with that value ended, and all that it said."""
    environments = [{"SECRET_KEY": KEY, name: value} for name, value in BAD_VALUES]
    done = run("-c", CHECKS, input=json.dumps(environments))
    assert done.returncode == 0, done.stderr
    return dict(zip(BAD_VALUES, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_bad_value_is_named_in_one_line(refusals, value):
    code, said = refusals[value]

    assert code != 0
    assert said.startswith(f"error: {value[0]} must")
    assert len(said.strip().splitlines()) == 1
    assert "s3cret" not in said


def test_a_host_must_set_a_secret_key():
    done = manage("check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/d")

    assert done.returncode != 0
    assert done.stderr.startswith("error: SECRET_KEY must be set")


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
@pytest.mark.parametrize(
    "key",
    [
        pytest.param(KEY[:39], id="short"),
        pytest.param("change-me-" + KEY, id="of a template"),
        pytest.param("django-insecure-" + KEY, id="made by startproject"),
        pytest.param("your_secret_key_" + KEY, id="of a tutorial"),
        pytest.param("k" * 60, id="one letter"),
        pytest.param("012345678" * 6, id="few letters"),
        pytest.param(KEY[:20] * 3, id="the same again"),
    ],
)
def test_a_key_that_can_be_guessed_is_refused_and_not_quoted(name, key):
    # In this process: a start takes a second, and how it ends is tested above.
    with pytest.raises(ImproperlyConfigured, match=f"^{name} must be a random text") as refused:
        refuse_weak(name, key)
    assert key not in str(refused.value)


def test_a_random_key_is_taken():
    for key in (KEY, secrets.token_urlsafe(50), secrets.token_hex(32), secrets.token_urlsafe(32)):
        refuse_weak("SECRET_KEY", key)


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_a_weak_key_stops_the_start(name):
    done = manage("check", **PRODUCTION | {name: "change-me"})

    assert done.returncode != 0
    assert done.stderr.startswith(f"error: {name} must be a random text of 40 characters")
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_checks_of_a_deployment_are_silent():
    done = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("bad", "warning"),
    [
        ({"DEBUG": "1"}, "security.W018"),
        ({"PUBLIC_BASE_URL": "http://inn.example.com"}, "security.W010"),
        ({"TRUSTED_PROXY_COUNT": "0"}, "yadopera.W001"),
    ],
)
def test_the_checks_of_a_deployment_speak_of_what_is_wrong(bad, warning):
    assert warning in manage("check", "--deploy", **PRODUCTION | bad).stderr


def test_an_empty_variable_counts_as_unset():
    assert manage("check", SECRET_KEY=KEY, DEBUG="", PORT="", REDIS_URL="").returncode == 0


def test_with_servers_of_ones_own_nothing_embedded_is_started_or_needed(tmp_path):
    home = tmp_path / "home"
    done = manage(
        "check",
        SECRET_KEY=KEY,
        DATABASE_URL="postgresql://u:p@127.0.0.1:1/d",
        REDIS_URL="redis://127.0.0.1:1/0",
        YADOPERA_HOME=str(home),
    )

    assert done.returncode == 0, done.stderr
    assert not home.exists()


def test_env_example_names_every_setting():
    settings = (ROOT / "yadopera" / "settings.py").read_text()
    example = (ROOT / ".env.example").read_text()
    named = {line.lstrip("#").split("=")[0] for line in example.splitlines() if "=" in line}

    read = set(re.findall(r'(?:environ\.get|read\w*)\(\s*(?:env\.\w+, )?"([A-Z_]+)"', settings))
    assert {"SECRET_KEY", "DEBUG", "PORT", "REDIS_URL", "EMAIL_URL", "CORS_ALLOWED_ORIGINS"} < read
    # Set by the hosts of that name and by yadopera/asgi.py, not by people.
    read -= {"RENDER_EXTERNAL_HOSTNAME", "RAILWAY_PUBLIC_DOMAIN", "YADOPERA_PROCESS"}
    read -= {"RENDER_GIT_COMMIT", "RAILWAY_GIT_COMMIT_SHA"}
    assert read - named == set()


def test_a_env_file_is_read_and_the_environment_stands_above_it(tmp_path):
    """In a copy of the code, so that nobody's own .env is touched."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "yadopera", copy / "yadopera")
    (copy / ".env").write_text("PORT=8399\nRATE_LIMIT_CHAT=7/m\nSECRET_KEY=" + KEY + "\n")
    show = (
        "from yadopera import settings as s; print(s.PORT, s.RATE_LIMITS['chat'], s.SECRET_KEY[:2])"
    )

    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=copy,
        env={"PATH": os.environ["PATH"], "PORT": "8400"},
        capture_output=True,
        text=True,
    )

    assert done.stdout == "8400 7 per 1 minute Xk\n", done.stderr
