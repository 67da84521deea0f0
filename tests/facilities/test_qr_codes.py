"""Codes of places: the staff API, the admin, renewal, scans."""

from itertools import chain

import pytest
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from facilities.models import AuditEvent, Membership, SiteKey, SiteKeyQuerySet
from facilities.services import renew
from tests.conftest import Guest, StaffApp
from tests.facilities.codes import READERS, read_data_url, read_pdf

LIST = "/api/v1/admin/qr-codes"
PATH = "/api/v1/admin/qr-code"
CHANGELIST = reverse("admin:facilities_sitekey_changelist")
Place = SiteKey.Place


class Desk(StaffApp):
    """Calls the codes as the staff app does."""

    def list(self):
        return self.client.get(LIST)

    def post(self, **fields):
        body = {"location": "entrance"} | fields
        return self.client.post(PATH, body, content_type="application/json")

    def delete(self, number):
        return self.client.delete(f"{PATH}/{number}")


@pytest.fixture
def entrance(sakura):
    return SiteKey.objects.create(facility=sakura)


# The API ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", ["png", "svg", "pdf"])
def test_a_code_has_the_shape_of_the_contract(desk, sakura, settings, picture):
    settings.PUBLIC_BASE_URL = "https://inn.example.com"

    response = desk.post(
        location="room",
        custom_location_name=" 201 ",
        include_session_token=True,
        format=picture,
        primary_session_id="v0.3 sends it",
    )

    body = response.json()
    key = SiteKey.objects.get(facility=sakura)
    assert response.status_code == 200
    assert body == {
        **{name: body[name] for name in ("id", "qr_code_url", "created_at")},
        "facility_id": sakura.pk,
        "location": "room",
        "custom_location_name": "201",
        "include_session_token": True,
        "qr_code_data": f"https://inn.example.com/f/sakura?location=room-201&k={key.key}",
        "format": picture,
    }
    assert read_data_url(body["qr_code_url"]) == [body["qr_code_data"]]


def test_a_picture_is_png_when_no_format_is_named(desk):
    body = desk.post().json()

    assert body["format"] == "png"
    assert body["custom_location_name"] is None
    assert body["include_session_token"] is False


def test_a_place_has_one_code_however_often_it_is_asked_for(desk):
    first, second = desk.post(), desk.post(format="svg", custom_location_name="ignored")
    room = desk.post(location="room", custom_location_name="1").json()

    assert first.json()["qr_code_data"] == second.json()["qr_code_data"]
    assert desk.list().json()["total"] == 2
    assert {code["id"] for code in desk.list().json()["qr_codes"]} == {
        first.json()["id"],
        room["id"],
    }


def test_listed_codes_are_as_they_were_made(desk):
    made = desk.post(location="custom", custom_location_name="露天風呂前").json()

    assert desk.list().json() == {"qr_codes": [made], "total": 1}


def test_a_place_of_its_own_is_named_to_staff_and_keeps_the_address_short(desk, sakura):
    body = desk.post(location="custom", custom_location_name="露天風呂前").json()
    key = SiteKey.objects.get(facility=sakura).key
    guest = Guest(sakura)
    guest.ask("hello", location="custom", site_key=key)

    assert "location=custom&" in body["qr_code_data"]
    assert guest.history()["location"] == "露天風呂前"


def test_the_address_decides_where_it_says_more(sakura, entrance):
    guest = Guest(sakura)
    guest.ask("hello", location="room-201", site_key=entrance.key)

    assert guest.history()["location"] == "room-201"


def test_a_deleted_code_is_gone_and_opens_nothing(desk, sakura):
    made = desk.post().json()
    key = SiteKey.objects.get(facility=sakura).key

    response = desk.delete(made["id"])

    assert (response.status_code, response.content) == (204, b"")
    assert desk.delete(made["id"]).status_code == 404
    assert desk.list().json() == {"qr_codes": [], "total": 0}
    assert not is_on_site(sakura, key)
    assert desk.post().json()["id"] != made["id"]


NUL = "a\x00b"
BAD_FIELDS = [
    *({"location": bad} for bad in ("garden", "", None, NUL, 1, ["room"])),
    {"location": "custom"},
    {"location": "custom", "custom_location_name": ""},
    *(
        {"location": "custom", "custom_location_name": bad}
        for bad in (None, " ", "　", "x" * 51, NUL, 1)
    ),
    *({"format": bad} for bad in ("gif", "", None, NUL, 1)),
    *({"include_session_token": bad} for bad in ("yes", 1, None)),
    *({"facility_id": bad} for bad in (0, -1, 2**63, "1", True)),
]


@pytest.mark.parametrize("bad", BAD_FIELDS)
def test_bad_values_are_refused_and_nothing_is_stored(desk, bad):
    assert desk.post(**bad).status_code == 422
    assert not SiteKey.objects.exists()


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**63), "%00"])
def test_what_is_no_id_is_refused(desk, number):
    assert desk.delete(number).status_code == 422


def test_for_another_inn_a_code_is_not_there(desk, theirs, entrance):
    assert theirs.list().json() == {"qr_codes": [], "total": 0}
    found, made_up = theirs.delete(entrance.pk), theirs.delete(2**40)

    assert found.status_code == made_up.status_code == 404
    assert found.content == made_up.content
    assert desk.list().json()["total"] == 1


def test_nothing_is_made_for_another_inn(theirs, sakura):
    found, made_up = (theirs.post(facility_id=number) for number in (sakura.pk, 2**40))

    assert found.status_code == made_up.status_code == 404
    assert found.content == made_up.content
    assert not SiteKey.objects.exists()


def test_who_works_at_two_inns_chooses(desk, hanako, sakura, maple):
    Membership.objects.create(facility=maple, user=hanako, role="owner")

    assert desk.post().json()["facility_id"] == sakura.pk
    assert desk.post(facility_id=maple.pk).json()["facility_id"] == maple.pk


@pytest.fixture
def taros_app(taro):
    return Desk(taro)


def test_staff_fetch_a_code_as_it_is(taros_app, sakura, entrance):
    room = SiteKey.objects.create(facility=sakura, location=Place.ROOM, name="201")

    shown = taros_app.post(include_session_token=True, format="svg").json()
    theirs = taros_app.post(location="room", custom_location_name="201").json()

    assert (shown["qr_code_data"], shown["include_session_token"]) == (entrance.address, False)
    assert theirs["id"] == room.pk
    entrance.refresh_from_db()
    assert entrance.include_session_token is False


def test_staff_make_no_code(taros_app, sakura, entrance):
    SiteKey.objects.for_facility(sakura).revoke()

    for place in ({}, {"location": "room", "custom_location_name": "201"}):
        refused = taros_app.post(**place)
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "FORBIDDEN"
    assert list(SiteKey.objects.all()) == [entrance]


def test_a_code_that_is_made_or_changed_is_on_record(desk, sakura):
    for wanted in (False, False, True):
        desk.post(include_session_token=wanted)

    events = AuditEvent.objects.filter(target_model="facilities.sitekey").order_by("pk")
    assert [(event.action, event.fields) for event in events] == [
        ("added", []),
        ("changed", ["include_session_token"]),
    ]
    assert SiteKey.objects.get().include_session_token is True


def test_nobody_is_let_in(entrance):
    nobody = Desk()

    for response in (nobody.list(), nobody.post(), nobody.delete(entrance.pk)):
        assert response.status_code == 401


# Renewal ----------------------------------------------------------------------------------------


def is_on_site(facility, key):
    guest = Guest(facility)
    response = guest.post(f"/facility/{facility.slug}/wifi", site_key=key)
    return response.status_code == 200


def test_a_new_key_takes_the_place_of_the_old_one(sakura, hanako):
    old = SiteKey.objects.create(
        facility=sakura, location=Place.ROOM, name="201", include_session_token=True
    )
    guest = Guest(sakura)
    guest.ask("hello", site_key=old.key)

    new = renew(old, actor=hanako)

    assert (new.place, new.include_session_token, new.scan_count) == ("room-201", True, 0)
    assert not is_on_site(sakura, old.key)
    assert is_on_site(sakura, new.key)
    assert "hanami" not in guest.ask("what is the wifi password")["message"]["content"]
    assert (
        "hanami" in guest.ask("what is the wifi password", site_key=new.key)["message"]["content"]
    )


def test_renewing_twice_makes_one_new_key(sakura, hanako, entrance):
    assert renew(entrance, actor=hanako) is not None
    assert renew(entrance, actor=hanako) is None
    assert SiteKey.objects.for_facility(sakura).valid().count() == 1


# Scans ------------------------------------------------------------------------------------------


def scans(site_key):
    site_key.refresh_from_db()
    return site_key.scan_count


def test_a_scan_is_counted_with_one_update(client, entrance):
    path = entrance.address.removeprefix("http://localhost:8000")

    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    assert sum("UPDATE" in query["sql"] for query in queries) == 1
    client.get(path)

    assert scans(entrance) == 2
    assert entrance.last_scan_at is not None


def test_what_is_no_scan_is_not_counted(client, sakura, maple, entrance):
    page = f"/f/{sakura.slug}"
    key = {"k": entrance.key}

    client.head(page, key)
    for header in ("sec-purpose", "purpose", "x-moz"):
        client.get(page, key, headers={header: "prefetch"})
    client.get(page, key, headers={"sec-purpose": "prefetch;prerender"})
    client.get(page, key | {"language": "fr"})
    client.get(page)
    client.get(page, {"k": ""})
    client.get(f"/f/{maple.slug}", key)
    client.post(page, key)

    assert scans(entrance) == 0


@pytest.mark.parametrize("key", ["x", "x" * 5000, "'--", "鍵"])
def test_a_made_up_key_changes_nothing(client, sakura, entrance, key):
    assert client.get(f"/f/{sakura.slug}", {"k": key}).status_code == 200
    assert scans(entrance) == 0


def test_a_revoked_code_opens_the_page_and_is_not_counted(client, sakura, entrance):
    SiteKey.objects.for_facility(sakura).revoke()

    assert client.get(f"/f/{sakura.slug}", {"k": entrance.key}).status_code == 200
    assert scans(entrance) == 0


def test_the_page_is_shown_when_counting_fails(client, sakura, entrance, monkeypatch):
    def fail(*_arguments, **_fields):
        raise OperationalError("the disk is full")

    monkeypatch.setattr(SiteKeyQuerySet, "update", fail)

    assert client.get(f"/f/{sakura.slug}", {"k": entrance.key}).status_code == 200


# The admin --------------------------------------------------------------------------------------

KINDS = ["png", "svg", "a4", "a6", "card"]


def download(site_key, kind):
    return reverse("admin:facilities_sitekey_download", args=[site_key.pk, kind])


@pytest.mark.parametrize("kind", KINDS)
def test_staff_fetch_what_they_print(client, hanako, entrance, kind):
    client.force_login(hanako)
    response = client.get(download(entrance, kind))
    suffix = kind if kind in {"png", "svg"} else "pdf"

    assert READERS[response["Content-Type"]](response.content) == [entrance.address]
    assert response["Content-Disposition"].startswith('attachment; filename="sakura-')
    assert response["Content-Disposition"].endswith(f'-{kind}.{suffix}"')


@pytest.mark.parametrize("kind", KINDS)
def test_for_others_there_is_nothing_to_fetch(client, momiji, entrance, kind):
    assert client.get(download(entrance, kind)).url.startswith("/admin/login/")
    client.force_login(momiji)
    assert client.get(download(entrance, kind)).status_code == 404


def test_what_cannot_be_printed_is_not_found(client, hanako, sakura, entrance):
    client.force_login(hanako)

    assert client.get(download(entrance, "a3")).status_code == 404
    assert client.get(download(entrance, "cards")).status_code == 404
    assert (
        client.get(download(entrance, "a4").replace(str(entrance.pk), "9" * 30)).status_code == 404
    )
    assert client.post(download(entrance, "a4")).status_code == 405
    SiteKey.objects.for_facility(sakura).revoke()
    assert client.get(download(entrance, "a4")).status_code == 404


@pytest.fixture
def rooms(sakura):
    numbers = range(201, 213)
    return [
        SiteKey.objects.create(facility=sakura, location=Place.ROOM, name=str(number))
        for number in numbers
    ]


def act(client, action, site_keys):
    chosen = [site_key.pk for site_key in site_keys]
    body = {"action": action, "_selected_action": chosen}
    return client.post(CHANGELIST, body, follow=True)


@pytest.mark.parametrize(
    ("action", "pages"), [("print_a4", 12), ("print_a6", 12), ("print_cards", 2)]
)
def test_all_chosen_codes_come_in_one_pdf(client, hanako, rooms, action, pages):
    client.force_login(hanako)

    response = act(client, action, rooms)

    found = read_pdf(response.content)
    assert len(found) == pages
    assert sorted(chain(*found)) == sorted(room.address for room in rooms)


@pytest.mark.parametrize("action", ["print_a4", "print_cards", "renew", "revoke"])
def test_nothing_is_done_to_codes_of_another_inn(client, momiji, entrance, action):
    client.force_login(momiji)

    response = act(client, action, [entrance])

    assert response["Content-Type"].startswith("text/html")
    entrance.refresh_from_db()
    assert entrance.revoked_at is None


def test_chosen_codes_are_renewed_once(client, hanako, sakura, rooms):
    client.force_login(hanako)

    for _time in range(2):
        act(client, "renew", rooms[:2])

    assert SiteKey.objects.for_facility(sakura).count() == len(rooms) + 2
    assert SiteKey.objects.for_facility(sakura).valid().count() == len(rooms)


@pytest.mark.parametrize(("name", "pages"), [("all_posters", 13), ("all_cards", 2)])
def test_staff_print_every_code_that_counts(
    client, taro, sakura, maple, rooms, entrance, name, pages
):
    SiteKey.objects.create(facility=maple)
    SiteKey.objects.create(facility=sakura, location=Place.KITCHEN, revoked_at=timezone.now())
    client.force_login(taro)
    address = reverse(f"admin:facilities_sitekey_{name}")
    assert address in client.get(CHANGELIST).content.decode()

    found = read_pdf(client.get(address).content)

    assert len(found) == pages
    assert sorted(chain(*found)) == sorted(code.address for code in [*rooms, entrance])


def test_a_print_is_on_record_once_for_each_inn(client, django_user_model, sakura, maple):
    client.force_login(django_user_model.objects.create_superuser("op@example.com", "x"))
    codes = [
        SiteKey.objects.create(facility=facility, location=Place.ROOM, name=number)
        for number in ("1", "2")
        for facility in (sakura, maple)
    ]
    chosen = {"action": "print_cards", "_selected_action": [code.pk for code in codes]}

    client.post(f"{CHANGELIST}?o=1", chosen)

    printed = AuditEvent.objects.filter(action="printed")
    assert sorted(event.facility.slug for event in printed) == ["maple", "sakura"]
    assert all("1" in event.target_text and "2" in event.target_text for event in printed)


def test_without_a_code_nothing_is_printed(client, hanako):
    client.force_login(hanako)

    page = client.get(reverse("admin:facilities_sitekey_all_cards"), follow=True)

    assert [message.level_tag for message in page.context["messages"]] == ["error"]


def test_revoked_codes_are_not_printed(client, hanako, entrance):
    client.force_login(hanako)
    act(client, "revoke", [entrance])

    response = act(client, "print_a4", [entrance])

    assert response["Content-Type"].startswith("text/html")
    assert [message.level_tag for message in response.context["messages"]] == ["error"]


def test_staff_see_which_characters_are_missing_from_print(client, hanako, sakura):
    client.force_login(hanako)
    bar = SiteKey.objects.create(facility=sakura, location=Place.CUSTOM, name="バー🍺")
    page = client.get(reverse("admin:facilities_sitekey_change", args=[bar.pk]))
    act(client, "print_a4", [bar])
    after = client.get(CHANGELIST)

    assert "〓" in page.content.decode()
    (message,) = after.context["messages"]
    assert "🍺" in message.message


def add(client, **fields):
    return client.post(reverse("admin:facilities_sitekey_add"), fields)


def test_a_code_is_made_in_the_admin(client, hanako, sakura):
    client.force_login(hanako)

    response = add(client, facility=sakura.pk, location="room", name=" 201 ")

    assert response.status_code == 302, response.context["errors"]
    assert SiteKey.objects.get().place == "room-201"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"location": "custom"}, "name"),
        ({"location": "custom", "name": " "}, "name"),
        ({"location": "garden"}, "location"),
        ({"location": "entrance", "name": "is dropped"}, "__all__"),
    ],
)
def test_the_admin_says_what_is_wrong_with_a_place(client, hanako, sakura, entrance, fields, wrong):
    client.force_login(hanako)

    response = add(client, facility=sakura.pk, **fields)

    assert wrong in response.context["adminform"].form.errors
    assert SiteKey.objects.count() == 1


def test_a_place_whose_code_is_revoked_gets_another(client, hanako, sakura, entrance):
    client.force_login(hanako)
    SiteKey.objects.for_facility(sakura).revoke()

    assert add(client, facility=sakura.pk, location="entrance").status_code == 302


# Codes from before ------------------------------------------------------------------------------


def test_codes_made_before_places_had_kinds_go_on_working(sakura):
    before = [
        ("entrance", None),
        ("entrance", None),
        ("entrance", timezone.now()),
        ("room-201", None),
        ("露天風呂", None),
        ("", None),
        ("", None),
        ("x" * 50, None),
        ("x" * 50, None),
    ]
    executor = MigrationExecutor(connection)
    executor.migrate([("facilities", "0004_guest_page")])
    old_apps = executor.loader.project_state([("facilities", "0004_guest_page")]).apps
    old_keys = old_apps.get_model("facilities", "SiteKey").objects
    for number, (place, revoked_at) in enumerate(before):
        old_keys.create(
            facility_id=sakura.pk, key=f"key-{number}", location=place, revoked_at=revoked_at
        )
    with connection.cursor() as cursor:
        # PostgreSQL alters no table on which checks of this transaction wait.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    keys = SiteKey.objects.order_by("key")
    assert [(key.location, key.name) for key in keys] == [
        ("entrance", ""),
        ("custom", "entrance 2"),
        ("custom", "entrance 3"),
        ("room", "201"),
        ("custom", "露天風呂"),
        ("custom", "QR"),
        ("custom", "QR 2"),
        ("custom", "x" * 50),
        ("custom", "x" * 45 + " 2"),
    ]
    assert is_on_site(sakura, "key-0")
    assert not is_on_site(sakura, "key-2")
