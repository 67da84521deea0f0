"""A new FAQ that begins with what another page proposes, such as a guest's question."""

import secrets
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from facilities.models import Facility

SESSION_KEY: Final = "prefilled_faqs"
#: In as many tabs somebody writes at once; the oldest makes way.
KEPT: Final = 10


def prefill(request: HttpRequest, facility: Facility, texts: dict[str, dict[str, str]]) -> str:
    """The address of a form for a new FAQ with these texts: language -> `{question, answer}`. It
    can be loaded again; each has its own."""
    key = secrets.token_urlsafe(6)
    before = list(request.session.get(SESSION_KEY, {}).items())[-KEPT + 1 :]
    request.session[SESSION_KEY] = dict(before) | {key: {"facility": facility.pk, "texts": texts}}
    return reverse("admin:faq_faq_add", query={"from": key})


def prefilled(request: HttpRequest) -> dict[str, Any]:
    """What the form at this address begins with, by its fields."""
    found = request.session.get(SESSION_KEY, {}).get(request.GET.get("from", ""))
    if found is None:
        return {}
    initial = {"facility": found["facility"]}
    for language, text in found["texts"].items():
        initial |= {f"{part}_{language}": text[part] for part in ("question", "answer")}
    return initial
