"""The staff API of an inn's own settings: its facts, who is there when, when an answer must be how
sure, and who is told."""

from typing import Annotated, cast

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Path, Query, Router, Status

from facilities import audit
from facilities.models import EscalationSchedule, Facility, Membership, StaffAbsence, User
from facilities.schemas import (
    Page,
    RowIdText,
    ScheduleChange,
    ScheduleIn,
    ScheduleOut,
    SettingsChange,
    SettingsOut,
)
from facilities.services import change_settings
from yadopera.errors import Forbidden, NotFound
from yadopera.logs import note_facility

router = Router(tags=["staff"])

ScheduleId = Annotated[RowIdText, Path()]
#: Without it, the first facility at which the caller works.
ChosenId = Annotated[RowIdText | None, Query()]


def chosen_facility(user: User, facility_id: int | None) -> Facility:
    """The facility with that id if `user` works there; without an id, the first one at which he
    does. Raises NotFound."""
    mine = Facility.objects.for_user(user)
    if facility_id is None:
        memberships = Membership.objects.for_user(user).filter(user=user)
        mine = mine.filter(pk__in=memberships.order_by("pk").values("facility")[:1])
    else:
        mine = mine.filter(pk=facility_id)
    found = mine.first()
    if found is None:
        raise NotFound("no such facility")
    note_facility(found.slug)
    return found


def owns(user: User, facility: Facility) -> bool:
    return Facility.objects.owned_by(user).filter(pk=facility.pk).exists()


def require_owner(user: User, facility: Facility) -> None:
    """Raises Forbidden for staff: they work with an inn's settings and do not change them."""
    if not owns(user, facility):
        raise Forbidden("for owners")


@router.get("/facility/settings", response=SettingsOut)
def get_settings(request: HttpRequest, facility_id: ChosenId = None) -> dict[str, object]:
    """The inn's facts, the Wi-Fi password among them, and when nobody is awake."""
    return settings_out(chosen_facility(cast(User, request.user), facility_id))


@router.put("/facility/settings", response=SettingsOut)
def put_settings(
    request: HttpRequest, payload: SettingsChange, facility_id: ChosenId = None
) -> dict[str, object]:
    """Change what is given; for owners."""
    user = cast(User, request.user)
    facility = chosen_facility(user, facility_id)
    require_owner(user, facility)
    changed = change_settings(
        facility=facility, facts=payload.facts(), absences=payload.absences(), actor=user
    )
    return settings_out(changed)


def settings_out(facility: Facility) -> dict[str, object]:
    absences = StaffAbsence.objects.for_facility(facility)
    return {"facility": facility, "staff_absence_periods": absences}


@router.get("/escalation-schedule", response=list[ScheduleOut])
def list_schedules(request: HttpRequest, page: Query[Page]) -> QuerySet[EscalationSchedule]:
    """The schedules of the facilities at which the caller works."""
    return page.of(EscalationSchedule.objects.for_user(request.user))


@router.post("/escalation-schedule", response={201: ScheduleOut})
@transaction.atomic
def add_schedule(request: HttpRequest, payload: ScheduleIn) -> Status[EscalationSchedule]:
    """How sure an answer must be in these hours and languages, and where staff are called; for
    owners.

    Hours are the inn's own and belong to the day on which they start; they may pass midnight.
    """
    user = cast(User, request.user)
    facility = chosen_facility(user, payload.facility_id)
    require_owner(user, facility)
    schedule = fill(EscalationSchedule(facility=facility), payload)
    audit.record(audit.Action.ADDED, facility=facility, actor=user, target=schedule)
    return Status(201, schedule)


@router.put("/escalation-schedule/{schedule_id}", response=ScheduleOut)
@transaction.atomic
def change_schedule(
    request: HttpRequest, schedule_id: ScheduleId, payload: ScheduleChange
) -> EscalationSchedule:
    """Change what is given; for owners. A schedule stays with its facility."""
    schedule = fill(held_schedule(request, schedule_id), payload)
    audit.record(
        audit.Action.CHANGED,
        facility=schedule.facility,
        actor=request.user,
        target=schedule,
        fields=payload.fields(),
    )
    return schedule


@router.delete("/escalation-schedule/{schedule_id}", response={204: None})
@transaction.atomic
def delete_schedule(request: HttpRequest, schedule_id: ScheduleId) -> Status[None]:
    """The hours are judged by another schedule then, or by the default; for owners."""
    schedule = held_schedule(request, schedule_id)
    audit.record(
        audit.Action.DELETED, facility=schedule.facility, actor=request.user, target=schedule
    )
    schedule.delete()
    return Status(204, None)


def held_schedule(request: HttpRequest, schedule_id: int) -> EscalationSchedule:
    """Held, so that one that is deleted meanwhile is not stored again. Raises Forbidden for
    staff."""
    rows = EscalationSchedule.objects.for_user(request.user).select_related("facility")
    schedule = get_object_or_404(rows.select_for_update(of=("self",)), pk=schedule_id)
    require_owner(cast(User, request.user), schedule.facility)
    return schedule


def fill(schedule: EscalationSchedule, change: ScheduleChange) -> EscalationSchedule:
    fields = change.fields()
    if change.mode is not None and change.mode != schedule.mode:
        fields.setdefault("threshold", change.mode.threshold)
    for name, value in fields.items():
        setattr(schedule, name, value)
    schedule.save()
    return schedule
