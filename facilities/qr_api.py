"""The staff API of the codes that hang in an inn."""

from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Path, Router, Status

from facilities.models import SiteKey, User
from facilities.posters import Paper, picture_of
from facilities.qr import data_url
from facilities.schemas import PictureFormat, QrCodeIn, QrCodeOut, QrCodesOut, RowIdText
from facilities.services import named, provide_code, revoke
from facilities.staff_api import chosen_facility, owns, require_owner
from yadopera.errors import Forbidden, NotFound

router = Router(tags=["staff"])


@router.get("/qr-codes", response=QrCodesOut)
def list_codes(request: HttpRequest) -> dict[str, object]:
    """The codes that count, of the facilities at which the caller works."""
    site_keys = SiteKey.objects.for_user(request.user).valid().select_related("facility")
    codes = [qr_code_out(site_key, "png") for site_key in site_keys]
    return {"qr_codes": codes, "total": len(codes)}


@router.post("/qr-code", response=QrCodeOut)
def post_code(request: HttpRequest, payload: QrCodeIn) -> dict[str, object]:
    """The code of a place: a new one, or in another format the one that it has.

    As PDF it is a poster for A4 paper. Staff get the one that there is, as it is; owners make and
    change it.
    """
    user = cast(User, request.user)
    facility = chosen_facility(user, payload.facility_id)
    place, name = payload.location, payload.custom_location_name or ""
    if not owns(user, facility):
        codes = SiteKey.objects.for_facility(facility).valid().select_related("facility")
        site_key = codes.filter(**named(place, name)).first()
        if site_key is None:
            raise Forbidden("for owners")
        return qr_code_out(site_key, payload.format)
    site_key = provide_code(
        facility,
        location=place,
        name=name,
        include_session_token=payload.include_session_token,
        actor=user,
    )
    return qr_code_out(site_key, payload.format)


@router.delete("/qr-code/{code_id}", response={204: None})
def delete_code(request: HttpRequest, code_id: Annotated[RowIdText, Path()]) -> Status[None]:
    """The code opens the guest's page as before, but whoever scans it is no longer at the inn. For
    owners: what hangs on the walls is worthless then."""
    user = cast(User, request.user)
    site_key = SiteKey.objects.for_user(user).valid().filter(pk=code_id).first()
    if site_key is None:
        raise NotFound("no such code")
    require_owner(user, site_key.facility)
    if not revoke(site_key, actor=user):
        raise NotFound("revoked meanwhile")
    return Status(204, None)


def qr_code_out(site_key: SiteKey, picture_format: PictureFormat) -> dict[str, object]:
    kind = Paper.A4 if picture_format == "pdf" else picture_format
    return {
        "id": site_key.pk,
        "facility_id": site_key.facility_id,
        "location": site_key.location,
        "custom_location_name": site_key.name or None,
        "include_session_token": site_key.include_session_token,
        "qr_code_url": data_url(*picture_of(site_key, kind)),
        "qr_code_data": site_key.address,
        "format": picture_format,
        "created_at": site_key.created_at,
    }
