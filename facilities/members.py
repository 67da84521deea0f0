"""The people of an inn: invited, made owner or staff, and let go."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext

from facilities import audit
from facilities.models import AccessToken, Facility, Membership, User
from facilities.services import set_password
from yadopera.errors import InvalidRequest

INVITATION_LIFE: Final = timedelta(days=7)
SALT: Final = "facilities.invitation"


class LastOwner(InvalidRequest):
    """Nobody could let anybody in any more."""

    def __init__(self) -> None:
        super().__init__(
            text=gettext("An inn needs an owner who can sign in: make somebody else one first.")
        )


@transaction.atomic
def invite(*, facility: Facility, email: str, role: str, by: User) -> Membership:
    """Let the person at this address work at `facility`. Whoever invites does not learn whether
    there was an account. Raises InvalidRequest for somebody who works there already; the mail is
    for the caller to queue."""
    user, _is_new = User.objects.get_or_create(
        email__iexact=email,
        defaults={"email": email.lower(), "password": make_password(None)},
    )
    member, is_new = Membership.objects.get_or_create(
        facility=facility, user=user, defaults={"role": role, "joined_at": None}
    )
    if not is_new:
        raise InvalidRequest(text=gettext("This person is among the staff already."))
    audit.record(audit.Action.INVITED, facility=facility, actor=by, target=member, text=user.email)
    return member


@transaction.atomic
def change_role(member: Membership, role: str, *, by: User) -> None:
    """Raises LastOwner."""
    held = hold(member)
    if held.role == role:
        return
    require_another_owner(held)
    held.role = role
    held.save(update_fields=["role"])
    audit.record(
        audit.Action.ROLE_CHANGED,
        facility=held.facility,
        actor=by,
        target=held,
    )


@transaction.atomic
def choose_letter(member: Membership, wanted: bool, *, by: User) -> None:
    """Whether he gets the weekly letter."""
    held = hold(member)
    if held.weekly_letter == wanted:
        return
    held.weekly_letter = wanted
    held.save(update_fields=["weekly_letter"])
    audit.record(
        audit.Action.CHANGED,
        facility=held.facility,
        actor=by,
        target=held,
        fields=["weekly_letter"],
    )


@transaction.atomic
def remove(member: Membership, *, by: User) -> None:
    """From here on the person sees nothing of the inn. Raises LastOwner."""
    held = hold(member)
    require_another_owner(held)
    audit.record(audit.Action.REMOVED, facility=held.facility, actor=by, target=held)
    held.delete()
    if not Membership.objects.filter(user=held.user).exists():
        AccessToken.objects.filter(user=held.user).delete()


def hold(member: Membership) -> Membership:
    """`member` as it is now. Of two changes to an inn's staff the second waits for the first, or
    two owners could remove each other. Raises InvalidRequest when it is gone."""
    Facility.objects.select_for_update(no_key=True).get(pk=member.facility_id)
    held = Membership.objects.select_related("user", "facility").filter(pk=member.pk).first()
    if held is None:
        raise InvalidRequest(text=gettext("This person was removed meanwhile."))
    return held


def is_last_owner(member: Membership) -> bool:
    if member.role != Membership.Role.OWNER:
        return False
    owners = Membership.objects.for_facility(member.facility).owners_who_can_sign_in()
    return not owners.exclude(pk=member.pk).exists()


def require_another_owner(member: Membership) -> None:
    if is_last_owner(member):
        raise LastOwner


# Invitations ------------------------------------------------------------------------------------


def mail_invitation(member_id: int) -> None:
    """Tell the person of it; who has no password yet gets a link to choose one. Raises OSError."""
    member = Membership.objects.select_related("user", "facility").filter(pk=member_id).first()
    if member is None or not member.user.is_active:
        return
    address = reverse("admin:index")
    if not member.user.has_usable_password():
        address = reverse("invitation", args=[token_of(member)])
    context = {
        "link": settings.PUBLIC_BASE_URL + address,
        "facility": member.facility,
        "is_new": not member.user.has_usable_password(),
        "days": INVITATION_LIFE.days,
    }
    text = render_to_string("facilities/invitation.txt", context)
    subject, _, body = text.partition("\n")
    send_mail(subject, body.lstrip(), None, [member.user.email])


def token_of(member: Membership) -> str:
    return signing.dumps([member.pk, _state_of(member.user)], salt=SALT)


def _state_of(user: User) -> str:
    """Changes with the password: a link works once."""
    return salted_hmac(SALT, user.password, algorithm="sha256").hexdigest()[:32]


def invited_by(token: str) -> Membership | None:
    """Whom the link with this token invited, while it is good."""
    try:
        member_id, state = signing.loads(token, salt=SALT, max_age=INVITATION_LIFE)
    except signing.BadSignature:
        return None
    members = Membership.objects.select_related("user", "facility")
    member = members.filter(pk=member_id, user__is_active=True).first()
    if member is None or not constant_time_compare(state, _state_of(member.user)):
        return None
    return member


@transaction.atomic
def accept(token: str, *, full_name: str, password: str) -> Membership:
    """The invited person chooses a password. Raises InvalidRequest for a link that is not good (any
    more), ValidationError for a weak password."""
    member = invited_by(token)
    if member is not None:
        # Held, so that of two who use it at once the second finds it used.
        User.objects.select_for_update().get(pk=member.user_id)
        member = invited_by(token)
    if member is None:
        raise InvalidRequest(
            text=gettext("This link is wrong, was used already or is too old. Ask for another.")
        )
    member.user.full_name = full_name
    member.user.save(update_fields=["full_name"])
    set_password(member.user, password)
    member.joined_at = timezone.now()
    member.save(update_fields=["joined_at"])
    return member
