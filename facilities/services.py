"""Things that happen to facilities, the people who work there, and their QR codes."""

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import Error, transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext

from facilities import audit
from facilities.models import (
    AccessToken,
    Facility,
    Membership,
    SiteKey,
    StaffAbsence,
    User,
)
from yadopera.errors import InvalidRequest

logger = logging.getLogger(__name__)


@transaction.atomic
def add_owner(facility: Facility, *, email: str, password: str | None) -> User:
    """Make the person with this address an owner of `facility`.

    A person new to Yadopera gets `password`; one who is not keeps his own. Raises
    ValidationError for a bad address or a weak password.
    """
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        if password is not None:
            validate_password(password, User(email=email))
        user = User.objects.create_user(email, password)
    Membership.objects.update_or_create(
        facility=facility, user=user, defaults={"role": Membership.Role.OWNER}
    )
    return user


@transaction.atomic
def change_settings(
    *,
    facility: Facility,
    facts: dict[str, Any],
    actor: User,
    absences: list[dict[str, Any]] | None = None,
) -> Facility:
    """Change the `facts` given, by their names in the model; `absences` replace all that there are.
    Two who change different facts at the same moment both succeed."""
    held = Facility.objects.select_for_update(no_key=True).get(pk=facility.pk)
    for name, value in facts.items():
        setattr(held, name, value)
    held.save(update_fields=[*facts, "updated_at"])
    if absences is not None:
        StaffAbsence.objects.for_facility(held).delete()
        StaffAbsence.objects.bulk_create(StaffAbsence(facility=held, **each) for each in absences)
    fields = [*facts, *([] if absences is None else ["staffabsence"])]
    audit.record(audit.Action.CHANGED, facility=held, actor=actor, target=held, fields=fields)
    return held


def sign_out(secret: str) -> None:
    """Revoke a bearer token; whoever copied it is signed out too."""
    AccessToken.objects.matching(secret).delete()


def count_scan(facility: Facility, *, key: str) -> None:
    """Count a scan of the code with this key, if the inn has one. Never fails: a guest's page must
    not wait for statistics."""
    found = SiteKey.objects.for_facility(facility).valid().filter(key=key)
    try:
        found.update(scan_count=F("scan_count") + 1, last_scan_at=timezone.now())
    except Error as error:
        logger.warning("A scan was not counted (%s).", type(error).__name__)


def named(location: SiteKey.Place, name: str) -> dict[str, str]:
    """A place as codes are looked up by it; only rooms and places of the inn's own have names."""
    return {"location": location, "name": name if location in SiteKey.NAMED else ""}


@transaction.atomic
def provide_code(
    facility: Facility,
    *,
    location: SiteKey.Place,
    name: str,
    include_session_token: bool,
    actor: User,
) -> SiteKey:
    """The code of a place, made when it has none; asked for twice, it is the same one."""
    site_key, is_new = SiteKey.objects.valid().get_or_create(
        facility=facility,
        **named(location, name),
        defaults={"include_session_token": include_session_token},
    )
    if is_new:
        audit.record(audit.Action.ADDED, facility=facility, actor=actor, target=site_key)
    elif site_key.include_session_token != include_session_token:
        site_key.include_session_token = include_session_token
        site_key.save(update_fields=["include_session_token"])
        audit.record(
            audit.Action.CHANGED,
            facility=facility,
            actor=actor,
            target=site_key,
            fields=["include_session_token"],
        )
    return site_key


@transaction.atomic
def renew(site_key: SiteKey, *, actor: User) -> SiteKey | None:
    """A new key for the place; who knows only the old one is no longer at the inn. None for a key
    that is revoked already, as by somebody who pressed at the same time."""
    if not SiteKey.objects.filter(pk=site_key.pk).revoke():
        return None
    audit.record(audit.Action.RENEWED, facility=site_key.facility, actor=actor, target=site_key)
    return SiteKey.objects.create(
        facility=site_key.facility,
        location=site_key.location,
        name=site_key.name,
        include_session_token=site_key.include_session_token,
    )


@transaction.atomic
def revoke(site_key: SiteKey, *, actor: User) -> bool:
    """Whoever scans the code is no longer at the inn. False for one that was revoked already."""
    if not SiteKey.objects.filter(pk=site_key.pk).revoke():
        return False
    audit.record(audit.Action.REVOKED, facility=site_key.facility, actor=actor, target=site_key)
    return True


@transaction.atomic
def change_password(*, user: User, current: str, new: str, keep: str = "") -> None:
    """End every other session and token; `keep` is the secret of the caller's own. Raises
    InvalidRequest for a wrong current password, ValidationError for a weak new one."""
    # The user's own method would store an outdated hash anew, which ends every token.
    if not check_password(current, user.password):
        raise InvalidRequest(text=gettext("The password was not changed: check the present one."))
    set_password(user, new, keep=keep)


def mail_reset_link(email: str) -> None:
    """Mail a link with which the person at this address chooses a new password. Nobody's address,
    or that of an account without a password, gets nothing. Raises OSError."""
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None or not user.has_usable_password():
        return
    parts = [urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)]
    # Never the host that the request names: whoever makes one up would be sent the link.
    link = settings.PUBLIC_BASE_URL + reverse("password_reset_confirm", args=parts)
    subject, _, text = render_to_string("facilities/password_reset.txt", {"link": link}).partition(
        "\n"
    )
    send_mail(subject, text.lstrip(), None, [user.email])


@transaction.atomic
def reset_password(*, link: str, new: str) -> None:
    """Set the password of whom `link` was mailed to; it works once, for a day. Raises
    InvalidRequest for any other link, ValidationError for a weak password."""
    *_, number, token = ["", *link.strip("/").split("/")]
    user = None
    try:
        pk = int(urlsafe_base64_decode(number))
        # Held, so that of two who use it at once the second finds it used.
        user = User.objects.select_for_update().filter(pk=pk, is_active=True).first()
    except ValueError:
        pass
    if user is None or not default_token_generator.check_token(user, token):
        raise InvalidRequest(
            text=gettext("This link is wrong, was used already or is too old. Ask for another.")
        )
    set_password(user, new)


def set_password(user: User, password: str, *, keep: str = "") -> None:
    """Raises ValidationError for a weak one."""
    validate_password(password, user)
    user.set_password(password, keep=keep)
    user.save(update_fields=["password"])
    audit.record_of_person(audit.Action.PASSWORD_CHANGED, person=user, request=None)
