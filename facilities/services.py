"""Things that happen to facilities and the people who work there."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from facilities.models import AccessToken, Facility, Membership, User


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
