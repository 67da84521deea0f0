"""The staff API of the first page."""

from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Query, Router

from facilities.models import Facility, User
from facilities.schemas import RowIdText
from facilities.staff_api import chosen_facility
from nightqueue.dashboard import Dashboard
from nightqueue.dashboard_schemas import DashboardOut

router = Router(tags=["staff"])


@router.get("/dashboard", response=DashboardOut)
def get_dashboard(
    request: HttpRequest, facility_id: Annotated[RowIdText | None, Query()] = None
) -> Dashboard:
    """What needs somebody now at an inn, and how its guests' questions were answered.

    Without a `facility_id` it is the first inn at which the caller works; an operator who works at
    none sees the oldest.
    """
    return Dashboard(shown_facility(cast(User, request.user), facility_id))


def shown_facility(user: User, facility_id: int | None) -> Facility:
    """Raises NotFound."""
    if facility_id is None and user.is_superuser and not user.facilities.exists():
        oldest = Facility.objects.for_user(user).order_by("pk")
        facility_id = oldest.values_list("pk", flat=True).first()
    return chosen_facility(user, facility_id)
