"""The admin's pages of one's own account: name, password, second factor, signed-in devices."""

import time
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.forms import AdminOwnPasswordChangeForm

from facilities import audit, second_factor
from facilities.admin import signed_in
from facilities.models import AccessToken, User
from facilities.views import CodeForm, Themed

#: In the session: when the password was given again to set up the second factor.
PROVEN: Final = "second_factor_password_given"
#: For as long the key is shown, which takes an app to be found and installed.
PROVEN_SECONDS: Final = 900


class NameForm(Themed, forms.ModelForm):
    class Meta:
        model = User
        fields = ["full_name"]
        help_texts = {"full_name": _("Your colleagues see it.")}


class PasswordForm(Themed, forms.Form):
    """Asked again before what a borrowed, signed-in device must not do."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(gettext("This is not your password."))
        return password


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    shown = {**admin.site.each_context(request), "title": title, **context}
    return render(request, f"facilities/{template}.html", shown)


def account(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = NameForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if form.is_valid():
        form.save()
        messages.success(request, gettext("Your name was changed."))
        return redirect("account")
    left = second_factor.codes_left(user)
    return page(
        request,
        "account",
        gettext("My account"),
        form=form,
        has_second_factor=second_factor.is_on(user),
        codes_left=ngettext("%d backup code is left.", "%d backup codes are left.", left) % left,
        devices=AccessToken.objects.alive().filter(user=user).order_by("-created_at"),
    )


def set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """The password; then the QR code for the app, whose first code switches the second factor on.
    Whoever finds a signed-in device could otherwise lock out whose it is."""
    user = signed_in(request)
    if second_factor.is_on(user):
        return redirect("account")
    if time.time() - request.session.get(PROVEN, 0) > PROVEN_SECONDS:
        return ask_password_first(request, user)
    form = CodeForm(request.POST or None)
    form.fields["code"].help_text = ""  # there are no backup codes yet
    if form.is_valid():
        codes = second_factor.switch_on(user, form.cleaned_data["code"], request=request)
        if codes:
            del request.session[PROVEN]
            return backup_codes(request, codes)
        form.add_error("code", gettext("This code is wrong. Wait for the next one and type that."))
    device = second_factor.device_to_set_up(user)
    return page(
        request,
        "second_factor",
        gettext("Second factor"),
        form=form,
        picture=second_factor.picture_of(device),
        key=second_factor.key_of(device),
    )


def ask_password_first(request: HttpRequest, user: User) -> HttpResponse:
    form = PasswordForm(user, request.POST or None)
    if form.is_valid():
        request.session[PROVEN] = time.time()
        return redirect("second_factor")
    return page(
        request,
        "confirm_password",
        gettext("Switch the second factor on"),
        form=form,
        intro=gettext(
            "Whoever signs in is then asked for a code of an app on your phone too. Browsers and "
            "apps that are signed in already stay signed in: if you do not know one of them, "
            "change your password, which ends them all."
        ),
        button=gettext("Go on"),
    )


def backup_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Shown this once."""
    return page(request, "backup_codes", gettext("Backup codes"), codes=codes)


def renew_backup_codes(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = PasswordForm(user, request.POST or None)
    if not second_factor.is_on(user):
        return redirect("account")
    if form.is_valid():
        return backup_codes(request, second_factor.renew_codes(user, request=request))
    return page(
        request,
        "confirm_password",
        gettext("New backup codes"),
        form=form,
        intro=gettext("The old ones count no more."),
        button=gettext("Make new backup codes"),
    )


def switch_off_second_factor(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = PasswordForm(user, request.POST or None)
    if form.is_valid():
        second_factor.switch_off(user, request=request)
        messages.success(request, gettext("You sign in with the password alone now."))
        return redirect("account")
    return page(
        request,
        "confirm_password",
        gettext("Switch the second factor off"),
        form=form,
        intro=gettext("Whoever knows your password can sign in then."),
        button=gettext("Switch it off"),
    )


@require_POST
def sign_out_device(request: HttpRequest, number: int) -> HttpResponse:
    user = signed_in(request)
    with transaction.atomic():
        get_object_or_404(AccessToken, user=user, pk=number).delete()
        action = audit.Action.DEVICE_SIGNED_OUT
        audit.record_of_person(action, person=user, request=request)
    messages.success(request, gettext("The device is signed out."))
    return redirect("account")


class ChangePassword(PasswordChangeView):
    """Ends every other session, and every token."""

    form_class = AdminOwnPasswordChangeForm
    success_url = reverse_lazy("account")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return admin.site.each_context(self.request) | super().get_context_data(**context)

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        user = signed_in(self.request)
        audit.record_of_person(audit.Action.PASSWORD_CHANGED, person=user, request=self.request)
        messages.success(self.request, gettext("Your password was changed."))
        return super().form_valid(form)
