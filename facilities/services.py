"""Things that happen to facilities and the people who work there."""

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from facilities.models import AccessToken, Facility, Membership, StaffAbsence, User
from yadopera.errors import InvalidRequest


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
    *, facility: Facility, facts: dict[str, Any], absences: list[dict[str, Any]] | None = None
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
    return held


def sign_out(secret: str) -> None:
    """Revoke a bearer token; whoever copied it is signed out too."""
    AccessToken.objects.matching(secret).delete()
