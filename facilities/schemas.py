"""What the staff's sign-in, the escalation schedules and the QR codes accept and return."""

import re
from collections.abc import Iterable
from datetime import datetime, time
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import (
    AfterValidator,
    BeforeValidator,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic.json_schema import WithJsonSchema

from facilities.models import (
    PLACE_NAME_LENGTH,
    ChannelKind,
    EscalationMode,
    EscalationSchedule,
    SiteKey,
    Weekday,
)


def without_nul(text: str) -> str:
    """PostgreSQL stores every character but NUL."""
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    return text


#: A text that the database can hold.
Text = Annotated[str, AfterValidator(without_nul)]

LanguageCode = Literal["ja", "en", "zh-TW", "zh-CN", "ko", "fr", "es"]

#: The largest id PostgreSQL can hold.
MAX_ID = 2**63 - 1
#: In a JSON body: a number, never "1" or true.
RowId = Annotated[int, Field(strict=True, ge=1, le=MAX_ID)]
#: In an address, where everything is text.
RowIdText = Annotated[int, Field(ge=1, le=MAX_ID)]


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
        if info.data.get("location") in SiteKey.NAMED and not name:
            raise ValueError("must say which room or place")
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
