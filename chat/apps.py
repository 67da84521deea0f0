from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        from chat.feedback import supersede
        from faq.signals import faqs_changed

        faqs_changed.connect(supersede, dispatch_uid="chat")
