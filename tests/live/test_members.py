"""Owners who change the staff of an inn at the same moment."""

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.live.conftest import address_of_its_own

PASSWORD = "two-owners-2026"
LIST = "/admin/facilities/membership/"


def signed_in(live, email):
    client = httpx.Client(base_url=live.url, timeout=60, headers=address_of_its_own())
    client.get("/admin/login/")
    form = {"username": email, "password": PASSWORD}
    done = client.post("/admin/login/", data=form | token_of(client))
    assert done.status_code == 302, done.text
    return client


def token_of(client):
    return {"csrfmiddlewaretoken": client.cookies["csrftoken"]}


@pytest.fixture
def people(live, tmp_path):
    """Two who own one inn."""
    (tmp_path / "facility.json").write_text('{"name": "Two owners", "slug": "two-owners"}')
    (tmp_path / "faqs.csv").write_text("category\n")
    people = ["one@two-owners.example.com", "two@two-owners.example.com"]
    for email in people:
        account = ["--owner-email", email, "--owner-password", PASSWORD]
        done = live.manage("import_facility", str(tmp_path), *account)
        assert done.returncode == 0, done.stderr
    return people


@pytest.fixture
def clients(live, people):
    return [signed_in(live, email) for email in people]


def test_two_owners_who_invite_a_new_person_at_once_do_so_once(live, people, clients):
    form = clients[0].get(f"{LIST}add/").text
    inn = re.search(r'<option value="(\d+)"', form)[1]

    def ask(at):
        invitation = {"facility": inn, "email": f"new{at // 2}@example.com", "role": "staff"}
        client = clients[at % 2]
        return client.post(f"{LIST}add/", data=invitation | token_of(client))

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, range(10)))

    assert [answer.status_code for answer in answers] == [302] * len(answers)
    shown = clients[0].get(LIST).text
    assert [shown.count(f">new{n}@example.com<") for n in range(5)] == [1] * 5


def test_two_owners_who_remove_each_other_leave_one(people, clients):
    page = clients[0].get(LIST).text
    rows = {
        email: number for number, email in re.findall(rf"{LIST}(\d+)/change/[^>]*>([^<]+)<", page)
    }

    def let_go(at):
        row = rows[people[1 - at]]
        confirmed = {"post": "yes"} | token_of(clients[at])
        return clients[at].post(f"{LIST}{row}/delete/", data=confirmed)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(let_go, range(2)))

    assert all(answer.status_code in {302, 403, 404} for answer in answers)
    left = [client for client in clients if client.get(LIST).status_code == 200]
    assert len(left) == 1
