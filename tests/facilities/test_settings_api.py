"""The staff API of an inn's facts and of when nobody is awake."""

import pytest

from facilities.models import Facility, Membership, StaffAbsence, User
from facilities.services import change_settings
from tests.conftest import Guest, StaffApp

PATH = "/api/v1/admin/facility/settings"
NIGHT = {"start_time": "22:00", "end_time": "08:00", "days_of_week": ["fri", "mon"]}
NUL = "a\x00b"


class Desk(StaffApp):
    """Calls the settings as the staff app does."""

    def read(self, **query):
        return self.client.get(PATH, query)

    def change(self, facility_id=None, **fields):
        query = f"?facility_id={facility_id}" if facility_id is not None else ""
        return self.client.put(PATH + query, fields, content_type="application/json")


@pytest.fixture
def employee(sakura):
    """The desk of somebody who works at Sakura-ya and does not own it."""
    user = User.objects.create_user("taro@sakura.example.com", "taro-no-ki-2026")
    Membership.objects.create(facility=sakura, user=user, role="staff")
    return Desk(user)


def test_settings_have_the_shape_of_v03_and_all_facts(desk, sakura):
    body = desk.read().json()

    assert body["staff_absence_periods"] == [
        {
            "start_time": "22:00",
            "end_time": "08:00",
            "days_of_week": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        }
    ]
    assert body["icon_url"] is None
    facts = body["facility"]
    assert facts.pop("created_at") <= facts.pop("updated_at")
    assert facts == {
        "id": sakura.pk,
        "name": "さくら屋",
        "name_en": "Sakura-ya",
        "slug": "sakura",
        "email": "hello@sakura.example.com",
        "phone": "075-000-0000",
        "address": "京都府京都市桜町1-2-3",
        "timezone": "Asia/Tokyo",
        "language": "ja",
        "languages": ["ja", "en", "zh-TW", "zh-CN", "ko", "fr", "es"],
        "check_in_time": "15:00",
        "check_out_time": "10:00",
        "wifi_ssid": "Sakura-Guest",
        "wifi_password": "hanami-1234",
        "wifi_password_visibility": "on_site",
        "house_rules": "22:00からはお静かに。",
        "local_info": "コンビニまで徒歩2分。",
        "prohibited_items": "火気厳禁。",
        "emergency_contact": "",
        "nearest_hospital": "",
        "frame_origins": [],
        "retention_days": 90,
        "is_active": True,
        "subscription_plan": "premium",
        "plan_type": "Premium",
        "monthly_question_limit": None,
        "coupon_enabled": False,
    }


def test_what_the_staff_app_sends_is_taken(desk):
    """All of its form, with what is not known here, and the password only if it was typed."""
    before = desk.read().json()
    form = {
        "name": "さくら屋 本館",
        "email": "hello@sakura.example.com",
        "phone": "",
        "address": "京都",
        "wifi_ssid": "Sakura-Guest",
        "check_in_time": "16:00",
        "check_out_time": "",
        "house_rules": "静かに。",
        "local_info": "",
        "prohibited_items": "",
        "staff_absence_periods": [NIGHT],
        "coupon_enabled": False,
        "coupon_discount_percent": None,
        "coupon_description": "",
        "coupon_validity_months": 6,
        "official_website_url": "",
    }

    body = desk.change(**form).json()

    assert desk.read().json() == body
    changed = {key: value for key, value in form.items() if key in before["facility"]}
    expected = before["facility"] | changed | {"check_out_time": None}
    assert body["facility"] | {"updated_at": ""} == expected | {"updated_at": ""}
    assert body["staff_absence_periods"] == [NIGHT | {"days_of_week": ["mon", "fri"]}]


def test_what_is_not_given_stays(desk):
    before = desk.read().json()

    body = desk.change(phone="1", name=None, staff_absence_periods=None).json()

    assert body["facility"].pop("updated_at") > before["facility"].pop("updated_at")
    before["facility"]["phone"] = "1"
    assert body == before
    assert desk.change().status_code == 200


def test_the_next_guest_hears_of_it(desk, sakura):
    desk.change(check_in_time="17:30")

    answer = Guest(sakura).ask("what time can i check in", language="en")["message"]["content"]

    assert "17:30" in answer


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ([], []),
        ([NIGHT, NIGHT | {"days_of_week": ["all"]}], [["mon", "fri"], 7]),
        ([NIGHT | {"start_time": "08:00", "end_time": "08:00"}], [["mon", "fri"]]),
    ],
)
def test_absences_replace_all_that_there_are_and_no_others(desk, sakura, maple, sent, stored):
    body = desk.change(staff_absence_periods=sent).json()

    days = [each["days_of_week"] for each in body["staff_absence_periods"]]
    assert [len(each) if len(each) == 7 else each for each in days] == stored
    assert StaffAbsence.objects.for_facility(sakura).count() == len(stored)
    assert StaffAbsence.objects.for_facility(maple).count() == 1


def test_those_who_do_not_own_the_inn_read_only(employee, desk):
    assert employee.read().json() == desk.read().json()

    refused = employee.change(name="Taro's")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert desk.read().json()["facility"]["name"] == "さくら屋"


def test_who_owns_one_inn_and_works_at_another_changes_his_own(hanako, maple):
    Membership.objects.create(facility=maple, user=hanako, role="staff")
    desk = Desk(hanako)

    assert desk.read(facility_id=maple.pk).json()["facility"]["slug"] == "maple"
    assert desk.change(maple.pk, phone="1").status_code == 403
    assert desk.change(phone="1").json()["facility"]["slug"] == "sakura"


def test_an_operator_names_the_inn(django_user_model, sakura):
    operator = Desk(django_user_model.objects.create_superuser("op@example.com", "x"))

    assert operator.read().status_code == operator.change(phone="1").status_code == 404
    assert operator.change(sakura.pk, phone="1").json()["facility"]["phone"] == "1"


def test_for_another_inn_the_settings_are_not_there(momiji, sakura):
    theirs = Desk(momiji)
    for call in (lambda number: theirs.read(facility_id=number), theirs.change):
        found, made_up = call(sakura.pk), call(2**40)
        assert found.status_code == made_up.status_code == 404
        assert found.content == made_up.content

    assert theirs.read().json()["facility"]["slug"] == "maple"


@pytest.mark.parametrize("name", ["slug", "is_active", "id", "plan_type"])
def test_some_things_are_not_the_owners_to_change(desk, name):
    before = desk.read().json()["facility"][name]

    assert desk.change(**{name: "other"}).json()["facility"][name] == before


BAD_PERIODS = [
    NIGHT | {"start_time": "24:00"},
    NIGHT | {"end_time": "8:00"},
    NIGHT | {"end_time": None},
    NIGHT | {"days_of_week": []},
    NIGHT | {"days_of_week": ["MON"]},
    NIGHT | {"days_of_week": "mon"},
    {"start_time": "22:00"},
    None,
]
BAD_FIELDS = [
    *(("name", bad) for bad in ("", "  ", "　", "x" * 201, NUL, 1, ["x"])),
    *(("email", bad) for bad in ("nobody", "a@b.c\r\nBcc: d@e.f", "x" * 250 + "@a.jp", NUL, 1)),
    *(("phone", bad) for bad in ("1" * 51, NUL, 1)),
    *(("address", bad) for bad in ("x" * 501, NUL)),
    *(("timezone", bad) for bad in ("Mars/Olympus", "", "Asia/Tokyo\n", "../etc", NUL, 9)),
    *(("language", bad) for bad in ("xx", "", "JA", NUL)),
    *(("languages", bad) for bad in ([], ["xx"], "ja", [NUL], ["ja"] * 21, {})),
    *((f"check_{way}_time", bad) for way in ("in", "out") for bad in ("25:00", "9:00", NUL, 9)),
    *((f"wifi_{name}", bad) for name in ("ssid", "password") for bad in ("x" * 101, NUL, 1)),
    *(("wifi_password_visibility", bad) for bad in ("", "staff", NUL)),
    *(
        (name, bad)
        for name in ("house_rules", "local_info", "prohibited_items")
        for bad in ("x" * 4001, NUL, 1)
    ),
    *(("emergency_contact", bad) for bad in ("x" * 201, NUL)),
    *(("frame_origins", bad) for bad in (["x"], ["https://a.jp/x"], ["https://a;x"], "x", [NUL])),
    *(("retention_days", bad) for bad in (0, -1, 32768, 10**30, "90", True, 1.5)),
    *(("staff_absence_periods", bad) for bad in ({}, "x", [NIGHT] * 51)),
    *(("staff_absence_periods", [bad]) for bad in BAD_PERIODS),
]


@pytest.mark.parametrize(("name", "bad"), BAD_FIELDS)
def test_bad_values_are_refused_and_nothing_changes(desk, name, bad):
    before = desk.read().json()

    assert desk.change(**{"address": "x", name: bad}).status_code == 422
    assert desk.read().json() == before


@pytest.mark.parametrize("bad", ["0", "x", str(2**63), "%00"])
def test_what_is_no_id_is_refused(desk, bad):
    assert desk.read(facility_id=bad).status_code in {400, 422}
    assert desk.change(bad, phone="1").status_code in {400, 422}


def test_two_who_change_different_facts_both_succeed(desk, hanako, sakura):
    """The second of them read the settings before the first wrote."""
    read_before = Facility.objects.get(pk=sakura.pk)
    desk.change(phone="1")

    change_settings(facility=read_before, facts={"address": "x"}, actor=hanako)

    sakura.refresh_from_db()
    assert (sakura.phone, sakura.address) == ("1", "x")


def test_nobody_is_let_in():
    assert Desk().read().status_code == Desk().change(phone="1").status_code == 401
