"""The link in a message about danger."""

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from chat.models import Escalation
from nightqueue.messages import SALT, say


@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """'Seen', for whoever holds the link, without signing in: it is three in the morning.

    Only POST counts, for mail programs open links to look for viruses.
    """
    try:
        number = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        raise Http404 from None
    rows = Escalation.objects.select_related("conversation__facility")
    escalation = rows.filter(pk=number).first()
    if escalation is None:
        raise Http404
    if request.method == "POST":
        rows.filter(pk=number).acknowledge()
        escalation.refresh_from_db()
    facility = escalation.conversation.facility
    words = {name: say(f"seen_{name}", facility) for name in ("title", "button", "done")}
    context = {
        "facility": facility,
        "words": words,
        "is_seen": escalation.acknowledged_at is not None,
        "language": "ja" if facility.language == "ja" else "en",
    }
    return render(request, "nightqueue/acknowledge.html", context)
