"""What all of the API's schemas are made of, and those of sign-in, settings,
schedules and QR codes."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, time
from typing import Annotated, Any, Literal, Self, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Model, QuerySet
from ninja import Field, Schema
from pydantic import (
    AfterValidator,
    BeforeValidator,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import WithJsonSchema

from facilities.models import (
    PLACE_NAME_LENGTH,
    ChannelKind,
    EscalationMode,
    EscalationSchedule,
    Facility,
    SiteKey,
    StaffAbsence,
    Weekday,
    validate_origin,
    validate_timezone,
)


def without_nul(text: str) -> str:
    """PostgreSQL stores every character but NUL."""
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    return text


def checked_by(validator: Callable[[str], None], problem: str) -> AfterValidator:
    """A rule of Django's as one of the API's. Its own words may repeat what was sent."""

    def check(text: str) -> str:
        try:
            validator(text)
        except ValidationError:
            raise ValueError(problem) from None
        return text

    return AfterValidator(check)


NoNul = AfterValidator(without_nul)
#: A text that the database can hold.
Text = Annotated[str, NoNul]

EmailAddress = Annotated[
    Text,
    StringConstraints(max_length=254),
    checked_by(validate_email, "must be an email address"),
]

LanguageCode = Literal["ja", "en", "zh-TW", "zh-CN", "ko", "fr", "es"]

#: The largest id PostgreSQL can hold.
MAX_ID = 2**63 - 1
#: In a JSON body: a number, never "1" or true.
RowId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
#: In an address, where everything is text.
RowIdText = Annotated[int, Field(ge=1, le=MAX_ID)]

Row = TypeVar("Row", bound=Model)
#: Rows of a list in one answer; the whole of it, for nearly every inn.
MAX_ROWS = 1000


class Page(Schema):
    """Which part of a list; its total counts all of it."""

    limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] = MAX_ROWS
    offset: Annotated[int, Field(ge=0, le=MAX_ID)] = 0

    def of(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        return rows[self.offset : self.offset + self.limit]


class DoneOut(Schema):
    success: bool = True
    message: str


Password = Annotated[Text, StringConstraints(max_length=200)]


class LoginIn(Schema):
    email: Annotated[Text, StringConstraints(max_length=254)]
    password: Password
    #: The code of the app, or a backup code, of whoever has switched the second factor on.
    otp: Annotated[Text, StringConstraints(max_length=100)] | None = None


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


class NewPasswordIn(Schema):
    new_password: Password
    #: Where a form asks for it twice.
    confirm_password: Password | None = None

    @model_validator(mode="after")
    def same_twice(self) -> Self:
        if self.confirm_password not in {None, self.new_password}:
            raise ValueError("the two must be the same")
        return self


class PasswordIn(NewPasswordIn):
    current_password: Password


class ForgottenIn(Schema):
    email: EmailAddress


class ResetIn(NewPasswordIn):
    #: The link of the mail, or its last two parts (`…/reset/ONE/TWO/`).
    token: Annotated[Text, StringConstraints(min_length=1, max_length=500)]


# Escalation schedules ---------------------------------------------------------------------------

CLOCK_PATTERN = "([01][0-9]|2[0-3]):[0-5][0-9]"
#: So many names may be in a list; more can only be repetitions.
NAMES = 20


def read_clock(value: object) -> time:
    """Pydantic's own reading would let seconds, zones and numbers in."""
    if isinstance(value, str) and re.fullmatch(CLOCK_PATTERN, value):
        return time.fromisoformat(value)
    raise ValueError("must be HH:MM")


def each_day(names: list[str]) -> list[str]:
    """Each day once, in the order of the week."""
    return [day for day in Weekday.values if "all" in names or day in names]


def once(names: Iterable[str]) -> list[str]:
    """Each name once, as plain text."""
    return list(dict.fromkeys(map(str, names)))


#: On the inn's own clock.
Clock = Annotated[
    time,
    BeforeValidator(read_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{CLOCK_PATTERN}$"}),
]
#: Days on which the hours start; "all" for every one.
Days = Annotated[
    list[Weekday | Literal["all"]],
    Field(min_length=1, max_length=NAMES),
    AfterValidator(each_day),
]
#: Empty for all.
Languages = Annotated[list[LanguageCode], Field(max_length=NAMES), AfterValidator(once)]
Channels = Annotated[list[ChannelKind], Field(max_length=NAMES), AfterValidator(once)]
Threshold = Annotated[float, Field(strict=True, ge=0, le=1)]


class ScheduleChange(Schema):
    """What is left out, or null, stays as it is.

    Only the threshold follows a mode that changes, unless one is given too.
    """

    day_of_week: Days | None = None
    time_start: Clock | None = None
    time_end: Clock | None = None
    mode: EscalationMode | None = None
    threshold: Threshold | None = None
    languages: Languages | None = None
    notify_channels: Channels | None = None
    is_active: StrictBool | None = None

    def fields(self) -> dict[str, Any]:
        """What was given, by the names of the model."""
        given = {name: getattr(self, name) for name in ScheduleChange.model_fields}
        given["days"] = given.pop("day_of_week")
        return {name: value for name, value in given.items() if value is not None}


class ScheduleIn(ScheduleChange):
    """Without a mode it is normal; without a threshold, the mode's."""

    #: Without it, the first facility at which the caller works.
    facility_id: RowId | None = None
    day_of_week: Days
    time_start: Clock
    time_end: Clock


class ScheduleOut(Schema):
    id: int
    facility_id: int
    day_of_week: list[Weekday | Literal["all"]]
    #: "HH:MM", like the end.
    time_start: str
    time_end: str
    mode: EscalationMode
    threshold: float
    languages: list[LanguageCode]
    notify_channels: list[ChannelKind]
    is_active: bool
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_day_of_week(schedule: EscalationSchedule) -> list[str]:
        return ["all"] if set(schedule.days) == set(Weekday.values) else schedule.days

    @staticmethod
    def resolve_time_start(schedule: EscalationSchedule) -> str:
        return f"{schedule.time_start:%H:%M}"

    @staticmethod
    def resolve_time_end(schedule: EscalationSchedule) -> str:
        return f"{schedule.time_end:%H:%M}"


# QR codes ---------------------------------------------------------------------------------------

PlaceName = Annotated[Text, StringConstraints(strip_whitespace=True, max_length=PLACE_NAME_LENGTH)]
PictureFormat = Literal["png", "svg", "pdf"]


class QrCodeIn(Schema):
    #: Without it, the first facility at which the caller works.
    facility_id: RowId | None = None
    location: SiteKey.Place
    #: A room's number, or what the inn calls a place of its own; of no meaning for other places.
    custom_location_name: PlaceName | None = Field(None, validate_default=True)
    include_session_token: StrictBool = False
    format: PictureFormat = "png"

    @field_validator("custom_location_name")
    @classmethod
    def name_where_needed(cls, name: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("location") == SiteKey.Place.CUSTOM and not name:
            raise ValueError("must say which place")
        return name


class QrCodeOut(Schema):
    id: int
    facility_id: int
    location: SiteKey.Place
    custom_location_name: str | None
    include_session_token: bool
    #: A `data:` URL of the format.
    qr_code_url: str
    #: The address that the code holds.
    qr_code_data: str
    format: PictureFormat
    created_at: datetime


class QrCodesOut(Schema):
    qr_codes: list[QrCodeOut]
    total: int


# Settings ---------------------------------------------------------------------------------------

#: Absences of one facility, sites that may show its page: more can only be a mistake.
PERIODS = SITES = 50


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), NoNul]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), NoNul]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=50), NoNul]
Paragraphs = Annotated[Text, StringConstraints(max_length=4000)]
Origin = Annotated[Text, checked_by(validate_origin, "must be an address of a site")]


class AbsenceIn(Schema):
    start_time: Clock
    end_time: Clock
    #: On which it starts.
    days_of_week: Days


class AbsenceOut(Schema):
    start_time: str
    end_time: str
    days_of_week: list[Weekday]

    @staticmethod
    def resolve_start_time(absence: StaffAbsence) -> str:
        return f"{absence.time_start:%H:%M}"

    @staticmethod
    def resolve_end_time(absence: StaffAbsence) -> str:
        return f"{absence.time_end:%H:%M}"

    @staticmethod
    def resolve_days_of_week(absence: StaffAbsence) -> list[str]:
        return absence.days


class SettingsChange(Schema):
    """What is left out, or null, stays as it is; an empty text is one. Absences replace all that
    there are. The address of the guest page is printed on the QR codes and does not change."""

    name: Name | None = None
    name_en: Line | None = None
    email: EmailAddress | Literal[""] | None = None
    phone: Phone | None = None
    address: Annotated[Text, StringConstraints(max_length=500)] | None = None
    timezone: (
        Annotated[Text, checked_by(validate_timezone, "must be a name such as Asia/Tokyo")] | None
    ) = None
    language: LanguageCode | None = None
    languages: Annotated[Languages, Field(min_length=1)] | None = None
    check_in_time: Clock | Literal[""] | None = None
    check_out_time: Clock | Literal[""] | None = None
    wifi_ssid: Annotated[Text, StringConstraints(max_length=100)] | None = None
    wifi_password: Annotated[Text, StringConstraints(max_length=100)] | None = None
    wifi_password_visibility: Facility.Visibility | None = None
    house_rules: Paragraphs | None = None
    local_info: Paragraphs | None = None
    prohibited_items: Paragraphs | None = None
    emergency_contact: Line | None = None
    nearest_hospital: Line | None = None
    frame_origins: Annotated[list[Origin], Field(max_length=SITES)] | None = None
    retention_days: Annotated[int, Field(strict=True, ge=1, le=32767)] | None = None
    staff_absence_periods: Annotated[list[AbsenceIn], Field(max_length=PERIODS)] | None = None

    def facts(self) -> dict[str, Any]:
        """What was given of the facility itself, by the names of the model."""
        given = {name: getattr(self, name) for name in SettingsChange.model_fields}
        del given["staff_absence_periods"]
        times = {"check_in_time", "check_out_time"}
        return {
            name: None if name in times and value == "" else value
            for name, value in given.items()
            if value is not None
        }

    def absences(self) -> list[dict[str, Any]] | None:
        """The same of absences; None to leave them."""
        if self.staff_absence_periods is None:
            return None
        return [
            {"time_start": each.start_time, "time_end": each.end_time, "days": each.days_of_week}
            for each in self.staff_absence_periods
        ]


class FacilityFactsOut(Schema):
    """All that staff may know of their inn."""

    id: int
    name: str
    name_en: str
    slug: str
    email: str
    phone: str
    address: str
    timezone: str
    language: LanguageCode
    languages: list[LanguageCode]
    #: "HH:MM", like the other.
    check_in_time: str | None
    check_out_time: str | None
    wifi_ssid: str
    wifi_password: str
    wifi_password_visibility: Facility.Visibility
    house_rules: str
    local_info: str
    prohibited_items: str
    emergency_contact: str
    nearest_hospital: str
    frame_origins: list[str]
    retention_days: int
    is_active: bool
    created_at: datetime
    updated_at: datetime
    #: v0.3 had plans to pay for, and coupons.
    subscription_plan: str = "premium"
    plan_type: str = "Premium"
    monthly_question_limit: int | None = None
    coupon_enabled: bool = False

    @staticmethod
    def resolve_check_in_time(facility: Facility) -> str | None:
        return facility.facts(facility.language)["check_in_time"] or None

    @staticmethod
    def resolve_check_out_time(facility: Facility) -> str | None:
        return facility.facts(facility.language)["check_out_time"] or None


class SettingsOut(Schema):
    facility: FacilityFactsOut
    staff_absence_periods: list[AbsenceOut]
    #: Inns have no picture of their own here.
    icon_url: str | None = None
