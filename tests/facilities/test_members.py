"""Owners invite people, give them roles and let them go."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from facilities import members, tasks
from facilities.models import AccessToken, Membership, User
from facilities.services import add_owner
from tests.facilities.test_api import PASSWORD
from yadopera.rate_limit import parse_rate

LIST = reverse("admin:facilities_membership_changelist")
ADD = reverse("admin:facilities_membership_add")
NEW = "taro@example.com"
CHOSEN = {
    "full_name": "太郎",
    "new_password1": "kawa-no-nagare-77",
    "new_password2": "kawa-no-nagare-77",
}


@pytest.fixture(autouse=True)
def worker(monkeypatch):
    """Does at once what it is given."""
    monkeypatch.setattr(
        tasks.mail_invitation, "apply_async", lambda args, **options: tasks.mail_invitation(*args)
    )


@pytest.fixture
def invite(at_the_desk, sakura, django_capture_on_commit_callbacks):
    def send(email=NEW, role="staff", facility=sakura):
        with django_capture_on_commit_callbacks(execute=True):
            return at_the_desk.post(ADD, {"facility": facility.pk, "email": email, "role": role})

    return send


def member(email=NEW):
    return Membership.objects.get(user__email=email)


def link_in(mail):
    return "/" + re.search(r"http\S+", mail.body)[0].split("/", 3)[3]


def change(client, row, role):
    return client.post(reverse("admin:facilities_membership_change", args=[row.pk]), {"role": role})


def remove(client, row):
    return client.post(
        reverse("admin:facilities_membership_delete", args=[row.pk]), {"post": "yes"}
    )


def test_an_invited_person_chooses_a_password_and_works_there(invite, mailoutbox, sakura):
    invite()
    assert mailoutbox[0].to == [NEW]
    assert "さくら屋" in mailoutbox[0].subject
    client = Client(headers={"accept-language": "en"})
    page = client.get(link_in(mailoutbox[0]))
    assert NEW in page.content.decode()

    assert client.post(link_in(mailoutbox[0]), CHOSEN).url == "/admin/login/"

    client.post("/admin/login/", {"username": NEW, "password": CHOSEN["new_password1"]})
    assert client.get("/admin/faq/faq/").status_code == 200
    assert (member().user.full_name, member().role) == ("太郎", "staff")


def test_a_link_works_once(invite, mailoutbox):
    invite()
    link = link_in(mailoutbox[0])
    Client().post(link, CHOSEN)
    again = CHOSEN | {"new_password1": "umi-no-nami-88", "new_password2": "umi-no-nami-88"}

    page = Client(headers={"accept-language": "en"}).post(link, again, follow=True)

    assert "used already" in page.content.decode()
    assert member().user.check_password(CHOSEN["new_password1"])


def test_a_link_is_too_old_after_a_week(invite, mailoutbox, at):
    invite()
    at(timezone.now() + members.INVITATION_LIFE + timedelta(minutes=1))

    Client().post(link_in(mailoutbox[0]), CHOSEN)

    assert not member().user.has_usable_password()


def test_a_link_ends_with_the_membership(invite, at_the_desk, mailoutbox):
    invite()
    remove(at_the_desk, member())

    Client().post(link_in(mailoutbox[0]), CHOSEN)

    assert not User.objects.get(email=NEW).has_usable_password()


@pytest.mark.parametrize("token", ["x", "a:b:c", "%E3%81%82", "x" * 3000])
def test_a_made_up_link_opens_nothing(db, token):
    page = Client().get(f"/admin/invitation/{token}/")

    assert page.status_code == 200
    assert "password" not in page.content.decode()


def test_a_weak_password_is_refused(invite, mailoutbox):
    invite()
    weak = CHOSEN | {"new_password1": "12345678", "new_password2": "12345678"}

    assert Client().post(link_in(mailoutbox[0]), weak).status_code == 200
    assert not member().user.has_usable_password()


def test_an_invitation_is_sent_again(invite, at_the_desk, mailoutbox):
    invite()
    at_the_desk.post(LIST, {"action": "invite_again", "_selected_action": [member().pk]})

    assert len(mailoutbox) == 2
    assert Client().post(link_in(mailoutbox[1]), CHOSEN).status_code == 302
    assert member().user.has_usable_password()


def test_whoever_has_an_account_is_added_and_told(invite, mailoutbox, momiji, sakura):
    before = momiji.password
    invite(email=momiji.email.upper())

    momiji.refresh_from_db()
    assert momiji.password == before
    assert "/admin/invitation/" not in mailoutbox[0].body
    assert momiji.facilities.filter(pk=sakura.pk).exists()


def test_an_owner_does_not_learn_who_has_an_account(invite, at_the_desk, momiji):
    """Momiji has a name, has signed in and has an account; the new one has nothing of it."""
    User.objects.filter(pk=momiji.pk).update(full_name="もみじ", last_login=timezone.now())
    answers = [invite(email=email) for email in (NEW, momiji.email)]
    assert len({(answer.status_code, answer.url) for answer in answers}) == 1
    at_the_desk.get(LIST)  # where it says that they were added

    rows = {}
    for email in (NEW, momiji.email):
        row = Membership.objects.get(user__email=email, facility__slug="sakura")
        shown = at_the_desk.get(reverse("admin:facilities_membership_change", args=[row.pk]))
        text = re.sub(r"\s+", " ", re.sub(r"<script.*?</script>", "", shown.content.decode()))
        text = re.sub(r'csrfmiddlewaretoken" value="\w+"', "", text)
        rows[email] = text.lower().replace(email, "EMAIL").replace(f"/{row.pk}/", "/PK/")
    assert rows[NEW] == rows[momiji.email]
    assert "もみじ" not in at_the_desk.get(LIST).content.decode()


def test_what_is_known_of_a_person_shows_once_he_has_signed_in(invite, at_the_desk, momiji):
    User.objects.filter(pk=momiji.pk).update(full_name="もみじ")
    invite(email=momiji.email)

    Client().post("/admin/login/", {"username": momiji.email, "password": PASSWORD})

    assert "もみじ" in at_the_desk.get(LIST).content.decode()


def test_somebody_who_works_there_is_not_invited_again(invite, hanako, mailoutbox):
    invite(email=hanako.email, role="staff")

    assert not mailoutbox
    assert member(hanako.email).role == "owner"


def test_owners_invite_to_their_own_inn_only(invite, maple, mailoutbox):
    assert invite(facility=maple).status_code == 200
    assert not mailoutbox
    assert not User.objects.filter(email=NEW).exists()


def test_invitations_are_limited(invite, settings, mailoutbox):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"invitation": parse_rate("invitation", "2/h")}

    for number in range(3):
        invite(email=f"{number}@example.com")

    assert len(mailoutbox) == 2
    assert not User.objects.filter(email="2@example.com").exists()


def test_a_role_changes(invite, at_the_desk):
    invite()

    change(at_the_desk, member(), "owner")

    assert member().role == "owner"


def test_an_owner_changes_nothing_of_the_person(invite, at_the_desk):
    invite()
    before = User.objects.values().get(email=NEW)

    at_the_desk.post(
        reverse("admin:facilities_membership_change", args=[member().pk]),
        {"role": "staff", "email": "x@example.com", "user": 1, "password": "x", "is_superuser": 1},
    )

    assert User.objects.values().get(email=NEW) == before


def test_whoever_is_removed_sees_nothing_from_that_moment(invite, at_the_desk, hanako, sakura):
    other = add_owner(sakura, email="jiro@example.com", password="jiro-no-ki-2026")
    his = Client()
    his.force_login(other)
    AccessToken.issue(other)
    assert his.get("/admin/faq/faq/").status_code == 200

    assert remove(at_the_desk, member(other.email)).url == LIST

    assert his.get("/admin/faq/faq/").status_code == 403
    assert not AccessToken.objects.filter(user=other).exists()


def test_the_last_owner_stays(at_the_desk, hanako):
    row = member(hanako.email)

    for refused in (change(at_the_desk, row, "staff"), remove(at_the_desk, row)):
        assert refused.url == LIST
    assert member(hanako.email).role == "owner"
    assert "make somebody else one first" in at_the_desk.get(LIST).content.decode()


def test_an_invited_owner_is_none_yet(invite, at_the_desk, hanako):
    invite(role="owner")

    remove(at_the_desk, member(hanako.email))

    assert Membership.objects.filter(user=hanako).exists()


def test_an_operator_does_not_delete_the_last_owner(client, hanako, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("op@example.com", "x"))

    client.post(reverse("admin:facilities_user_delete", args=[hanako.pk]), {"post": "yes"})

    assert User.objects.filter(pk=hanako.pk).exists()
