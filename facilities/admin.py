"""The base of every tenant-owned admin, and the admin of an inn's facts, hours and QR codes."""

import mimetypes
from collections.abc import Iterable
from enum import Enum
from itertools import groupby
from typing import Any, ClassVar, Final, cast
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db import models, transaction
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from facilities import audit
from facilities.models import (
    AuditEvent,
    ChannelKind,
    EscalationSchedule,
    Facility,
    SiteKey,
    SiteKeyQuerySet,
    StaffAbsence,
    User,
    Weekday,
)
from facilities.posters import GETA, Paper, make_posters, missing_characters, picture_of
from facilities.qr import data_url
from facilities.schemas import MAX_ID
from facilities.services import renew, revoke
from yadopera.languages import LANGUAGE_CHOICES, LANGUAGES


class Right(Enum):
    """What somebody may do at a facility; the value is the queryset's method that says where."""

    #: Whoever works there.
    WORK = "for_user"
    #: Whoever owns it, or an operator.
    OWN = "owned_by"


def may(request: HttpRequest, right: Right, row: models.Model | None = None) -> bool:
    """Whether the user has `right` where `row` belongs; without one, anywhere."""
    user = request.user
    if not (user.is_active and user.is_staff):
        return False
    if user.is_superuser:
        return True
    where = facilities_with(request, right)
    return bool(where) if row is None else audit.facility_of(row).pk in where


def facilities_with(request: HttpRequest, right: Right) -> set[int]:
    """Looked up once a request: the sidebar alone asks a dozen times."""
    known: dict[Right, set[int]] = request.__dict__.setdefault("_facilities_with", {})
    if right not in known:
        rows = getattr(Facility.objects, right.value)(request.user)
        known[right] = set(rows.values_list("pk", flat=True))
    return known[right]


def works_somewhere(request: HttpRequest) -> bool:
    """Whether the user is staff of any facility. Which rows that opens is `for_user`'s to say."""
    return may(request, Right.WORK)


class Recorded(ModelAdmin):
    """Puts on record what Django keeps as an object's history, in the same transaction. What is not
    there is a 404."""

    def _get_obj_does_not_exist_redirect(self, *arguments: Any) -> HttpResponse:
        """Django would lead to the first page, with the number in a message."""
        raise Http404

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """With fields called as their models call them. That is translated when the history is
        read; a form's label, which begins with a capital, is not."""
        message = super().construct_change_message(request, form, formsets, add)
        of_models = (self.model, *(formset.model for formset in formsets or ()))
        with override(None):
            names = [str(field.verbose_name) for model in of_models for field in model._meta.fields]
        plain = {capfirst(name): name for name in names}
        for change in (change for part in message for change in part.values()):
            if "fields" in change:
                change["fields"] = [plain.get(label, label) for label in change["fields"]]
        return message

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        self.record(request, audit.Action.ADDED, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        if message:
            self.record(request, audit.Action.CHANGED, obj, changed_fields(obj, message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            self.record(request, audit.Action.DELETED, row)
        return super().log_deletions(request, queryset)

    def record(
        self,
        request: HttpRequest,
        action: audit.Action,
        row: models.Model,
        fields: Iterable[str] = (),
    ) -> None:
        audit.record(
            action,
            facility=self.inn_of(row, action),
            actor=signed_in(request),
            target=row,
            fields=fields,
        )

    def inn_of(self, row: models.Model, action: audit.Action) -> Facility | None:
        """With whose record it is kept; None for the operator's."""
        return audit.facility_of(row)


class StateFilter(admin.SimpleListFilter):
    """A filter that holds from the start: one of its choices is made until another is."""

    #: The value of that choice.
    usual: str

    def value(self) -> str:
        return super().value() or self.usual

    def choices(self, changelist: Any) -> Any:
        """Without the 'all' that Django would add, which is not what no choice means."""
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }


class TimeOfDay(UnfoldAdminSingleTimeWidget):
    """As the device asks for a time: nobody needs to know a format, and nobody writes seconds."""

    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%H:%M")


class OwnedAdmin(Recorded):
    """Lists, choices and addresses only of the facilities at which the user works; what belongs to
    another is a 404. Everything that is done here is put on record.

    Whoever works at a facility may see and change what belongs to it; Django's own permission
    rows are not used. A row stays with its facility.
    """

    to_see = to_change = Right.WORK
    formfield_overrides: Any = {models.TimeField: {"widget": TimeOfDay}}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = getattr(self.model._default_manager, self.to_see.value)(request.user)
        return rows.order_by(*self.get_ordering(request)) if self.ordering else rows

    def get_form(
        self,
        request: HttpRequest,
        obj: models.Model | None = None,
        change: bool = False,
        **more: Any,
    ) -> Any:
        form = super().get_form(request, obj, change, **more)
        if obj is not None and "facility" in form.base_fields:
            form.base_fields["facility"].disabled = True
        return form

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        choices = db_field.remote_field.model._default_manager
        if db_field.remote_field.model is Facility:
            kwargs["queryset"] = getattr(choices, self.to_change.value)(request.user)
            if kwargs["queryset"].count() == 1:
                kwargs |= {"initial": kwargs["queryset"].get(), "empty_label": None}
        elif hasattr(choices, "for_user"):
            kwargs["queryset"] = choices.for_user(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request, self.to_see)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, self.to_see, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, self.to_change)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, self.to_change, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return may(request, self.to_change, obj)


class SettingsAdmin(OwnedAdmin):
    """Staff work with it, owners change it."""

    to_change = Right.OWN
    #: What the codes mean of which a field is a list; its form says so, but not what staff read.
    CODES: Final[dict[str, Any]] = {
        "languages": LANGUAGE_CHOICES,
        "days": Weekday.choices,
        "notify_channels": ChannelKind.choices,
    }

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {**parts, "fields": [*map(self.in_words, parts["fields"])]})
            for title, parts in fieldsets
        ]

    def in_words(self, name: Any) -> Any:
        """The field, or what shows in words the codes that it is a list of."""
        if name not in self.CODES:
            return name
        meanings = dict(self.CODES[name])

        @admin.display(description=self.opts.get_field(name).verbose_name)
        def shown(row: models.Model) -> str:
            return ", ".join(str(meanings.get(code, code)) for code in getattr(row, name))

        return shown


class OwnersAdmin(OwnedAdmin):
    """Staff have no business with it."""

    to_see = to_change = Right.OWN


def changed_fields(row: models.Model, message: Any) -> list[str]:
    """The names of the fields that a change message of the admin speaks of, by their labels, and of
    the models that stand in its form below them."""
    if not isinstance(message, list):
        return []
    with override(None):
        fields = [*row._meta.get_fields()]
        names = {
            str(getattr(field, "verbose_name", "")).lower(): field.name
            for field in fields
            if not field.auto_created
        }
    changes = [change for part in message for change in part.values()]
    labels = [label for change in changes for label in change.get("fields", ())]
    models_below = [change["name"] for change in changes if "name" in change]
    return list(dict.fromkeys([names.get(each.lower(), each) for each in labels] + models_below))


#: Deleting several at once is one transaction, like deleting one: record and all.
admin.site.add_action(transaction.atomic(delete_selected), "delete_selected")


class ReadOnly:
    """For what only guests and the system write."""

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def as_id(text: str) -> int:
    """The number in an address; 0, which nothing has, when it is none."""
    return int(text) if text.isdecimal() and len(text) < 20 and int(text) <= MAX_ID else 0


def signed_in(request: HttpRequest) -> User:
    """The user of a request that the admin has let in."""
    return cast(User, request.user)


def label_of(name: str) -> Any:
    return Facility._meta.get_field(name).verbose_name  # type: ignore[union-attr]


class FacilityForm(forms.ModelForm):
    languages = forms.TypedMultipleChoiceField(
        label=label_of("languages"),
        choices=LANGUAGE_CHOICES,
        initial=list(LANGUAGES),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    timezone = forms.ChoiceField(
        label=label_of("timezone"),
        choices=[(name, name) for name in sorted(available_timezones() - {"localtime"})],
        initial="Asia/Tokyo",
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        widgets: ClassVar = {
            "frame_origins": UnfoldAdminTextInputWidget,
            **dict.fromkeys(
                ("house_rules", "local_info", "prohibited_items"),
                UnfoldAdminTextareaWidget({"rows": 4}),
            ),
        }


class FacilityAdmin(SettingsAdmin):
    """Registered by `faq.admin`, which gives a new facility its starter FAQs."""

    form = FacilityForm
    fieldsets: Any = (
        (None, {"fields": ["name", "name_en", "phone", "email", "address"]}),
        (_("Times"), {"fields": ["check_in_time", "check_out_time", "timezone"]}),
        ("Wi-Fi", {"fields": ["wifi_ssid", "wifi_password", "wifi_password_visibility"]}),
        (
            _("What guests are told"),
            {"fields": ["house_rules", "prohibited_items", "local_info"]},
        ),
        (_("In an emergency"), {"fields": ["emergency_contact", "nearest_hospital"]}),
        (
            _("The guest page"),
            {"fields": ["slug", "is_active", "language", "languages", "frame_origins"]},
        ),
        (_("Privacy"), {"fields": ["retention_days"]}),
    )
    list_display = ["name", "slug", "timezone", "is_active"]
    search_fields = ["name", "name_en", "slug"]

    def view_on_site(self, facility: Facility) -> str | None:
        """The guest page, beside the facts that it shows; none while guests may not ask."""
        return reverse("chat:guest_page", args=[facility.slug]) if facility.is_active else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def get_readonly_fields(
        self, request: HttpRequest, obj: models.Model | None = None
    ) -> tuple[str, ...]:
        # The slug is printed on every QR code.
        return () if request.user.is_superuser else ("slug", "is_active")

    def inn_of(self, row: models.Model, action: audit.Action) -> Facility | None:
        """That an inn is gone is not kept with the inn."""
        return None if action == audit.Action.DELETED else super().inn_of(row, action)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nobody deletes entries of the record, but they go with their inn."""
        rows, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        return rows, counts, forbidden - {AuditEvent._meta.verbose_name}, protected


class WeeklyForm(forms.ModelForm):
    days = forms.TypedMultipleChoiceField(
        label=_("days on which it starts"),
        choices=Weekday.choices,
        initial=list(Weekday.values),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class ScheduleForm(WeeklyForm):
    languages = forms.TypedMultipleChoiceField(
        label=_("languages"),
        choices=LANGUAGE_CHOICES,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None for all."),
    )
    notify_channels = forms.TypedMultipleChoiceField(
        label=_("channels"),
        choices=ChannelKind.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None for all that are set up."),
    )


@admin.register(StaffAbsence)
class StaffAbsenceAdmin(SettingsAdmin):
    form = WeeklyForm
    list_display = ["__str__", "facility"]
    list_select_related = ["facility"]


@admin.register(EscalationSchedule)
class EscalationScheduleAdmin(SettingsAdmin):
    form = ScheduleForm
    list_display = ["__str__", "facility", "mode", "threshold", "is_active"]
    list_select_related = ["facility"]


@admin.register(SiteKey)
class SiteKeyAdmin(SettingsAdmin):
    list_display = ["place", "facility", "scan_count", "last_scan_at", "created_at", "revoked_at"]
    list_select_related = ["facility"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    fields = ["facility", "location", "name", "include_session_token"]
    readonly_fields = [
        "downloads",
        "code",
        "address",
        "scan_count",
        "last_scan_at",
        "created_at",
        "revoked_at",
    ]
    actions_list: Any = ("all_posters", "all_cards")
    actions = ["print_a4", "print_a6", "print_cards", "renew", "revoke"]

    #: What a code can be fetched as, and what staff read on the link.
    DOWNLOADS: Final = {
        Paper.A4: _("poster A4 (PDF)"),
        Paper.A6: _("poster A6 (PDF)"),
        Paper.CARD: _("card 91 × 55 mm (PDF)"),
        "png": "PNG",
        "svg": "SVG",
    }

    def get_fields(self, request: HttpRequest, obj: SiteKey | None = None) -> list[Any]:
        """Of a code that there is, first what it is opened for."""
        own = super().get_fields(request, obj)
        return [*self.readonly_fields[:2], *own, *self.readonly_fields[2:]] if obj else [*own]

    def get_urls(self) -> list[Any]:
        download = self.admin_site.admin_view(require_safe(self.download))
        name = "facilities_sitekey_download"
        return [path("<int:number>/print/<slug:kind>", download, name=name), *super().get_urls()]

    @admin.display(description=_("place"), ordering="location")
    def place(self, site_key: SiteKey) -> str:
        return site_key.place_label

    @admin.display(description=_("address"))
    def address(self, site_key: SiteKey) -> str:
        return site_key.address

    @admin.display(description=_("QR code"))
    def code(self, site_key: SiteKey) -> str:
        url = data_url(*picture_of(site_key, "svg"))
        return format_html('<img src="{}" width="200" height="200" alt="">', url)

    @admin.display(description=_("to print"))
    def downloads(self, site_key: SiteKey) -> str:
        if site_key.revoked_at:
            return gettext("Nothing: this code is revoked.")
        links = [
            (reverse("admin:facilities_sitekey_download", args=[site_key.pk, kind]), label)
            for kind, label in self.DOWNLOADS.items()
        ]
        shown = {"links": links, "missing": missing_from_print([site_key])}
        return render_to_string("facilities/downloads.html", shown)

    def download(self, request: HttpRequest, number: int, kind: str) -> HttpResponse:
        site_key = get_object_or_404(self.get_queryset(request), pk=number, revoked_at=None)
        if kind not in self.DOWNLOADS:
            raise Http404
        content, mime_type = picture_of(site_key, kind)
        self.record(request, audit.Action.PRINTED, site_key)
        suffix = mimetypes.guess_extension(mime_type)
        return attachment(content, mime_type, f"{site_key.facility.slug}-{number}-{kind}{suffix}")

    @action(
        description=_("Print all: A4 posters"),
        url_path="posters",
        icon="print",
        permissions=["view"],
    )
    def all_posters(self, request: HttpRequest) -> HttpResponse:
        return self.print_every_code(request, Paper.A4)

    @action(description=_("Print all: cards"), url_path="cards", icon="print", permissions=["view"])
    def all_cards(self, request: HttpRequest) -> HttpResponse:
        return self.print_every_code(request, Paper.CARDS)

    def print_every_code(self, request: HttpRequest, paper: Paper) -> HttpResponse:
        keys = SiteKey.objects.for_user(request.user).valid()
        if not keys.exists():
            messages.error(request, gettext("There is no code yet that could be printed."))
            return redirect("admin:facilities_sitekey_changelist")
        printed: Any = self.print_all(request, keys, paper)
        return printed

    @admin.action(description=_("Print: posters A4"))
    def print_a4(self, request: HttpRequest, keys: SiteKeyQuerySet) -> HttpResponse | None:
        return self.print_all(request, keys, Paper.A4)

    @admin.action(description=_("Print: posters A6"))
    def print_a6(self, request: HttpRequest, keys: SiteKeyQuerySet) -> HttpResponse | None:
        return self.print_all(request, keys, Paper.A6)

    @admin.action(description=_("Print: cards, ten on a sheet A4"))
    def print_cards(self, request: HttpRequest, keys: SiteKeyQuerySet) -> HttpResponse | None:
        return self.print_all(request, keys, Paper.CARDS)

    def print_all(
        self, request: HttpRequest, keys: SiteKeyQuerySet, paper: Paper
    ) -> HttpResponse | None:
        # However the list is sorted: an inn's codes are printed, and recorded, together.
        rows = keys.valid().select_related("facility")
        site_keys = list(rows.order_by("facility", "location", "name"))
        if not site_keys:
            messages.error(request, gettext("Nothing to print: these codes are revoked."))
            return None
        if missing := missing_from_print(site_keys):
            messages.warning(request, missing)
        posters = make_posters(site_keys, paper)
        for facility, printed in groupby(site_keys, key=lambda site_key: site_key.facility):
            places = ", ".join(site_key.place_label for site_key in printed)
            audit.record(
                audit.Action.PRINTED, facility=facility, actor=signed_in(request), text=places
            )
        return attachment(posters, "application/pdf", f"qr-{paper}.pdf")

    @admin.action(
        description=_("Renew: a new code, the old one counts no more"), permissions=["change"]
    )
    def renew(self, request: HttpRequest, keys: SiteKeyQuerySet) -> None:
        user = signed_in(request)
        count = sum(renew(site_key, actor=user) is not None for site_key in keys.owned_by(user))
        text = ngettext(
            "%d code is new: print it and hang it up.",
            "%d codes are new: print them and hang them up.",
            count,
        )
        messages.success(request, text % count)

    @admin.action(
        description=_("Revoke: whoever scans it is not at the inn"), permissions=["change"]
    )
    def revoke(self, request: HttpRequest, keys: SiteKeyQuerySet) -> None:
        user = signed_in(request)
        count = sum(revoke(site_key, actor=user) for site_key in keys.owned_by(user))
        text = ngettext("%d code is revoked.", "%d codes are revoked.", count)
        messages.success(request, text % count)


def missing_from_print(site_keys: list[SiteKey]) -> str:
    """What staff are told of characters that no font has; nothing when there are none."""
    missing = dict.fromkeys("".join(map(missing_characters, site_keys)))
    if not missing:
        return ""
    text = gettext("No font has these characters, and %(mark)s is printed instead: %(characters)s")
    return text % {"mark": GETA, "characters": " ".join(missing)}


def attachment(content: bytes, mime_type: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=mime_type, headers=headers)
