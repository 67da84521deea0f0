"""A bad setting stops the start with one sentence and no traceback."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments, **environment):
    plain = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "YADOPERA_HOME"}}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=plain | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
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
        ("TRUSTED_PROXY_COUNT", "-1"),
        ("DATABASE_POOL_SIZE", "x"),
    ],
)
def test_a_bad_value_is_named_in_one_line(name, value):
    done = manage("check", **{"SECRET_KEY": "k" * 50, name: value})

    assert done.returncode != 0
    assert done.stderr.startswith(f"error: {name} must")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "s3cret" not in done.stderr


def test_a_host_must_set_a_secret_key():
    done = manage("check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/d")

    assert done.returncode != 0
    assert done.stderr.startswith("error: SECRET_KEY must be set")


def test_an_empty_variable_counts_as_unset():
    assert manage("check", SECRET_KEY="k" * 50, DEBUG="", PORT="", REDIS_URL="").returncode == 0


def test_with_servers_of_ones_own_nothing_embedded_is_started_or_needed(tmp_path):
    home = tmp_path / "home"
    done = manage(
        "check",
        SECRET_KEY="k" * 50,
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
    (copy / ".env").write_text("PORT=8399\nRATE_LIMIT_CHAT=7/m\nSECRET_KEY=" + "k" * 50 + "\n")
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

    assert done.stdout == "8400 7 per 1 minute kk\n", done.stderr
