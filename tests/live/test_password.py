"""A forgotten password, with the worker that mails the link. Without EMAIL_URL mail is logged."""

import re
import time

import httpx
import pytest

from tests.live.conftest import address_of_its_own

EMAIL = "forgetful@example.com"


@pytest.fixture
def auth(live, tmp_path):
    """Calls /auth/ for somebody who has forgotten the password of an account."""
    (tmp_path / "facility.json").write_text('{"name": "Forgetful", "slug": "forgetful"}')
    (tmp_path / "faqs.csv").write_text("category\n")
    account = ["--owner-email", EMAIL, "--owner-password", "forgotten-no-ki-2026"]
    done = live.manage("import_facility", str(tmp_path), *account)
    assert done.returncode == 0, done.stderr

    def post(path, **body):
        url = f"{live.url}/api/v1/auth/{path}"
        return httpx.post(url, json=body, timeout=30, headers=address_of_its_own())

    return post


def test_the_worker_mails_a_link_that_lets_in(live, auth):
    deadline = time.monotonic() + 30
    assert auth("password-reset", email=EMAIL).status_code == 200
    while not (links := re.findall(r"http\S+/admin/reset/\S+", live.output())):
        assert time.monotonic() < deadline
        time.sleep(0.2)

    done = auth("password-reset/confirm", token=links[-1], new_password="remembered-2026")

    assert done.status_code == 200, done.text
    assert auth("login", email=EMAIL, password="remembered-2026").status_code == 200
