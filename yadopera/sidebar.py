"""What the staff's pages are called and where they are found."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext_lazy as _


def item(title: Any, icon: str, model: str, **more: Any) -> dict[str, Any]:
    """The list of `model` (`app_model`), for whoever may open it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model}_changelist"),
        "permission": lambda request: may_open(request, model),
        **more,
    }


def may_open(request: HttpRequest, model: str) -> bool:
    found = admin.site.get_model_admin(apps.get_model(model.replace("_", ".", 1)))
    return found.has_view_permission(request)


def for_owners(request: HttpRequest) -> bool:
    from facilities.admin import Right, may  # models exist only once the settings are read

    return may(request, Right.OWN)


def for_operators(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def in_inbox(request: HttpRequest) -> bool:
    """Whether a page of conversations is open; other pages have addresses below theirs."""
    return is_below(request, "admin:chat_conversation_changelist", "try/", "low-rated/")


def in_faqs(request: HttpRequest) -> bool:
    return is_below(request, "admin:faq_faq_changelist", "wordings/")


def is_below(request: HttpRequest, name: str, *others: str) -> bool:
    """Whether the page is at the address called `name` or below it, but at none of `others`."""
    here = reverse(name)
    below = tuple(f"{here}{other}" for other in others)
    return request.path.startswith(here) and not request.path.startswith(below)


def waiting(request: HttpRequest) -> str:
    """How many guests' questions wait for staff; empty when none does, and so below."""
    from chat.models import Escalation  # as above

    return str(Escalation.objects.for_user(request.user).unresolved().count() or "")


def suggested(request: HttpRequest) -> str:
    from faq.models import FaqSuggestion  # as above

    return str(FaqSuggestion.objects.for_user(request.user).pending().count() or "")


def taught(request: HttpRequest) -> str:
    from facilities.models import Facility  # as above
    from faq.wordings import count_open

    return str(count_open(Facility.objects.for_user(request.user)) or "")


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
    "DASHBOARD_CALLBACK": "nightqueue.first_page.add_dashboard",
    "STYLES": [lambda request: static("yadopera/staff.css")],
    "ACCOUNT": {
        "navigation": [
            {"title": _("My account"), "link": reverse_lazy("account")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
        ]
    },
    "GLOBAL_CALLBACK": "yadopera.sidebar.in_every_page",
    "COLORS": {
        # The guest page's green, from light to dark.
        "primary": {
            "50": "#eef7f5",
            "100": "#d5ebe7",
            "200": "#b0d8d1",
            "300": "#84bfb6",
            "400": "#58a197",
            "500": "#4a978d",
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
                    item(_("Conversations"), "chat", "chat_conversation", active=in_inbox),
                    item(
                        _("For staff"),
                        "support_agent",
                        "chat_escalation",
                        badge="yadopera.sidebar.waiting",
                        badge_variant="danger",
                    ),
                    item(_("Night queue"), "bedtime", "nightqueue_queueentry"),
                    item(_("FAQs"), "menu_book", "faq_faq", active=in_faqs),
                    item(
                        _("Suggestions"),
                        "lightbulb",
                        "faq_faqsuggestion",
                        badge="yadopera.sidebar.suggested",
                        badge_variant="info",
                    ),
                    {
                        "title": _("New wordings"),
                        "icon": "add_comment",
                        "link": reverse_lazy("admin:faq_faq_wordings"),
                        "badge": "yadopera.sidebar.taught",
                        "badge_variant": "info",
                    },
                    {
                        "title": _("Answers that did not help"),
                        "icon": "thumb_down",
                        "link": reverse_lazy("admin:chat_conversation_low_rated"),
                    },
                    {
                        "title": _("Try a question"),
                        "icon": "psychology_alt",
                        "link": reverse_lazy("admin:chat_conversation_try_out"),
                    },
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
                    item(_("Staff"), "badge", "facilities_membership"),
                    item(_("Record"), "history", "facilities_auditevent"),
                ],
            },
            {
                "title": _("Operation"),
                "separator": True,
                "items": [
                    item(_("Users"), "group", "facilities_user"),
                    {
                        "title": _("Health"),
                        "icon": "monitor_heart",
                        "link": reverse_lazy("health_page"),
                        "permission": for_operators,
                    },
                ],
            },
        ],
    },
}
