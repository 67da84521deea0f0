from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FacilitiesConfig(AppConfig):
    name = "facilities"
    verbose_name = _("Facilities")

    def ready(self) -> None:
        from facilities import audit  # models exist only now

        audit.listen()
        import_module("facilities.people_admin")
