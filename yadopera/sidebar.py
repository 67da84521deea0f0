"""What the staff's pages are called and where they are found."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def item(title: Any, icon: str, model: str, **more: Any) -> dict[str, Any]:
    """The list of `model` (`app_model`)."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model}_changelist"),
        **more,
    }


def for_owners(request: HttpRequest) -> bool:
    from facilities.models import Facility  # models exist only once the settings are read

    return Facility.objects.owned_by(request.user).exists()


def for_operators(request: HttpRequest) -> bool:
    return bool(request.user.is_superuser)


def shown_number(count: Callable[[HttpRequest], int]) -> Callable[[HttpRequest], str]:
    """A badge that is there only when there is something to count."""
    return lambda request: str(count(request) or "")


def waiting(request: HttpRequest) -> int:
    from chat.models import Escalation  # as above

    return Escalation.objects.for_user(request.user).unresolved().count()


def in_every_page(request: HttpRequest) -> dict[str, Any]:
    """What the pages of the admin know beside their own: the inn whose guest page they lead to,
    for people who work at one inn."""
    from facilities.models import Facility  # as above

    mine = list(Facility.objects.for_user(request.user).open()[:2])
    return {"guests_inn": mine[0] if len(mine) == 1 else None}


#: How the theme of the admin is set up: https://unfoldadmin.com/docs/configuration/settings/
UNFOLD = {
    "SITE_TITLE": "やどぺら",
    "SITE_HEADER": "やどぺら",
    "SITE_URL": None,
    "SITE_ICON": lambda request: static("chat/icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("chat/icon.svg")}
    ],
    "SHOW_LANGUAGES": True,
    "GLOBAL_CALLBACK": "yadopera.sidebar.in_every_page",
    "COLORS": {
        # The guest page's green, from light to dark.
        "primary": {
            "50": "#eef7f5",
            "100": "#d5ebe7",
            "200": "#b0d8d1",
            "300": "#84bfb6",
            "400": "#58a197",
            "500": "#3c857c",
            "600": "#1f5f5b",
            "700": "#1b524f",
            "800": "#184341",
            "900": "#163836",
            "950": "#0a1f1e",
        }
    },
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    {"title": _("Today"), "icon": "home", "link": reverse_lazy("admin:index")},
                    item(_("Conversations"), "chat", "chat_conversation"),
                    item(
                        _("For staff"),
                        "support_agent",
                        "chat_escalation",
                        badge=shown_number(waiting),
                        badge_variant="danger",
                    ),
                    item(_("Night queue"), "bedtime", "nightqueue_queueentry"),
                    item(_("FAQs"), "menu_book", "faq_faq"),
                    {"title": _("Help"), "icon": "help", "link": reverse_lazy("help")},
                ]
            },
            {
                "title": _("The inn"),
                "separator": True,
                "items": [
                    {
                        "title": _("Setting up"),
                        "icon": "checklist",
                        "link": reverse_lazy("setup"),
                        "permission": for_owners,
                    },
                    item(_("Facts"), "cottage", "facilities_facility"),
                    item(_("Canned replies"), "quickreply", "chat_cannedreply"),
                    item(_("QR codes"), "qr_code_2", "facilities_sitekey"),
                    item(_("Hours nobody is awake"), "schedule", "facilities_staffabsence"),
                    item(
                        _("Rules for handing over"),
                        "rule",
                        "facilities_escalationschedule",
                    ),
                    item(_("Where staff are told"), "notifications", "nightqueue_channel"),
                    item(_("What was sent"), "outgoing_mail", "nightqueue_delivery"),
                ],
            },
            {
                "title": _("Operation"),
                "separator": True,
                "items": [
                    item(_("Users"), "group", "facilities_user", permission=for_operators),
                ],
            },
        ],
    },
}
