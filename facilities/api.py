"""Staff sign in to the API."""

from typing import cast

from django.contrib import auth
from django.http import HttpRequest
from ninja import Router

from facilities.models import ACCESS_TOKEN_LIFE, AccessToken, Membership, User
from facilities.schemas import LoginIn, LoginOut, UserOut
from facilities.services import sign_out
from yadopera.errors import Unauthorized
from yadopera.rate_limit import enforce

router = Router(tags=["staff"])


@router.post("/login", response=LoginOut, auth=None)
def login(request: HttpRequest, payload: LoginIn) -> dict[str, object]:
    """A bearer token for a week."""
    enforce(request, "login", session=payload.email.lower())
    user = auth.authenticate(request, username=payload.email, password=payload.password)
    if not isinstance(user, User):
        raise Unauthorized("wrong email address or password")
    _token, secret = AccessToken.issue(user)
    return {
        "access_token": secret,
        "token_type": "bearer",
        "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
        "user": user_out(user),
    }


@router.get("/me", response=UserOut)
def me(request: HttpRequest) -> dict[str, object]:
    """Who is signed in."""
    return user_out(cast(User, request.user))


@router.post("/logout")
def logout(request: HttpRequest) -> dict[str, bool]:
    """Revoke the bearer token of this request, or end the admin's session."""
    if not request.headers.get("Authorization"):
        auth.logout(request)
    sign_out(request.headers.get("Authorization", "").partition(" ")[2])
    return {"success": True}


def user_out(user: User) -> dict[str, object]:
    membership = Membership.objects.for_user(user).filter(user=user).order_by("pk").first()
    role = "admin" if user.is_superuser else membership.role if membership else "staff"
    return {
        "id": user.pk,
        "email": user.email,
        "full_name": user.full_name,
        "role": role,
        "facility_id": membership.facility_id if membership else None,
        "is_active": user.is_active,
        # Accounts are made by an operator, who vouches for the address.
        "email_verified": True,
        "show_onboarding_modal": False,
    }
