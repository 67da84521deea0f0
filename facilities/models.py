"""The tenant: an inn, the people who work there, and the keys of its QR codes."""

import hashlib
import re
import secrets
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import urlencode
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import (
    AbstractBaseUser,
    AnonymousUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from yadopera.languages import LANGUAGE_CHOICES, LANGUAGES

#: Seven days, as the staff app of v0.3 expects.
ACCESS_TOKEN_LIFE = timedelta(seconds=604_800)
#: Of a room or of a place that is the inn's own.
PLACE_NAME_LENGTH = 50


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        """Sign-in does not tell Hanako@inn.example from hanako@inn.example."""
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in: by email address, to every inn of which they are a member."""

    email = models.EmailField(_("email address"), unique=True)
    full_name = models.CharField(_("name"), max_length=100, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("may open the admin"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.full_name or self.email

    def set_password(self, raw_password: str | None, *, keep: str = "") -> None:
        """A new password ends every bearer token but `keep`, the caller's own: whoever stole one
        is out."""
        super().set_password(raw_password)
        if self.pk:
            others = AccessToken.objects.filter(user=self)
            others.exclude(digest=AccessToken.digest_of(keep)).delete()


class FacilityQuerySet(models.QuerySet["Facility"]):
    def for_user(self, user: User | AnonymousUser) -> Self:
        """The facilities `user` works at: all for an operator, none for a stranger.

        The only place that decides membership.
        """
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.filter(members=user)

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """Those of them whose settings `user` may change."""
        mine = self.for_user(user)
        if user.is_superuser:
            return mine
        return mine.filter(membership__user=user, membership__role=Membership.Role.OWNER)

    def open(self) -> Self:
        """Those whose guests may ask."""
        return self.filter(is_active=True)


Row = TypeVar("Row", bound=models.Model, covariant=True)


class OwnedQuerySet(models.QuerySet[Row]):
    """Rows that belong to one facility. Every read about a tenant starts here."""

    facility_path = "facility"

    def for_user(self, user: User | AnonymousUser) -> Self:
        """Rows of the facilities `user` works at; none for anonymous users."""
        return self.filter(**{f"{self.facility_path}__in": Facility.objects.for_user(user)})

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """Rows of the facilities whose settings `user` may change."""
        return self.filter(**{f"{self.facility_path}__in": Facility.objects.owned_by(user)})

    def for_facility(self, facility: "Facility") -> Self:
        """Rows of `facility`, for guests, whose link names the facility."""
        return self.filter(**{self.facility_path: facility})


def validate_timezone(name: str) -> None:
    # 'localtime' is the machine's own, of which the database knows nothing.
    if name == "localtime" or name not in available_timezones():
        raise ValidationError(
            _("%(name)s is no time zone; use a name such as Asia/Tokyo."), params={"name": name}
        )


def validate_origin(origin: str) -> None:
    """An origin as browsers write it; anything else could add words to a security header."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", origin):
        raise ValidationError(
            _("%(origin)s is no address of a site; use one such as https://www.example.com."),
            params={"origin": origin},
        )


def default_languages() -> list[str]:
    return list(LANGUAGES)


class Facility(models.Model):
    """An inn. Its facts are what answers may say without a FAQ."""

    class Visibility(models.TextChoices):
        ANYONE = "anyone", _("anyone")
        ON_SITE = "on_site", _("guests who scanned a code at the inn")

    name = models.CharField(_("name"), max_length=200)
    name_en = models.CharField(_("name in Latin letters"), max_length=200, blank=True)
    slug = models.SlugField(_("address of the guest page"), max_length=100, unique=True)
    email = models.EmailField(_("email address"), blank=True)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    address = models.CharField(pgettext_lazy("of a house", "address"), max_length=500, blank=True)
    timezone = models.CharField(
        _("time zone"), max_length=64, default="Asia/Tokyo", validators=[validate_timezone]
    )
    language = models.CharField(
        _("the inn's own language"), max_length=5, choices=LANGUAGE_CHOICES, default="ja"
    )
    languages = ArrayField(
        models.CharField(max_length=5, choices=LANGUAGE_CHOICES),
        verbose_name=_("languages offered on the guest page"),
        default=default_languages,
    )
    check_in_time = models.TimeField(_("check-in from"), null=True, blank=True)
    check_out_time = models.TimeField(_("check-out until"), null=True, blank=True)
    wifi_ssid = models.CharField(_("Wi-Fi name"), max_length=100, blank=True)
    wifi_password = models.CharField(_("Wi-Fi password"), max_length=100, blank=True)
    wifi_password_visibility = models.CharField(
        _("who is told the Wi-Fi password"),
        max_length=10,
        choices=Visibility,
        default=Visibility.ON_SITE,
    )
    house_rules = models.TextField(_("house rules"), max_length=4000, blank=True)
    local_info = models.TextField(_("the neighbourhood"), max_length=4000, blank=True)
    prohibited_items = models.TextField(_("what is not allowed"), max_length=4000, blank=True)
    emergency_contact = models.CharField(
        _("emergency contact"),
        max_length=200,
        blank=True,
        help_text=_("Told to guests in an emergency; the phone number above when empty."),
    )
    nearest_hospital = models.CharField(
        _("nearest hospital"),
        max_length=200,
        blank=True,
        db_default="",
        help_text=_("Name and phone number, shown with the emergency numbers."),
    )
    frame_origins = ArrayField(
        models.CharField(max_length=200, validators=[validate_origin]),
        verbose_name=_("sites that may show the guest page in a frame"),
        default=list,
        blank=True,
        db_default=[],
        help_text=_("Addresses such as https://www.example.com, separated by commas."),
    )
    retention_days = models.PositiveSmallIntegerField(
        _("days that conversations are kept"),
        default=90,
        db_default=90,
        validators=[MinValueValidator(1)],
        help_text=_("Counted from the end of a conversation; then it is deleted."),
    )
    is_active = models.BooleanField(_("open to guests"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    members = models.ManyToManyField(User, through="Membership", related_name="facilities")

    objects = FacilityQuerySet.as_manager()

    class Meta:
        verbose_name = _("facility")
        verbose_name_plural = _("facilities")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                name="facility_languages_known",
                condition=models.Q(languages__contained_by=list(LANGUAGES))
                & models.Q(languages__len__gt=0),
            ),
            models.CheckConstraint(
                name="facility_language_known", condition=models.Q(language__in=list(LANGUAGES))
            ),
            models.CheckConstraint(
                name="facility_wifi_visibility_known",
                condition=models.Q(wifi_password_visibility__in=["anyone", "on_site"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new facility sleeps at night until it says otherwise."""
        is_new = self._state.adding
        super().save(*args, **kwargs)
        if is_new:
            StaffAbsence.objects.create(facility=self)

    @property
    def emergency_line(self) -> str:
        """What a guest in danger is given beside 119 and 110; may be empty."""
        return self.emergency_contact or self.phone

    def name_for(self, language: str) -> str:
        return self.name if language == self.language else self.name_en or self.name

    def facts(self, language: str) -> dict[str, str]:
        """Placeholder -> text, for readers of `language`; a fact not filled in is ''."""
        return {
            "facility_name": self.name_for(language),
            "check_in_time": f"{self.check_in_time:%H:%M}" if self.check_in_time else "",
            "check_out_time": f"{self.check_out_time:%H:%M}" if self.check_out_time else "",
            "wifi_ssid": self.wifi_ssid,
            "wifi_password": self.wifi_password,
            "address": self.address,
            "phone": self.phone,
            "email": self.email,
            "house_rules": self.house_rules,
            "local_info": self.local_info,
            "prohibited_items": self.prohibited_items,
        }

    #: Stands for the password wherever the password itself must not be.
    WIFI_PASSWORD = "{wifi_password}"  # noqa: S105

    def without_secrets(self, text: str) -> str:
        """`text` with the placeholder in place of the Wi-Fi password."""
        if not self.wifi_password:
            return text
        return text.replace(self.wifi_password, self.WIFI_PASSWORD)

    def keeps_secret(self, text: str) -> bool:
        """Whether `text` tells the Wi-Fi password, which only guests at the inn may read."""
        return (
            self.wifi_password_visibility == self.Visibility.ON_SITE
            and bool(self.wifi_password)
            and self.wifi_password in text
        )


class Weekday(models.TextChoices):
    MONDAY = "mon", _("Monday")
    TUESDAY = "tue", _("Tuesday")
    WEDNESDAY = "wed", _("Wednesday")
    THURSDAY = "thu", _("Thursday")
    FRIDAY = "fri", _("Friday")
    SATURDAY = "sat", _("Saturday")
    SUNDAY = "sun", _("Sunday")

    @classmethod
    def of(cls, day: date) -> "Weekday":
        return list(cls)[day.weekday()]


def every_day() -> list[str]:
    return list(Weekday.values)


class Weekly(models.Model):
    """Hours that come back every week, in the facility's own time; see `facilities.hours`."""

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    days = ArrayField(
        models.CharField(max_length=3, choices=Weekday),
        verbose_name=_("days on which it starts"),
        default=every_day,
    )
    time_start = models.TimeField(_("from"))
    time_end = models.TimeField(_("until"))

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        named = " ".join(str(Weekday(day).label) for day in self.days)
        days = gettext("every day") if set(self.days) == set(Weekday.values) else named
        return f"{days} {self.time_start:%H:%M}-{self.time_end:%H:%M}"


class StaffAbsence(Weekly):
    """Hours in which nobody at the inn is awake."""

    time_start = models.TimeField(_("from"), default=time(22))
    time_end = models.TimeField(_("until"), default=time(8))

    class Meta:
        verbose_name = _("absence of staff")
        verbose_name_plural = _("absences of staff")
        ordering = ["time_start", "pk"]


class EscalationMode(models.TextChoices):
    NORMAL = "normal", _("normal")
    EARLY = "early", _("early")

    @property
    def threshold(self) -> float:
        """Below this chance of being right an answer goes to staff, unless a schedule says else."""
        return 0.85 if self == EscalationMode.EARLY else 0.70


class ChannelKind(models.TextChoices):
    EMAIL = "email", _("email")
    SLACK = "slack", "Slack"
    LINE = "line", "LINE"
    WEBHOOK = "webhook", _("webhook")


class EscalationSchedule(Weekly):
    """How sure an answer must be in these hours and languages, and where staff are called."""

    languages = ArrayField(
        models.CharField(max_length=5, choices=LANGUAGE_CHOICES),
        verbose_name=_("languages"),
        default=list,
        blank=True,
        help_text=_("None for all."),
    )
    mode = models.CharField(
        _("mode"), max_length=10, choices=EscalationMode, default=EscalationMode.NORMAL
    )
    threshold = models.FloatField(
        _("how sure an answer must be"),
        default=EscalationMode.NORMAL.threshold,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    notify_channels = ArrayField(
        models.CharField(max_length=10, choices=ChannelKind),
        verbose_name=_("channels"),
        default=list,
        blank=True,
        help_text=_("None for all that are set up."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("escalation schedule")
        verbose_name_plural = _("escalation schedules")
        ordering = ["time_start", "pk"]
        constraints = [
            models.CheckConstraint(
                name="schedule_threshold_0_to_1", condition=models.Q(threshold__range=(0, 1))
            ),
            models.CheckConstraint(
                name="schedule_mode_known", condition=models.Q(mode__in=["normal", "early"])
            ),
        ]


class MembershipQuerySet(OwnedQuerySet["Membership"]):
    def letter_readers(self) -> Self:
        """The owners who get the weekly letter; not somebody who has only been invited."""
        return self.filter(
            role=Membership.Role.OWNER,
            weekly_letter=True,
            user__is_active=True,
            joined_at__isnull=False,
        )

    def owners_who_can_sign_in(self) -> Self:
        """An inn needs one of these: who else could let anybody in?"""
        return self.filter(role=Membership.Role.OWNER, user__is_active=True).exclude(
            user__password__startswith=UNUSABLE_PASSWORD_PREFIX
        )


class Membership(models.Model):
    """That a user works at a facility, and as what."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        STAFF = "staff", _("staff")

    facility = models.ForeignKey(Facility, models.CASCADE, verbose_name=_("facility"))
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.STAFF)
    weekly_letter = models.BooleanField(
        _("gets the weekly letter"),
        default=True,
        db_default=True,
        help_text=_("By email on Monday mornings, to owners: what guests asked, and what to add."),
    )
    #: None for somebody invited who has not signed in since. What is known of him from elsewhere is
    #: not shown until then: an invitation must not tell whether the address has an account.
    joined_at = models.DateTimeField(_("joined"), null=True, blank=True, db_default=Now())

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["facility", "user"], name="member_once_per_facility"),
            models.CheckConstraint(
                name="member_role_known", condition=models.Q(role__in=["owner", "staff"])
            ),
        ]

    def __str__(self) -> str:
        # Not his name: who was only invited must not be told from somebody without an account.
        return f"{self.user.email} ({self.get_role_display()})"


def new_site_key() -> str:
    """96 random bits in 16 characters that fit a small QR code."""
    return secrets.token_urlsafe(12)


class SiteKeyQuerySet(OwnedQuerySet["SiteKey"]):
    def valid(self) -> Self:
        return self.filter(revoked_at=None)

    def revoke(self) -> int:
        """Let these keys open nothing any more. How many did until now."""
        return self.valid().update(revoked_at=timezone.now())


class SiteKey(models.Model):
    """The secret of a QR code that hangs in the inn: who knows it has stood in front of it.

    A place has one code, printed as often as one likes; a renewed one leaves the old key behind,
    revoked, so that conversations still tell where they began.
    """

    class Place(models.TextChoices):
        ENTRANCE = "entrance", _("entrance")
        ROOM = "room", _("room")
        KITCHEN = "kitchen", _("kitchen")
        LOUNGE = "lounge", _("lounge")
        CUSTOM = "custom", _("another place")

    #: An inn has several of these, told apart by a name; one code may serve all rooms.
    NAMED: ClassVar = {Place.ROOM, Place.CUSTOM}

    facility = models.ForeignKey(
        Facility, models.CASCADE, verbose_name=_("facility"), related_name="site_keys"
    )
    key = models.CharField(_("key"), max_length=32, unique=True, default=new_site_key)
    location = models.CharField(_("place"), max_length=10, choices=Place, default=Place.ENTRANCE)
    name = models.CharField(
        _("room number or name"),
        max_length=PLACE_NAME_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text=_("Of a room or of another place; a room's number is enough."),
    )
    #: As v0.3 has it, a wish: the page offers that to everybody, and no code holds a guest's token.
    include_session_token = models.BooleanField(
        _("offer to continue on another device"), default=False, db_default=False
    )
    scan_count = models.PositiveIntegerField(_("scans"), default=0, db_default=0, editable=False)
    last_scan_at = models.DateTimeField(_("last scan"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = SiteKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("QR code")
        verbose_name_plural = _("QR codes")
        ordering = ["facility", "location", "name", "pk"]
        constraints = [
            models.CheckConstraint(
                name="site_key_place_named",
                condition=models.Q(location__in=["entrance", "kitchen", "lounge"], name="")
                | models.Q(location="room")
                | models.Q(location="custom") & ~models.Q(name=""),
            ),
            models.UniqueConstraint(
                name="site_key_once_a_place",
                fields=["facility", "location", "name"],
                condition=models.Q(revoked_at=None),
                violation_error_message=_("This place has a code already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facility}: {self.place_label}"

    def clean(self) -> None:
        if self.location not in self.NAMED:
            self.name = ""
        elif self.location == self.Place.CUSTOM and not self.name:
            raise ValidationError({"name": _("Which one? Give its name.")})
        # A form checks no rule that speaks of a field which it does not have, as `revoked_at`.
        self.validate_constraints()

    @property
    def place_label(self) -> str:
        """The place in the reader's language."""
        if self.location == self.Place.CUSTOM:
            return self.name
        return f"{self.get_location_display()} {self.name}".strip()

    @property
    def place(self) -> str:
        """The place as conversations name it: entrance, room-201, or the inn's own word."""
        if self.location == self.Place.CUSTOM:
            return self.name
        return f"{self.location}-{self.name}" if self.name else self.location

    @property
    def address(self) -> str:
        """What the code holds: the guest's page, opened at the inn."""
        # In an address a kanji takes nine characters, and a code that holds more has finer dots.
        # The key tells the place anyway.
        location = self.place if self.place.isascii() else self.location
        path = reverse("chat:guest_page", args=[self.facility.slug])
        query = urlencode({"location": location, "k": self.key})
        return f"{settings.PUBLIC_BASE_URL}{path}?{query}"


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    def alive(self, now: datetime | None = None) -> Self:
        return self.filter(expires_at__gt=now or timezone.now(), user__is_active=True)

    def matching(self, secret: str) -> Self:
        return self.filter(digest=AccessToken.digest_of(secret))


class AccessToken(models.Model):
    """A bearer token of the staff API. Only its digest is kept: the database cannot sign in."""

    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("user"))
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")

    def __str__(self) -> str:
        return f"{self.user} ({self.expires_at:%Y-%m-%d})"

    @staticmethod
    def digest_of(secret: str) -> str:
        """A plain hash suffices for 256 random bits: there is no dictionary to try."""
        return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()

    @classmethod
    def issue(cls, user: User) -> "tuple[AccessToken, str]":
        """A new token and its secret, which exists nowhere else from here on."""
        secret = secrets.token_urlsafe(32)
        token = cls.objects.create(
            user=user,
            digest=cls.digest_of(secret),
            expires_at=timezone.now() + ACCESS_TOKEN_LIFE,
        )
        return token, secret


class AuditEventQuerySet(OwnedQuerySet["AuditEvent"]):
    def owned_by(self, user: User | AnonymousUser) -> Self:
        """An operator's are also those of no inn."""
        return self.all() if user.is_superuser and user.is_active else super().owned_by(user)


class AuditEvent(models.Model):
    """What somebody of the staff did: who, what and when, never a guest's words or a value.

    Written by `facilities.audit` alone, and changed by nobody.
    """

    class Action(models.TextChoices):
        SIGNED_IN = "signed_in", _("signed in")
        SIGN_IN_FAILED = "sign_in_failed", _("failed to sign in")
        SIGNED_OUT = "signed_out", _("signed out")
        PASSWORD_CHANGED = "password_changed", _("changed the password")
        SECOND_FACTOR_ON = "second_factor_on", _("switched the second factor on")
        SECOND_FACTOR_OFF = "second_factor_off", _("switched the second factor off")
        CODES_RENEWED = "codes_renewed", _("made new backup codes")
        DEVICE_SIGNED_OUT = "device_signed_out", _("signed a device out")
        INVITED = "invited", _("has invited")
        ROLE_CHANGED = "role_changed", _("changed the role")
        REMOVED = "removed", _("removed from the staff")
        ADDED = "added", _("added it")
        CHANGED = "changed", _("changed it")
        DELETED = "deleted", _("deleted it")
        RESTORED = "restored", _("restored it")
        REPLIED = "replied", _("replied to a guest")
        IMPORTED = "imported", _("imported")
        EXPORTED = "exported", _("exported")
        PRINTED = "printed", _("printed")
        RENEWED = "renewed", _("renewed it")
        REVOKED = "revoked", _("revoked it")

    #: None for what concerns no inn: an operator signs in, an inn is deleted.
    facility = models.ForeignKey(
        Facility, models.CASCADE, null=True, blank=True, verbose_name=_("facility")
    )
    actor = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, verbose_name=_("person"), related_name="+"
    )
    #: As he was called then; it stays when the account is deleted.
    actor_name = models.CharField(_("person"), max_length=400)
    action = models.CharField(_("action"), max_length=20, choices=Action)
    #: `app.model` and id of what it was done to, where that is a row; the text is as it was then.
    target_model = models.CharField(max_length=100, blank=True)
    target_id = models.BigIntegerField(null=True, blank=True)
    target_text = models.CharField(_("what"), max_length=200, blank=True)
    #: Names of the model's fields that changed.
    fields = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    #: Of sign-ins only, and shortened: enough to see that one came from abroad, too little to find
    #: a home by.
    client_address = models.CharField(_("network"), max_length=50, blank=True)
    created_at = models.DateTimeField(_("time"), default=timezone.now)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry of the record")
        verbose_name_plural = _("record of what was done")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["facility", "-created_at", "-id"], name="audit_of_facility"),
            models.Index(fields=["created_at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.get_action_display()} {self.target_text}".strip()
