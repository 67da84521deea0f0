"""The page of an inn's facts, which asks for no format."""

import pytest
from django.test import Client
from django.urls import reverse


@pytest.fixture
def facts(hanako, sakura):
    """Fetches the form, changes some of it and sends it back; returns the answer."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(hanako)
    address = reverse("admin:facilities_facility_change", args=[sakura.pk])

    def send(**changes):
        form = client.get(address).context["adminform"].form
        values = {name: form[name].value() for name in form.fields}
        filled = {name: value for name, value in values.items() if value is not None}
        response = client.post(address, filled | changes)
        sakura.refresh_from_db()
        return response

    return send


def test_languages_are_ticked_and_times_have_no_seconds(facts, sakura):
    response = facts(languages=["ja", "ko"], check_in_time="16:30")

    assert response.status_code == 302
    assert sakura.languages == ["ja", "ko"]
    assert f"{sakura.check_in_time:%H:%M}" == "16:30"
    assert sakura.wifi_password == "hanami-1234"


@pytest.mark.parametrize(
    "wrong",
    [{"languages": []}, {"timezone": "Mars/Olympus"}, {"check_in_time": "25:00"}],
)
def test_what_is_wrong_is_said_and_changes_nothing(facts, sakura, wrong):
    before = sakura.updated_at

    response = facts(**wrong)

    assert response.status_code == 200
    assert list(response.context["errors"])
    assert sakura.updated_at == before


def test_sites_for_the_frame_are_written_one_after_the_other(facts, sakura):
    facts(frame_origins="https://www.sakura.example.com, https://en.sakura.example.com")

    assert sakura.frame_origins == [
        "https://www.sakura.example.com",
        "https://en.sakura.example.com",
    ]


def test_the_address_that_stands_on_every_code_is_not_the_owners_to_change(facts, sakura):
    facts(slug="ume", is_active="")

    assert (sakura.slug, sakura.is_active) == ("sakura", True)
