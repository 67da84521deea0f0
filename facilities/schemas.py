"""What all of the API's schemas are made of, and those of sign-in, settings and schedules."""

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
    model_validator,
)
from pydantic.json_schema import WithJsonSchema

from facilities.models import (
    ChannelKind,
    EscalationMode,
    EscalationSchedule,
    Facility,
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
