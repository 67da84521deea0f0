"""The pages of the admin for those who are not signed in (yet)."""

import time
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, auth, messages
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic.base import ContextMixin, TemplateResponseMixin
from django.views.generic.edit import FormView
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

from facilities import audit, members, second_factor
from facilities.models import User
from facilities.tasks import queue_reset_link
from yadopera.errors import InvalidRequest

#: Who has given the right password and owes the code: `{"user", "state", "since"}`.
WAITING: Final = "sign_in_waiting"
#: Seconds for which the password need not be given again.
WAITING_SECONDS: Final = 300


class AdminPage(TemplateResponseMixin, ContextMixin):
    """Looks like the rest of the admin, to which nobody has signed in yet.

    A page that uses the common template says `title`, and may say `intro`, `button` and `form`.
    """

    request: Any
    template_name = "facilities/signed_out.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        page = admin.site.each_context(self.request) | {"is_nav_sidebar_enabled": False}
        return page | super().get_context_data(**context)


class Themed:
    """A form in the dress of the theme."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.widget.attrs["class"] = " ".join(BASE_INPUT_CLASSES)


# Signing in -------------------------------------------------------------------------------------


class SignIn(AdminPage, views.LoginView):
    """The password; then the code, for whoever has switched the second factor on."""

    template_name = "admin/login.html"
    authentication_form = AuthenticationForm
    next_page = "admin:index"
    extra_context = {"title": _("Sign in")}

    def get(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        if admin.site.has_permission(request):
            return redirect("admin:index")
        return super().get(request, *args, **more)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**context) | {"app_path": self.request.get_full_path()}

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if not second_factor.is_on(user):
            return super().form_valid(form)
        self.request.session[WAITING] = {
            "user": user.pk,
            "state": user.get_session_auth_hash(),
            "since": time.time(),
        }
        address = reverse("sign_in_code")
        return redirect(f"{address}?{urlencode({'next': self.get_success_url()})}")


def waiting_user(request: HttpRequest) -> User | None:
    """Who owes the code. A password that was changed meanwhile has to be given again."""
    waiting = request.session.get(WAITING, {})
    if not time.time() - WAITING_SECONDS <= waiting.get("since", 0):
        return None
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    if user and constant_time_compare(waiting["state"], user.get_session_auth_hash()):
        return user
    return None


class CodeForm(Themed, forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=100,
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "autofocus": "", "autocapitalize": "none"}
        ),
        help_text=_("Six digits from the app on your phone, or one of your backup codes."),
    )


class SignInCode(AdminPage, views.RedirectURLMixin, FormView):
    form_class = CodeForm
    next_page = "admin:index"
    extra_context = {"title": _("Second factor"), "button": _("Sign in")}

    def dispatch(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponseBase:
        if waiting_user(request) is None:
            return redirect("admin:login")
        return super().dispatch(request, *args, **more)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        user = waiting_user(self.request)
        if user is None or not second_factor.verify(user, form.cleaned_data["code"]):
            return self.refuse(form, user)
        del self.request.session[WAITING]
        auth.login(self.request, user)
        return super().form_valid(form)

    def refuse(self, form: CodeForm, user: User | None) -> HttpResponse:
        if user is not None:
            action = audit.Action.SIGN_IN_FAILED
            audit.record_of_person(action, person=user, request=self.request)
        text = gettext("This code is wrong or was used already. Wait for the next one.")
        form.add_error("code", text)
        return self.form_invalid(form)


# A password that was forgotten, or not chosen yet -------------------------------------------------


class ForgottenForm(Themed, PasswordResetForm):
    def save(self, *arguments: Any, **options: Any) -> None:
        """The same mail as the API's; Django's own is sent at once, so that one waits longer for an
        address that has an account."""
        queue_reset_link(self.cleaned_data["email"])


class Forgotten(AdminPage, views.PasswordResetView):
    form_class = ForgottenForm
    extra_context = {
        "title": _("Forgotten password"),
        "intro": _("We mail you a link with which you choose a new one."),
        "button": _("Mail me the link"),
    }


class Sent(AdminPage, views.PasswordResetDoneView):
    extra_context = {
        "title": _("The link is on its way"),
        "intro": _(
            "If there is an account with this address, it is sent a link by email. Look among the "
            "unwanted mail too."
        ),
    }


class NewPasswordForm(Themed, SetPasswordForm):
    pass


class Choose(AdminPage, views.PasswordResetConfirmView):
    """Signs nobody in: the second factor is asked for afterwards."""

    form_class = NewPasswordForm
    extra_context = {
        "title": _("Choose a new password"),
        "button": _("Keep this password"),
        "refusal": _("This link is wrong, was used already or is too old. Ask for another."),
    }

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        audit.record_of_person(
            audit.Action.PASSWORD_CHANGED, person=form.user, request=self.request
        )
        return super().form_valid(form)


class Chosen(AdminPage, views.PasswordResetCompleteView):
    extra_context = {
        "title": _("Your password was changed"),
        "intro": _("Sign in with the new one."),
    }


class InvitationForm(Themed, SetPasswordForm):
    full_name = forms.CharField(
        label=_("Name"),
        max_length=100,
        widget=forms.TextInput({"autocomplete": "name", "autofocus": ""}),
        help_text=_("Your colleagues see it."),
    )
    field_order = ["full_name"]


class Invitation(AdminPage, FormView):
    """Where the mail of an invitation leads: a name, a password."""

    form_class = InvitationForm
    extra_context = {
        "button": _("Keep this password"),
        "refusal": _("This link is wrong, was used already or is too old. Ask for another."),
    }

    def dispatch(self, request: HttpRequest, token: str) -> HttpResponseBase:
        self.member = members.invited_by(token)
        if self.member is None and request.method == "POST":
            return redirect(request.path)
        return super().dispatch(request, token)

    def get_form(self, form_class: Any = None) -> Any:
        return super().get_form(form_class) if self.member else None

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": self.member.user if self.member else None}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        title = gettext("Invitation")
        intro = ""
        if self.member:
            title = str(self.member.facility)
            intro = gettext("Choose a password; you sign in with it and your email address %s.")
            intro %= self.member.user.email
        return super().get_context_data(**context) | {"title": title, "intro": intro}

    def form_valid(self, form: InvitationForm) -> HttpResponse:
        chosen = form.cleaned_data
        try:
            members.accept(
                self.kwargs["token"],
                full_name=chosen["full_name"],
                password=chosen["new_password1"],
            )
        except InvalidRequest as error:
            messages.error(self.request, error.text)
        else:
            messages.success(self.request, gettext("Welcome. Sign in with your new password."))
        return redirect("admin:login")
