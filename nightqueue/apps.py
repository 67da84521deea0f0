from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NightqueueConfig(AppConfig):
    name = "nightqueue"
    verbose_name = _("Notifications")

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from chat.signals import escalated
        from facilities.models import Facility
        from nightqueue.services import call_staff, set_up

        escalated.connect(call_staff, dispatch_uid="nightqueue")
        post_save.connect(set_up, sender=Facility, dispatch_uid="nightqueue")
