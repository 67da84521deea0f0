"""The admin of people: an inn's members for its owner, accounts for the operator, and the record of
what they did."""

import csv
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import FieldDoesNotExist
from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.utils import parse_date_str
from unfold.widgets import UnfoldAdminEmailInputWidget

from facilities import audit, members, second_factor
from facilities.admin import OwnersAdmin, ReadOnly, Recorded, signed_in
from facilities.models import AuditEvent, Facility, Membership, User
from facilities.tasks import queue_invitation
from yadopera.errors import DomainError, RateLimited
from yadopera.rate_limit import enforce

# Django's permission rows are not used, and the keys of second factors are nobody's to read.
for model in (Group, TOTPDevice, StaticDevice):
    admin.site.unregister(model)


def with_second_factor(rows: QuerySet[Any], user: str) -> QuerySet[Any]:
    """`rows`, whose `has_second_factor` says it of the person in their field `user`."""
    devices = TOTPDevice.objects.filter(user=OuterRef(user), confirmed=True)
    return rows.annotate(has_second_factor=Exists(devices))


class InvitationForm(forms.ModelForm):
    email = forms.EmailField(
        label=_("Email address"), max_length=254, widget=UnfoldAdminEmailInputWidget
    )

    class Meta:
        model = Membership
        fields = ["facility", "email", "role"]


@admin.register(Membership)
class MembershipAdmin(OwnersAdmin):
    """Owners invite people, choose their role and let them go; all else is the person's own."""

    list_display = ["email", "person", "facility", "role", "last_sign_in", "second_factor"]
    list_filter = ["role", ("facility", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["user__email"]
    ordering = ["facility", "role", "user__email"]
    readonly_fields = ["person", "email", "last_sign_in", "second_factor"]
    actions = ["invite_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).select_related("user", "facility")
        return with_second_factor(rows, "user")

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **options: Any) -> Any:
        if obj is None:
            options["form"] = InvitationForm
        return super().get_form(request, obj, *args, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return ["facility", "email", "role"]
        shown = ["facility", "person", "email", "role", "last_sign_in", "second_factor"]
        return [*shown, "weekly_letter"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.readonly_fields if obj else []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One by one, so that the last owner is not among many."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description=_("name"))
    def person(self, member: Membership) -> str:
        return member.user.full_name if member.joined_at else ""

    @admin.display(description=_("email address"), ordering="user__email")
    def email(self, member: Membership) -> str:
        return member.user.email

    @admin.display(description=_("last sign-in"))
    def last_sign_in(self, member: Membership) -> Any:
        """On the inn's own clock; what happened elsewhere before he joined is not shown."""
        if member.joined_at is None:
            return gettext("invited")
        return on_clock_of(member.facility, member.user.last_login)

    @admin.display(description=_("second factor"), boolean=True)
    def second_factor(self, member: Any) -> bool | None:
        return member.has_second_factor if member.joined_at else None

    def changeform_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        return self.or_told_why(request, super().changeform_view, *args, **more)

    def delete_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        return self.or_told_why(request, super().delete_view, *args, **more)

    def or_told_why(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **more: Any
    ) -> HttpResponse:
        """What a service refuses, as the last owner's leave, is no fault of ours."""
        try:
            return view(request, *args, **more)
        except RateLimited:
            messages.error(request, gettext("Many invitations were sent: wait for an hour."))
        except DomainError as error:
            messages.error(request, error.text)
        return redirect("admin:facilities_membership_changelist")

    def save_model(
        self, request: HttpRequest, obj: Membership, form: forms.ModelForm, change: bool
    ) -> None:
        user = signed_in(request)
        if change:
            members.change_role(obj, obj.role, by=user)
            members.choose_letter(obj, obj.weekly_letter, by=user)
            self.forget_rights(request)
            return
        enforce(request, "invitation", session=str(user.pk))
        member = members.invite(
            facility=obj.facility, email=form.cleaned_data["email"], role=obj.role, by=user
        )
        obj.pk, obj.user = member.pk, member.user
        transaction.on_commit(lambda: self.mail(request, member.pk))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        members.remove(obj, by=signed_in(request))
        self.forget_rights(request)

    def forget_rights(self, request: HttpRequest) -> None:
        """It may be the user's own role."""
        request.__dict__.pop("_facilities_with", None)

    def mail(self, request: HttpRequest, member_id: int) -> None:
        if not queue_invitation(member_id):
            text = gettext("The mail could not be sent now: send the invitation again later.")
            messages.warning(request, text)

    @admin.action(description=_("Send the invitation again"), permissions=["change"])
    def invite_again(self, request: HttpRequest, rows: QuerySet[Membership]) -> HttpResponse | None:
        invited = list(rows.filter(joined_at=None))
        try:
            for member in invited:
                enforce(request, "invitation", session=str(signed_in(request).pk))
                self.mail(request, member.pk)
        except RateLimited:
            messages.error(request, gettext("Many invitations were sent: wait for an hour."))
            return None
        text = ngettext(
            "%d invitation is sent again.", "%d invitations are sent again.", len(invited)
        )
        messages.success(request, text % len(invited))
        return None

    def record(self, *args: Any, **more: Any) -> None:
        """The services do so, in words of their own."""


class MembershipInline(ReadOnly, TabularInline):
    """To look at. Roles are changed among the members, where an inn keeps its last owner."""

    model = Membership
    extra = 0
    fields = readonly_fields = ["facility", "role", "joined_at"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(BaseUserAdmin, Recorded):
    """For operators. Django's own permission rows are not used, so they are not shown."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ["email"]
    list_display = ["email", "full_name", "is_active", "is_superuser", "second_factor"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["email", "full_name"]
    filter_horizontal = ()
    inlines = [MembershipInline]
    actions = ["switch_off_second_factor"]
    fieldsets = [
        (None, {"fields": ["email", "full_name", "password"]}),
        (_("Access"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "full_name", "usable_password", "password1", "password2"]})
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = with_second_factor(super().get_queryset(request), "pk")
        return rows if request.user.is_superuser else rows.none()

    @admin.display(description=_("second factor"), boolean=True)
    def second_factor(self, user: Any) -> bool:
        return user.has_second_factor

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    has_add_permission = has_module_permission

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_view_permission

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Not of whom an inn would miss; an account can be switched off."""
        owned = Membership.objects.filter(user=obj) if obj else Membership.objects.none()
        return request.user.is_superuser and not any(map(members.is_last_owner, owned))

    @admin.action(description=_("Switch the second factor off: the phone is lost"))
    def switch_off_second_factor(self, request: HttpRequest, users: QuerySet[Any]) -> None:
        """Owners cannot: whether somebody works elsewhere too, whom it would make less safe, is
        not theirs to know."""
        having = [user for user in users if user.has_second_factor]
        for user in having:
            second_factor.switch_off(user, by=signed_in(request), request=request)
        text = ngettext(
            "%d person signs in with the password alone now.",
            "%d people sign in with the password alone now.",
            len(having),
        )
        messages.success(request, text % len(having))

    def inn_of(self, row: models.Model, action: audit.Action) -> None:
        """An account belongs to no inn."""


class DaysFilter(RangeDateFilter):
    """Both days belong to the span; the theme's own ends as the last one begins."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for end, lookup in (("from", "gte"), ("to", "lte")):
            day = parse_date_str(self.used_parameters.get(f"{self.parameter_name}_{end}") or "")
            if day:
                queryset = queryset.filter(**{f"{self.field_path}__date__{lookup}": day})
        return queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly, OwnersAdmin):
    list_display = ["when", "actor_name", "action", "what", "details", "facility", "client_address"]
    list_select_related = ["facility"]
    list_filter = [
        ("created_at", DaysFilter),
        "action",
        ("actor", admin.RelatedOnlyFieldListFilter),
        ("facility", admin.RelatedOnlyFieldListFilter),
    ]
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["actor_name", "target_text"]
    fields = readonly_fields = [
        "when",
        "actor_name",
        "action",
        "what",
        "details",
        "facility",
        "client_address",
    ]
    actions = ["export"]

    @admin.display(description=_("time"), ordering="created_at")
    def when(self, event: AuditEvent) -> str:
        """On the inn's own clock."""
        return on_clock_of(event.facility, event.created_at)

    @admin.display(description=_("what"), ordering="target_text")
    def what(self, event: AuditEvent) -> str:
        model = model_called(event.target_model)
        name = f"{model._meta.verbose_name}: " if model else ""
        return f"{name}{event.target_text}"

    @admin.display(description=_("details"))
    def details(self, event: AuditEvent) -> str:
        model = model_called(event.target_model)
        return ", ".join(label_of(model, name) for name in event.fields)

    @admin.action(description=_("Export as CSV"))
    def export(self, request: HttpRequest, events: QuerySet[AuditEvent]) -> HttpResponse:
        """As Excel opens it. That it was exported is on record too."""
        headers = {"Content-Disposition": 'attachment; filename="record.csv"'}
        response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8", headers=headers)
        file = csv.writer(response)
        columns = (_("time"), _("person"), _("action"), _("what"), _("details"))
        file.writerow([*map(str, columns), gettext("facility"), gettext("network")])
        rows = list(events)
        for event in rows:
            told = [event.actor_name, event.get_action_display(), self.what(event)]
            where = [str(event.facility or ""), event.client_address]
            file.writerow(map(cell, [self.when(event), *told, self.details(event), *where]))
        for facility in {event.facility_id: event.facility for event in rows}.values():
            name = str(AuditEvent._meta.verbose_name_plural)
            user = signed_in(request)
            audit.record(audit.Action.EXPORTED, facility=facility, actor=user, text=name)
        return response


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(tuple("=+-@＝＋－＠\t\r")) else text


def on_clock_of(facility: Facility | None, moment: datetime | None) -> str:
    zone = ZoneInfo(facility.timezone) if facility else None
    return f"{timezone.localtime(moment, zone):%Y-%m-%d %H:%M}" if moment else ""


def model_called(label: str) -> type[models.Model] | None:
    """The model `app.name`; None for one that there is no more."""
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def label_of(model: type[models.Model] | None, name: str) -> str:
    """What a field of `model` is called in its form, or `name` for one that there is no more."""
    try:
        field: Any = model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        field = None
    if field is None:
        return gettext(name)
    if not hasattr(field, "verbose_name"):
        return str(field.related_model._meta.verbose_name)
    return str(field.verbose_name)
