"""What the staff's sign-in accepts and returns."""

from typing import Annotated, Literal

from ninja import Schema
from pydantic import AfterValidator, StringConstraints


def without_nul(text: str) -> str:
    """PostgreSQL stores every character but NUL."""
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    return text


#: A text that the database can hold.
Text = Annotated[str, AfterValidator(without_nul)]


class LoginIn(Schema):
    email: Annotated[Text, StringConstraints(max_length=254)]
    password: Annotated[Text, StringConstraints(max_length=200)]


class UserOut(Schema):
    id: int
    email: str
    full_name: str
    role: Literal["owner", "staff", "admin"]
    facility_id: int | None
    is_active: bool
    email_verified: bool
    show_onboarding_modal: bool


class LoginOut(Schema):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    user: UserOut
