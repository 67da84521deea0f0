"""Receivers of notifications, and inns that use them."""

import pytest

from tests.receivers import MailReceiver, WebReceiver


@pytest.fixture(scope="session")
def _running_web():
    server = WebReceiver().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _running_mail():
    server = MailReceiver().start()
    yield server
    server.stop()


@pytest.fixture
def web(_running_web, settings):
    """Slack, LINE and webhooks; all of them lead here, into our own network."""
    _running_web.reset()
    settings.LINE_API_URL = _running_web.url
    settings.ALLOW_PRIVATE_WEBHOOKS = True
    yield _running_web
    _running_web.release()


@pytest.fixture
def mail(_running_mail, settings):
    """The mail server; pytest-django would keep mail in memory."""
    _running_mail.reset()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", _running_mail.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_SSL = settings.EMAIL_USE_TLS = False
    settings.EMAIL_TIMEOUT = 2
    return _running_mail


@pytest.fixture
def awake(sakura):
    """Somebody is awake at the inn, whatever the time; he has no channel yet."""
    from facilities.models import StaffAbsence
    from nightqueue.models import Channel

    StaffAbsence.objects.for_facility(sakura).delete()
    Channel.objects.for_facility(sakura).delete()
    return sakura


@pytest.fixture
def slack(awake, web):
    """The inn's only channel."""
    from nightqueue.models import Channel

    return Channel.objects.create(facility=awake, kind="slack", address=f"{web.url}/slack/T0/B0/x")


# Transactions that are real ---------------------------------------------------------------------


@pytest.fixture
def _inns_restored(django_db_setup, django_db_blocker):
    """Real transactions leave an empty database behind; makes the inns again."""
    yield
    with django_db_blocker.unblock():
        make_inns()


@pytest.fixture
def committed(_inns_restored, transactional_db):
    """For tests whose transactions are real, so that threads see what others wrote. Must be the
    first of a test's fixtures."""
    make_inns()


def make_inns():
    """As `django_db_setup` of tests/conftest.py does; those that are there stay."""
    from facilities.models import Facility
    from faq.services import add_starter_faqs
    from tests.conftest import SAKURA_FACTS

    other = {"name": "もみじ荘", "name_en": "Maple", "wifi_password": "koyo-98765"}
    for slug, facts in (("sakura", SAKURA_FACTS), ("maple", SAKURA_FACTS | other)):
        facility, is_new = Facility.objects.get_or_create(slug=slug, defaults=facts)
        if is_new:
            add_starter_faqs(facility, confirmed=True)


@pytest.fixture
def by_day(sakura, maple):
    """Somebody is awake at both inns, whatever the time."""
    from facilities.models import StaffAbsence

    StaffAbsence.objects.all().delete()
