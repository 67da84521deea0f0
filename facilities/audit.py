"""The record of what staff did, for the owner to read.

Ours is small on purpose. django-auditlog and django-easyaudit keep the old and new value of every
field of every row, guests' words and keys among them, know of no tenant, and do not tell a reply,
an export or a print from any other change.
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

from facilities.models import AuditEvent, Facility, Membership, User
from yadopera.rate_limit import client_address

#: A year can be compared with the one before.
KEPT: Final = timedelta(days=400)

Action = AuditEvent.Action


def record(
    action: AuditEvent.Action,
    *,
    facility: Facility | None,
    actor: User | AnonymousUser,
    target: models.Model | None = None,
    text: str = "",
    fields: Iterable[str] = (),
) -> AuditEvent:
    """Keep that `actor` did this at `facility`, to `target` or to what `text` names.

    Call it within the transaction of what it records: both are stored, or neither. `text` is what
    `target` is called when left out; it must hold neither a guest's words nor a secret. `fields`
    are names of the model's fields.
    """
    user = actor if isinstance(actor, User) else None
    return AuditEvent.objects.create(
        facility=facility,
        actor=user,
        actor_name=name_of(user),
        action=action,
        target_model=target._meta.label_lower if target is not None else "",
        target_id=target.pk if target is not None else None,
        target_text=(text or (str(target) if target is not None else ""))[:200],
        fields=list(fields),
    )


@transaction.atomic
def record_of_person(
    action: AuditEvent.Action, *, person: User, by: User | None = None, request: HttpRequest | None
) -> None:
    """Keep what concerns an account, once for each inn at which `person` works now: an inn that he
    joins later has no business with what was before. `by` is who did it, if not he himself."""
    inns = Membership.objects.filter(user=person).exclude(joined_at=None)
    actor = by or person
    AuditEvent.objects.bulk_create(
        AuditEvent(
            facility_id=facility_id,
            actor=actor,
            actor_name=name_of(actor),
            action=action,
            target_text="" if by is None else str(person),
            client_address=shortened(client_address(request)) if request else "",
        )
        for facility_id in inns.values_list("facility", flat=True) or [None]
    )


def name_of(user: User | None) -> str:
    if user is None:
        return ""
    return f"{user.full_name} <{user.email}>" if user.full_name else user.email


def shortened(address: str) -> str:
    """The network of an address, such as 203.0.113.0/24; nothing for what is none."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 24 if version == 4 else 48), strict=False))


def facility_of(row: models.Model) -> Facility:
    """The inn to which a row of any tenant-owned model belongs."""
    found: Any = row
    if not isinstance(row, Facility):
        for step in row.__class__._default_manager.all().facility_path.split("__"):  # type: ignore[attr-defined]
            found = getattr(found, step)
    return found


def purge(at: datetime | None = None, *, dry_run: bool = False) -> int:
    """Delete what is older than it is kept; returns how much."""
    old = AuditEvent.objects.filter(created_at__lt=(at or timezone.now()) - KEPT)
    return old.count() if dry_run else old.delete()[0]


# Signing in and out, which Django says by signals -----------------------------------------------


def on_signed_in(sender: object, request: HttpRequest, user: User, **more: object) -> None:
    """Whoever was invited has joined with it."""
    Membership.objects.filter(user=user, joined_at=None).update(joined_at=timezone.now())
    record_of_person(Action.SIGNED_IN, person=user, request=request)


def on_signed_out(sender: object, request: HttpRequest, user: User | None, **more: object) -> None:
    if user is not None:
        record_of_person(Action.SIGNED_OUT, person=user, request=request)


def on_sign_in_failed(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **more: object
) -> None:
    """Only for an account that there is: what was typed may be a password in the wrong field."""
    email = credentials.get("username") or ""
    user = User.objects.filter(email__iexact=email).first()
    if user is not None:
        record_of_person(Action.SIGN_IN_FAILED, person=user, request=request)


def listen() -> None:
    user_logged_in.connect(on_signed_in)
    user_logged_out.connect(on_signed_out)
    user_login_failed.connect(on_sign_in_failed)
