"""The base of every tenant-owned admin, and the admin of people and QR codes."""

import mimetypes
from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.db import models
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from facilities.models import (
    ChannelKind,
    EscalationSchedule,
    Facility,
    Membership,
    SiteKey,
    SiteKeyQuerySet,
    StaffAbsence,
    User,
    Weekday,
)
from facilities.posters import GETA, Paper, make_posters, missing_characters, picture_of
from facilities.qr import data_url
from facilities.services import renew
from yadopera.languages import LANGUAGE_CHOICES


class OwnedAdmin(ModelAdmin):
    """Lists, choices and addresses only of the facilities at which the user works.

    Whoever works at a facility may see and change what belongs to it; Django's own permission
    rows are not used.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = self.model._default_manager.for_user(request.user)
        return rows.order_by(*self.get_ordering(request)) if self.ordering else rows

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        choices = db_field.remote_field.model._default_manager
        if hasattr(choices, "for_user"):
            kwargs["queryset"] = choices.for_user(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return works_somewhere(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return works_somewhere(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return works_somewhere(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return works_somewhere(request)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return works_somewhere(request)


class ReadOnly:
    """For what only guests and the system write."""

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def works_somewhere(request: HttpRequest) -> bool:
    """Whether the user is staff of any facility. Which rows that opens is `for_user`'s to say."""
    user = request.user
    return bool(user.is_active and user.is_staff and Facility.objects.for_user(user).exists())


def signed_in(request: HttpRequest) -> User:
    """The user of a request that the admin has let in."""
    return cast(User, request.user)


class FacilityAdmin(OwnedAdmin):
    """Registered by `faq.admin`, which gives a new facility its starter FAQs."""

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
class StaffAbsenceAdmin(OwnedAdmin):
    form = WeeklyForm
    list_display = ["__str__", "facility"]
    list_select_related = ["facility"]


@admin.register(EscalationSchedule)
class EscalationScheduleAdmin(OwnedAdmin):
    form = ScheduleForm
    list_display = ["__str__", "facility", "mode", "threshold", "is_active"]
    list_select_related = ["facility"]


@admin.register(SiteKey)
class SiteKeyAdmin(OwnedAdmin):
    list_display = ["place", "facility", "scan_count", "last_scan_at", "created_at", "revoked_at"]
    list_select_related = ["facility"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    fields = ["facility", "location", "name", "include_session_token"]
    readonly_fields = [
        "code",
        "address",
        "downloads",
        "scan_count",
        "last_scan_at",
        "created_at",
        "revoked_at",
    ]
    actions = ["print_a4", "print_a6", "print_cards", "renew", "revoke"]

    #: What a code can be fetched as, and what staff read on the link.
    DOWNLOADS: Final = {
        "png": "PNG",
        "svg": "SVG",
        Paper.A4: _("poster A4 (PDF)"),
        Paper.A6: _("poster A6 (PDF)"),
        Paper.CARD: _("card 91 × 55 mm (PDF)"),
    }

    def get_fields(self, request: HttpRequest, obj: SiteKey | None = None) -> list[Any]:
        return [*super().get_fields(request, obj), *(self.readonly_fields if obj else [])]

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
        links = (
            (reverse("admin:facilities_sitekey_download", args=[site_key.pk, kind]), label)
            for kind, label in self.DOWNLOADS.items()
        )
        shown = format_html_join(" · ", '<a href="{}">{}</a>', links)
        return format_html("{}<br>{}", shown, missing_from_print([site_key]))

    def download(self, request: HttpRequest, number: int, kind: str) -> HttpResponse:
        site_key = get_object_or_404(self.get_queryset(request), pk=number, revoked_at=None)
        if kind not in self.DOWNLOADS:
            raise Http404
        content, mime_type = picture_of(site_key, kind)
        suffix = mimetypes.guess_extension(mime_type)
        return attachment(content, mime_type, f"{site_key.facility.slug}-{number}-{kind}{suffix}")

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
        site_keys = list(keys.valid().select_related("facility"))
        if not site_keys:
            messages.error(request, gettext("Nothing to print: these codes are revoked."))
            return None
        if missing := missing_from_print(site_keys):
            messages.warning(request, missing)
        return attachment(make_posters(site_keys, paper), "application/pdf", f"qr-{paper}.pdf")

    @admin.action(description=_("Renew: a new code, the old one counts no more"))
    def renew(self, request: HttpRequest, keys: SiteKeyQuerySet) -> None:
        count = sum(renew(site_key) is not None for site_key in keys)
        text = ngettext(
            "%d code is new: print it and hang it up.",
            "%d codes are new: print them and hang them up.",
            count,
        )
        messages.success(request, text % count)

    @admin.action(description=_("Revoke: whoever scans it is not at the inn"))
    def revoke(self, request: HttpRequest, keys: SiteKeyQuerySet) -> None:
        count = keys.revoke()
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


class MembershipInline(TabularInline):
    model = Membership
    extra = 0


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):
    """For operators. Django's own permission rows are not used, so they are not shown."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    list_display = ["email", "full_name", "is_active", "is_superuser"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["email", "full_name"]
    filter_horizontal = ()
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["email", "full_name", "password"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "full_name", "usable_password", "password1", "password2"]})
    ]
