from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NightqueueConfig(AppConfig):
    name = "nightqueue"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from chat.signals import escalated
        from nightqueue.services import call_staff

        escalated.connect(call_staff, dispatch_uid="nightqueue")
