"""Real services for every test: a PostgreSQL with pgvector, a Redis, a home of their own."""

import contextlib
import json
import os
from pathlib import Path

import pytest
import time_machine
from asgiref.sync import async_to_sync

from tests.trained import lend_built

# The tests' own home, so that they never touch the data of a `make run`. Set before Django reads
# its settings; the folder stays, so that the next test run need not create a database cluster.
ROOT = Path(__file__).resolve().parent.parent
os.environ["YADOPERA_HOME"] = os.environ.get("YADOPERA_TEST_HOME") or str(
    ROOT / ".yadopera" / "test"
)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yadopera.settings")
os.environ.setdefault(
    "SECRET_KEY", "a key for tests, long enough and never used elsewhere 0123456789"
)

_services = contextlib.ExitStack()

# `make test` has it built once for all of its parts.
lend_built(Path(os.environ["YADOPERA_HOME"]), ROOT / ".yadopera" / "trained")


def pytest_configure(config: pytest.Config) -> None:
    import django

    from yadopera import settings
    from yadopera.embedded import Postgres, Redis, running

    if settings.EMBEDDED_POSTGRES:
        _services.enter_context(running(Postgres(settings.EMBEDDED)))
    if settings.EMBEDDED_REDIS:
        _services.enter_context(running(Redis(settings.EMBEDDED)))
    django.setup()
    from django.conf import settings as configured
    from django.db import connection

    if name := os.environ.get("YADOPERA_TEST_DATABASE"):
        connection.settings_dict["TEST"]["NAME"] = name
    if schema := os.environ.get("YADOPERA_TEST_SCHEMA"):
        stay_in(schema)
    # A password is made slow to guess: a quarter of a second for each account of each test.
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    configured.PASSWORD_HASHERS = [quick, *configured.PASSWORD_HASHERS]


def stay_in(schema: str) -> None:
    """Have the tests write into `schema` of an existing database (tests/staging.py), and refuse to
    begin where they would write elsewhere."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_schema(), %s::regclass = to_regclass('django_migrations')",
            [f"{schema}.django_migrations"],
        )
        if cursor.fetchone() != (schema, True):
            pytest.exit(f"The search path does not begin with {schema}.", returncode=1)
    connection.close()
    connection.settings_dict["TEST"]["NAME"] = connection.settings_dict["NAME"]


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """A database that is not the tests' own is neither made nor dropped, whatever is asked for."""
    return django_db_keepdb or "YADOPERA_TEST_SCHEMA" in os.environ


@pytest.fixture(scope="session")
def django_db_createdb(django_db_createdb: bool) -> bool:
    return django_db_createdb and "YADOPERA_TEST_SCHEMA" not in os.environ


@pytest.fixture
def own_server() -> None:
    """For tests that make and drop databases and roles: not where a staging site's are."""
    if {"YADOPERA_TEST_DATABASE", "YADOPERA_TEST_SCHEMA"} & os.environ.keys():
        pytest.skip("it makes roles and databases, on a server that is not the tests' own")


def pytest_unconfigure(config: pytest.Config) -> None:
    _services.close()


@pytest.fixture(scope="session", autouse=True)
def collected_static_files() -> None:
    """Pages name their style sheets by content; the names are made when they are collected."""
    from yadopera.static_files import collect_static_files

    collect_static_files()


@pytest.fixture(autouse=True)
def fresh_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts with unused rate limits and an empty cache."""
    from django.conf import settings
    from django_redis import get_redis_connection

    from yadopera import rate_limit

    get_redis_connection().flushdb()
    monkeypatch.setattr(rate_limit, "_limiter", rate_limit.Limiter(settings.REDIS_URL))


@pytest.fixture
def at():
    """Moves the clock: `at(moment)`; it stands still then."""
    with contextlib.ExitStack() as stack:
        yield lambda moment: stack.enter_context(time_machine.travel(moment, tick=False))


# Two inns ---------------------------------------------------------------------------------------

SAKURA_FACTS = {
    "name": "さくら屋",
    "name_en": "Sakura-ya",
    "email": "hello@sakura.example.com",
    "phone": "075-000-0000",
    "address": "京都府京都市桜町1-2-3",
    "check_in_time": "15:00",
    "check_out_time": "10:00",
    "wifi_ssid": "Sakura-Guest",
    "wifi_password": "hanami-1234",
    "house_rules": "22:00からはお静かに。",
    "local_info": "コンビニまで徒歩2分。",
    "prohibited_items": "火気厳禁。",
}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Two inns with all starter FAQs, made once; each test's changes are rolled back."""
    from facilities.models import Facility
    from faq.services import add_starter_faqs

    other = {"name": "もみじ荘", "name_en": "Maple", "wifi_password": "koyo-98765"}
    with django_db_blocker.unblock():
        for slug, facts in (("sakura", SAKURA_FACTS), ("maple", SAKURA_FACTS | other)):
            facility = Facility.objects.create(slug=slug, **facts)
            add_starter_faqs(facility, confirmed=True)


@pytest.fixture(scope="module")
def kept(django_db_setup, django_db_blocker):
    """Writes rows for all tests of a module, `kept(make)`, which returns what `make()` does: in a
    transaction around those of the tests, each of which still undoes what it has changed."""
    from django.db import transaction

    around = transaction.atomic()
    with django_db_blocker.unblock():
        around.__enter__()

    def write(make):
        with django_db_blocker.unblock():
            return make()

    yield write
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def sakura(db):
    from facilities.models import Facility

    return Facility.objects.get(slug="sakura")


@pytest.fixture
def maple(db):
    """Another inn, with the same facts but its own name and password."""
    from facilities.models import Facility

    return Facility.objects.get(slug="maple")


def _member(facility, email):
    from facilities.services import add_owner

    return add_owner(facility, email=email, password="sakura-no-ki-2026")


@pytest.fixture
def hanako(sakura):
    """Owner of Sakura-ya."""
    return _member(sakura, "hanako@sakura.example.com")


@pytest.fixture
def momiji(maple):
    """Owner of the other inn."""
    return _member(maple, "momiji@maple.example.com")


@pytest.fixture
def site_key(sakura):
    from facilities.models import SiteKey

    return SiteKey.objects.create(facility=sakura, location="entrance").key


def staff_client(user=None):
    """The staff app in English, signed in as `user` or as nobody."""
    from django.test import Client

    from facilities.models import AccessToken

    headers = {"accept-language": "en"}
    if user is not None:
        _token, secret = AccessToken.issue(user)
        headers["authorization"] = f"Bearer {secret}"
    return Client(headers=headers)


def browser_of(user):
    """The admin in English, `user` being signed in."""
    from django.test import Client

    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def at_the_desk(hanako):
    """The browser of Sakura-ya's owner."""
    return browser_of(hanako)


class StaffApp:
    """The staff app; each module of tests says in a `Desk` of its own what it calls."""

    def __init__(self, user=None):
        self.client = staff_client(user)


@pytest.fixture
def desk(request, hanako):
    return request.module.Desk(hanako)


@pytest.fixture
def theirs(request, momiji):
    """The desk of another inn."""
    return request.module.Desk(momiji)


# The AI provider --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _running_provider():
    from tests.fake_provider import FakeProvider

    server = FakeProvider().start()
    yield server
    server.stop()


@pytest.fixture
def provider(_running_provider, settings, monkeypatch):
    """A server that speaks OpenAI's protocol; everything under test uses it."""
    from yadopera.ai import get_provider, outage

    _running_provider.reset()
    settings.OPENAI_API_KEY = "test-key"
    settings.OPENAI_BASE_URL = _running_provider.url
    monkeypatch.setattr(outage, "_here", None)
    get_provider.cache_clear()
    yield _running_provider
    get_provider.cache_clear()


# A guest's phone --------------------------------------------------------------------------------


class Guest:
    """Calls the guest API as a phone does."""

    def __init__(self, facility, language="en"):
        from django.test import Client

        self.client = Client(headers={"accept-language": language})
        self.facility = facility
        self.session_id = None

    def post(self, path, **body):
        return self.client.post(f"/api/v1{path}", body, content_type="application/json")

    def get(self, path, **query):
        return self.client.get(f"/api/v1{path}", query)

    def ask(self, message, **fields):
        """Ask, keep the session and return the body of the answer."""
        body = {"facility_id": self.facility.pk, "message": message}
        if self.session_id:
            body["session_id"] = self.session_id
        response = self.post("/chat", **(body | fields))
        assert response.status_code == 200, response.content
        self.session_id = response.json()["session_id"]
        return response.json()

    def stream(self, message, **fields):
        """Ask, and return the events of the answer as (name, data)."""
        body = {"facility_id": self.facility.pk, "message": message} | fields
        response = self.post("/chat/stream", **body)
        assert response.status_code == 200, response.content
        return read_events(async_to_sync(_join)(response.streaming_content))

    def history(self, **query):
        response = self.get(
            f"/chat/history/{self.session_id}", facility_id=self.facility.pk, **query
        )
        assert response.status_code == 200, response.content
        return response.json()


async def _join(pieces):
    return b"".join([piece async for piece in pieces]).decode()


def read_events(text):
    events = []
    for block in filter(None, text.split("\n\n")):
        name, data = block.split("\n", 1)
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


@pytest.fixture
def guest(sakura):
    return Guest(sakura)


@pytest.fixture
def neighbour(maple):
    """A guest of the other inn."""
    return Guest(maple)
