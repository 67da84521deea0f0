"""The staff API of escalation schedules."""

import pytest

from facilities.models import EscalationSchedule, Membership
from tests.conftest import StaffApp

PATH = "/api/v1/admin/escalation-schedule"
NIGHT = {"day_of_week": ["all"], "time_start": "22:00", "time_end": "02:00", "mode": "early"}
NUL = "a\x00b"


class Desk(StaffApp):
    """Calls the schedules as the staff app does."""

    def list(self, **query):
        return self.client.get(PATH, query)

    def add(self, **fields):
        return self.client.post(PATH, NIGHT | fields, content_type="application/json")

    def change(self, number, **fields):
        return self.client.put(f"{PATH}/{number}", fields, content_type="application/json")

    def delete(self, number):
        return self.client.delete(f"{PATH}/{number}")


@pytest.fixture
def night(desk):
    return desk.add().json()


def test_a_schedule_has_the_shape_of_the_contract(desk, sakura):
    response = desk.add(languages=["en", "fr"], notify_channels=["line", "email"], threshold=0.9)

    body = response.json()
    assert response.status_code == 201
    assert body == {
        **{name: body[name] for name in ("id", "created_at", "updated_at")},
        "facility_id": sakura.pk,
        "day_of_week": ["all"],
        "time_start": "22:00",
        "time_end": "02:00",
        "mode": "early",
        "threshold": 0.9,
        "languages": ["en", "fr"],
        "notify_channels": ["line", "email"],
        "is_active": True,
    }


def test_what_was_added_is_listed(desk, night):
    assert desk.list().json() == [night]


def test_a_part_of_the_list_is_asked_for(desk, night):
    other = desk.add(time_start="23:00").json()

    assert desk.list(limit=1, offset=1).json() == [other]
    assert desk.list(limit=1001).status_code == desk.list(offset=-1).status_code == 422


@pytest.mark.parametrize(
    ("sent", "shown", "stored"),
    [
        (["all"], ["all"], 7),
        (["sun", "mon", "tue", "wed", "thu", "fri", "sat"], ["all"], 7),
        (["mon", "all"], ["all"], 7),
        (["fri", "mon", "fri"], ["mon", "fri"], 2),
    ],
)
def test_days_come_back_in_order_and_seven_as_all(desk, sent, shown, stored):
    assert desk.add(day_of_week=sent).json()["day_of_week"] == shown
    assert len(EscalationSchedule.objects.get().days) == stored


@pytest.mark.parametrize(
    ("fields", "threshold"),
    [
        ({"mode": "early"}, 0.85),
        ({"mode": "normal"}, 0.7),
        ({"mode": None}, 0.7),
        ({"mode": "normal", "threshold": None}, 0.7),
        ({"mode": "early", "threshold": 0}, 0),
        ({"mode": "normal", "threshold": 1}, 1),
    ],
)
def test_a_threshold_left_out_is_the_modes(desk, fields, threshold):
    assert desk.add(**fields).json()["threshold"] == threshold


def test_languages_and_channels_left_out_are_all(desk, night):
    assert (night["languages"], night["notify_channels"]) == ([], [])
    again = desk.add(languages=[], notify_channels=["webhook", "webhook"]).json()
    assert (again["languages"], again["notify_channels"]) == ([], ["webhook"])


def test_a_change_leaves_alone_what_it_does_not_name(desk, night):
    body = desk.change(night["id"], time_end="03:30", is_active=False, languages=None).json()

    assert body.pop("updated_at") > night.pop("updated_at")
    assert body == night | {"time_end": "03:30", "is_active": False}
    assert desk.list().json()[0]["time_end"] == "03:30"


def test_the_same_change_twice_is_one(desk, night):
    first, second = (desk.change(night["id"], day_of_week=["mon"]).json() for _ in range(2))

    assert first | {"updated_at": ""} == second | {"updated_at": ""}


def test_the_threshold_follows_a_mode_that_changes_and_no_other(desk, night):
    def threshold_after(**fields):
        return desk.change(night["id"], **fields).json()["threshold"]

    assert threshold_after(mode="normal") == 0.7
    assert threshold_after(threshold=0.6) == 0.6
    assert threshold_after(mode="normal") == 0.6
    assert threshold_after(mode="early", threshold=0.95) == 0.95


def test_a_deleted_schedule_is_gone(desk, night):
    response = desk.delete(night["id"])

    assert (response.status_code, response.content) == (204, b"")
    assert desk.list().json() == []
    assert desk.delete(night["id"]).status_code == 404
    assert desk.change(night["id"]).status_code == 404


BAD_FIELDS = [
    *(("day_of_week", bad) for bad in ([], None, "mon", ["MON"], [NUL], [1], ["mon"] * 21, {})),
    *(
        (end, bad)
        for end in ("time_start", "time_end")
        for bad in ("24:00", "9:00", "22:00:00", "22:00\n", "2２:00", NUL, "", 22, None, ["22:00"])
    ),
    *(("mode", bad) for bad in ("late", "", NUL, 1, ["early"])),
    *(("threshold", bad) for bad in (-0.01, 1.01, "0.8", True, 10**400, NUL, [0.5])),
    *(("languages", bad) for bad in (["xx"], "en", [NUL], [None], ["en"] * 21)),
    *(("notify_channels", bad) for bad in (["fax"], "email", [NUL], [1])),
    *(("is_active", bad) for bad in ("yes", 1, NUL)),
    *(("facility_id", bad) for bad in (0, -1, 2**63, 10**30, "1", True, NUL)),
]


@pytest.mark.parametrize(("name", "bad"), BAD_FIELDS)
def test_bad_values_are_refused_and_nothing_is_stored(desk, night, name, bad):
    assert desk.add(**{name: bad}).status_code == 422
    if bad is not None and name != "facility_id":
        assert desk.change(night["id"], **{name: bad}).status_code == 422

    assert desk.list().json() == [night]


@pytest.mark.parametrize("name", ["day_of_week", "time_start", "time_end"])
def test_a_schedule_needs_days_and_times(desk, name):
    fields = {key: value for key, value in NIGHT.items() if key != name}

    response = desk.client.post(PATH, fields, content_type="application/json")

    assert response.status_code == 422


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**63), "9" * 40, "%00", "%20"])
def test_what_is_no_id_is_refused(desk, number):
    assert desk.change(number).status_code == 422
    assert desk.delete(number).status_code == 422


# Tenancy ----------------------------------------------------------------------------------------


def test_for_another_inn_a_schedule_is_not_there(desk, theirs, night):
    assert theirs.list().json() == []
    for call in (lambda id_: theirs.change(id_, mode="normal"), theirs.delete):
        found, made_up = call(night["id"]), call(2**40)
        assert found.status_code == made_up.status_code == 404
        assert found.content == made_up.content

    assert desk.list().json() == [night]


def test_nothing_is_added_to_another_inn(theirs, sakura):
    found, made_up = (theirs.add(facility_id=id_) for id_ in (sakura.pk, 2**40))

    assert found.status_code == made_up.status_code == 404
    assert found.content == made_up.content
    assert not EscalationSchedule.objects.exists()


def test_a_schedule_does_not_move_to_another_inn(desk, night, maple, hanako):
    Membership.objects.create(facility=maple, user=hanako)

    body = desk.change(night["id"], facility_id=maple.pk).json()

    assert body["facility_id"] == night["facility_id"]


def test_who_works_at_two_inns_sees_both_and_chooses(desk, hanako, sakura, maple):
    Membership.objects.create(facility=maple, user=hanako, role="owner")

    assert desk.add().json()["facility_id"] == sakura.pk
    assert desk.add(facility_id=None).json()["facility_id"] == sakura.pk
    assert desk.add(facility_id=maple.pk).json()["facility_id"] == maple.pk
    assert len(desk.list().json()) == 3


def test_without_an_inn_there_is_nothing_to_add_to(desk, hanako, night, sakura):
    sakura.membership_set.all().delete()

    assert desk.add().status_code == 404
    assert desk.list().json() == []
    assert desk.delete(night["id"]).status_code == 404


def test_an_operator_names_the_inn(django_user_model, sakura):
    operator = Desk(django_user_model.objects.create_superuser("op@example.com", "x"))

    assert operator.add().status_code == 404
    assert operator.add(facility_id=sakura.pk).status_code == 201


def test_nobody_is_let_in(night):
    nobody = Desk()
    for response in (
        nobody.list(),
        nobody.add(),
        nobody.change(night["id"], mode="normal"),
        nobody.delete(night["id"]),
    ):
        assert response.status_code == 401

    assert EscalationSchedule.objects.get().mode == "early"
