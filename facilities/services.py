"""Things that happen to facilities, the people who work there, and their QR codes."""

import logging

from django.contrib.auth.password_validation import validate_password
from django.db import Error, transaction
from django.db.models import F
from django.utils import timezone

from facilities.models import AccessToken, Facility, Membership, SiteKey, User

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


def provide_code(
    facility: Facility, *, location: SiteKey.Place, name: str, include_session_token: bool
) -> SiteKey:
    """The code of a place, made when it has none; asked for twice, it is the same one."""
    site_key, _created = SiteKey.objects.valid().update_or_create(
        facility=facility,
        location=location,
        name=name if location in SiteKey.NAMED else "",
        defaults={"include_session_token": include_session_token},
    )
    return site_key


@transaction.atomic
def renew(site_key: SiteKey) -> SiteKey | None:
    """A new key for the place; who knows only the old one is no longer at the inn. None for a key
    that is revoked already, as by somebody who pressed at the same time."""
    if not SiteKey.objects.filter(pk=site_key.pk).revoke():
        return None
    return SiteKey.objects.create(
        facility=site_key.facility,
        location=site_key.location,
        name=site_key.name,
        include_session_token=site_key.include_session_token,
    )
