"""The pages of the admin for staff who have forgotten their password: Django's own."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import forms, views
from django.views.generic.base import ContextMixin

from facilities.tasks import queue_reset_link


class AdminPage(ContextMixin):
    """Looks like the rest of the admin, to which nobody has signed in yet."""

    request: Any

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        page = admin.site.each_context(self.request) | {"is_nav_sidebar_enabled": False}
        return page | super().get_context_data(**context)


class ForgottenForm(forms.PasswordResetForm):
    def save(self, *arguments: Any, **options: Any) -> None:
        """The same mail as the API's; Django's own is sent at once, so that one waits longer for an
        address that has an account."""
        queue_reset_link(self.cleaned_data["email"])


class Forgotten(AdminPage, views.PasswordResetView):
    form_class = ForgottenForm


class Sent(AdminPage, views.PasswordResetDoneView):
    pass


class Choose(AdminPage, views.PasswordResetConfirmView):
    pass


class Chosen(AdminPage, views.PasswordResetCompleteView):
    pass
