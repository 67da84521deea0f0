"""Staff sign in to the API."""

from typing import cast

from django.contrib import auth
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest
from django.utils.translation import gettext
from ninja import Router

from facilities import audit, second_factor, services
from facilities.models import ACCESS_TOKEN_LIFE, AccessToken, Membership, User
from facilities.schemas import (
    DoneOut,
    ForgottenIn,
    LoginIn,
    LoginOut,
    PasswordIn,
    ResetIn,
    UserOut,
)
from facilities.tasks import queue_reset_link
from yadopera.errors import Unauthorized
from yadopera.rate_limit import enforce

router = Router(tags=["staff"])


@router.post("/login", response=LoginOut, auth=None)
def login(request: HttpRequest, payload: LoginIn) -> dict[str, object]:
    """A bearer token for a week.

    Whoever has switched the second factor on gives its code as `otp`. Without it, or when it is
    wrong, the answer is 401 with `details.otp`: `required` or `wrong`.
    """
    enforce(request, "login", session=payload.email.lower())
    user = auth.authenticate(request, username=payload.email, password=payload.password)
    if not isinstance(user, User):
        raise Unauthorized("wrong email address or password")
    if second_factor.is_on(user):
        require_code(request, user, payload.otp)
    user_logged_in.send(sender=User, request=request, user=user)
    _token, secret = AccessToken.issue(user)
    return {
        "access_token": secret,
        "token_type": "bearer",
        "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
        "user": user_out(user),
    }


def require_code(request: HttpRequest, user: User, code: str | None) -> None:
    """Raises Unauthorized, which says that the password was right: only its owner gets so far."""
    if not code:
        text = gettext("Give the six digits of your app, or a backup code, too.")
        raise Unauthorized(text=text, details={"otp": "required"})
    if not second_factor.verify(user, code):
        audit.record_of_person(audit.Action.SIGN_IN_FAILED, person=user, request=request)
        text = gettext("This code is wrong or was used already. Wait for the next one.")
        raise Unauthorized(text=text, details={"otp": "wrong"})


@router.get("/me", response=UserOut)
def me(request: HttpRequest) -> dict[str, object]:
    """Who is signed in."""
    return user_out(cast(User, request.user))


@router.post("/logout")
def logout(request: HttpRequest) -> dict[str, bool]:
    """Revoke the bearer token of this request, or end the admin's session."""
    if not bearer_secret(request):
        auth.logout(request)
    else:
        user_logged_out.send(sender=User, request=request, user=request.user)
    services.sign_out(bearer_secret(request))
    return {"success": True}


@router.put("/password", response=DoneOut)
def change_password(request: HttpRequest, payload: PasswordIn) -> dict[str, str]:
    """A new password, which ends every other session and token of the caller."""
    user = cast(User, request.user)
    # Whoever found a signed-in device would otherwise try a hundred passwords a minute.
    enforce(request, "login", session=user.email)
    services.change_password(
        user=user,
        current=payload.current_password,
        new=payload.new_password,
        keep=bearer_secret(request),
    )
    if not bearer_secret(request):
        auth.update_session_auth_hash(request, user)
    return {"message": gettext("Your password was changed.")}


@router.post("/password-reset", response=DoneOut, auth=None)
def request_reset(request: HttpRequest, payload: ForgottenIn) -> dict[str, str]:
    """Mail a link for a new password, where there is such an account: the answer does not tell."""
    enforce(request, "password_reset", session=payload.email.lower())
    queue_reset_link(payload.email)
    return {
        "message": gettext("If there is an account with this address, it is sent a link by email.")
    }


@router.post("/password-reset/confirm", response=DoneOut, auth=None)
def confirm_reset(request: HttpRequest, payload: ResetIn) -> dict[str, str]:
    """A new password, by the link of the mail: once, within a day. Ends all sessions and tokens."""
    enforce(request, "login")
    services.reset_password(link=payload.token, new=payload.new_password)
    return {"message": gettext("Your password was changed. Sign in with the new one.")}


def bearer_secret(request: HttpRequest) -> str:
    """Empty for the admin's session."""
    return request.headers.get("Authorization", "").partition(" ")[2]


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
