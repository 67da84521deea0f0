"""The base of every tenant-owned admin, and the admin of people and keys."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.db import models
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from facilities.models import (
    ChannelKind,
    EscalationSchedule,
    Facility,
    Membership,
    SiteKey,
    StaffAbsence,
    User,
    Weekday,
)
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
    list_display = ["facility", "location", "created_at", "revoked_at"]
    list_select_related = ["facility"]
    readonly_fields = ["key", "created_at"]


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
