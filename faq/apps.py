from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FaqConfig(AppConfig):
    name = "faq"
    verbose_name = _("FAQ")

    def ready(self) -> None:
        from faq import pgvector  # noqa: F401 (registers its check)

        import_module("faq.suggestions_admin")
