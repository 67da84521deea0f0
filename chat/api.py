"""The guest API. No login: the facility comes from the guest's link, he from his session id."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.gzip import gzip_page
from ninja import Path, Query, Router
from ninja.decorators import decorate_view

from chat import checks, schemas, services, sessions
from chat.live import switchboard
from chat.models import SESSION_LIFE, Conversation, SessionToken
from chat.retention import delete_conversation
from chat.safety import find_emergency
from chat.texts import say
from facilities.models import Facility
from facilities.qr import data_url, qr_svg, wifi_text
from facilities.schemas import MAX_ID, DoneOut, LanguageCode, RowIdText, Text
from faq.services import shown_faqs, top_questions
from yadopera.door import come_back_seconds
from yadopera.errors import Crowded, NotFound
from yadopera.languages import negotiate_language
from yadopera.rate_limit import client_address, enforce, enforce_each, one_caller
from yadopera.steps import run_step, waited_seconds
from yadopera.streams import HEARTBEAT, Event, event_stream, keep_running, under_way

router = Router(tags=["guest"])

HEARTBEAT_SECONDS = 15
#: How often a stream that hears of nothing looks all the same; 5,000 of them do so side by side.
LOOK_SECONDS = 120
#: So many answers a web process gives at once in some six seconds, the model's time included. Two
#: hundred who ask at the same moment find room in two, however unevenly they share them.
MOST_AT_ONCE = 160
#: A question takes three steps, so from here on its answer takes longer than a guest waits.
CROWDED_SECONDS = 1.5
#: Sent at once, for the headers leave with the first piece; how soon to come back, in ms.
OPENING = "retry: 2000\n\n"

SessionIdInPath = Annotated[schemas.SessionId, Path()]
FacilityId = Annotated[RowIdText | None, Query()]


def find_facility(facility_id: int | None) -> Facility | None:
    return None if facility_id is None else services.get_facility(facility_id)


def browser_language(request: HttpRequest) -> str:
    return negotiate_language(request.headers.get("Accept-Language", ""))


@router.get("/facility/{slug}", response=schemas.FacilityPageOut, auth=None)
def get_facility_page(
    request: HttpRequest,
    slug: Annotated[Text, Path()],
    language: Annotated[LanguageCode | None, Query()] = None,
    location: Annotated[schemas.Location | None, Query()] = None,
) -> dict[str, object]:
    """The inn's facts and its three foremost questions, in the asked language."""
    facility = services.open_facility(slug)
    facts = facility.facts(language or facility.language)
    return {
        "facility": {
            "id": facility.pk,
            "name": facts["facility_name"],
            "slug": facility.slug,
            "email": facility.email,
            "phone": facility.phone,
            "address": facility.address,
            "check_in_time": facts["check_in_time"] or None,
            "check_out_time": facts["check_out_time"] or None,
            "wifi_ssid": facility.wifi_ssid,
            "available_languages": facility.languages,
            "timezone": facility.timezone,
            "emergency_contact": facility.emergency_line,
            "nearest_hospital": facility.nearest_hospital,
        },
        "top_questions": top_questions(facility, language or browser_language(request)),
    }


@router.get("/facility/{slug}/faqs", response=schemas.GuideOut, auth=None)
@decorate_view(gzip_page)
def get_guide(
    request: HttpRequest,
    slug: Annotated[Text, Path()],
    language: Annotated[LanguageCode | None, Query()] = None,
) -> dict[str, object]:
    """Everything that the inn tells everybody, for a phone to keep while it has a connection."""
    facility = services.open_facility(slug)
    read_in = language or browser_language(request)
    return {"language": read_in, "faqs": list(shown_faqs(facility, read_in))}


@router.post("/facility/{slug}/wifi", response=schemas.WifiOut, auth=None)
def post_wifi(
    request: HttpRequest, slug: Annotated[Text, Path()], payload: schemas.WifiIn
) -> dict[str, object]:
    """The Wi-Fi password, for guests who scanned a code of the inn, or where it tells anyone."""
    enforce(request, "chat", session=payload.session_id or "")
    facility = services.open_facility(slug)
    if not facility.wifi_ssid:
        raise NotFound("the inn has not entered its Wi-Fi")
    services.require_on_site(facility, session_id=payload.session_id, site_key=payload.site_key)
    return {
        "ssid": facility.wifi_ssid,
        "password": facility.wifi_password,
        "qr_code_url": data_url(
            qr_svg(wifi_text(facility.wifi_ssid, facility.wifi_password)), "image/svg+xml"
        ),
    }


@router.post("/chat", response=schemas.ChatOut, auth=None)
async def post_chat(
    request: HttpRequest, response: HttpResponse, payload: schemas.ChatIn
) -> dict[str, object]:
    """Ask the inn a question.

    Keep the `session_id` of the answer for the next question: it may be a new one.
    """
    refuse_when_crowded(payload)
    asked = await run_step(take_question, request, payload)
    # A guest who goes away does not lose his answer: it is stored all the same.
    turn = await asyncio.shield(keep_running(services.finish_turn(asked)))
    remember_session(response, turn.conversation)
    if turn.conversation.is_check:
        response[checks.HEADER] = checks.ACCEPTED
    return chat_out(turn)


@router.post("/chat/stream", auth=None, openapi_extra=schemas.STREAM_DOCS)
async def post_chat_stream(request: HttpRequest, payload: schemas.ChatIn) -> StreamingHttpResponse:
    """Ask the inn a question and read the answer while it is being written.

    Sends `event: token` with `{"text"}` for each piece, then one `event: done` with the body of
    `POST /chat`, or `event: error` with the error body. What `done` says counts: it differs from
    the pieces when the AI fails half-way.
    """
    refuse_when_crowded(payload)
    asked = await run_step(take_question, request, payload)
    response = event_stream(request, answer_events(asked))
    remember_session(response, asked.conversation)
    return response


def is_crowded() -> bool:
    """Whether the answer to another question would come too late anyway."""
    return under_way() >= MOST_AT_ONCE or waited_seconds() > CROWDED_SECONDS


def refuse_when_crowded(payload: schemas.ChatIn) -> None:
    """Raises Crowded before anything is stored. Who tells of danger is always heard.

    `yadopera.door` refuses most of them at a tenth of the cost; these came in between.
    """
    if is_crowded() and not find_emergency(payload.message):
        raise Crowded(retry_after_seconds=come_back_seconds())


async def answer_events(
    asked: services.Turn | services.Asked,
) -> AsyncIterator[Event]:
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    async def answer() -> services.Turn:
        try:
            return await services.finish_turn(asked, tell=pieces.put)
        finally:
            await pieces.put(None)

    answering = keep_running(answer())
    told = False
    while (piece := await pieces.get()) is not None:
        told = True
        yield Event("token", {"text": piece})
    turn = await asyncio.shield(answering)
    if not told:
        yield Event("token", {"text": turn.reply.content})
    yield Event("done", schemas.ChatOut.model_validate(chat_out(turn)).model_dump(mode="json"))


def take_question(request: HttpRequest, payload: schemas.ChatIn) -> services.Turn | services.Asked:
    """Count the call, store the question and, where no model is needed, its answer."""
    enforce(request, "chat", session=payload.session_id or "")
    return services.take_question(
        facility_id=payload.facility_id,
        message=services.GuestMessage(
            text=payload.message,
            language=payload.language,
            browser_language=browser_language(request),
            location=payload.location,
            session_id=payload.session_id,
            site_key=payload.site_key,
            client_message_id=payload.client_message_id,
            is_check=checks.is_check(request, payload.facility_id),
        ),
    )


def chat_out(turn: services.Turn) -> dict[str, object]:
    escalation = turn.escalation
    return {
        "message": turn.reply,
        "session_id": turn.conversation.session_id,
        "ai_confidence": turn.reply.ai_confidence,
        "is_escalated": escalation is not None,
        "escalation_id": escalation and escalation.pk,
        "escalation": {
            "needed": escalation is not None,
            "mode": escalation and escalation.mode,
            "trigger_type": escalation and escalation.trigger_type,
            "reason": escalation and escalation.get_trigger_type_display(),
            "notified": escalation is not None and escalation.notified_at is not None,
        },
    }


def cookie_name(facility_id: int) -> str:
    return f"yadopera_session_{facility_id}"


def remember_session(response: HttpResponseBase, conversation: Conversation) -> None:
    """For clients that vote without naming their session. No script can read it."""
    response.set_cookie(
        cookie_name(conversation.facility_id),
        conversation.session_id,
        max_age=SESSION_LIFE,
        path="/api/v1/chat",
        httponly=True,
        samesite="Lax",
        secure=settings.GUEST_COOKIE_SECURE,
    )


@router.get("/chat/history/{session_id}", response=schemas.HistoryOut, auth=None)
def get_history(
    request: HttpRequest,
    session_id: SessionIdInPath,
    facility_id: FacilityId = None,
    after: Annotated[int | None, Query(ge=0, le=MAX_ID)] = None,
) -> dict[str, object]:
    """What was said, oldest first; with `after`, only what came after that message."""
    conversation = sessions.find_conversation(session_id, facility=find_facility(facility_id))
    rows = conversation.messages.filter(pk__gt=after or 0).select_related("feedback")
    messages = list(rows)
    services.note_seen(conversation.pk, messages[-1].pk if messages else after or 0)
    return {
        "session_id": conversation.session_id,
        "facility_id": conversation.facility_id,
        "language": conversation.language,
        "location": conversation.location or None,
        "started_at": conversation.started_at,
        "last_activity_at": conversation.last_activity_at,
        "messages": messages,
    }


@router.delete("/chat/history/{session_id}", response=DoneOut, auth=None)
def delete_history(
    request: HttpRequest,
    response: HttpResponse,
    session_id: SessionIdInPath,
    facility_id: FacilityId = None,
) -> dict[str, object]:
    """Delete the conversation, on every device, at once and for good."""
    enforce(request, "chat", session=session_id)
    conversation = sessions.find_conversation(session_id, facility=find_facility(facility_id))
    delete_conversation(conversation)
    response.delete_cookie(cookie_name(conversation.facility_id))
    return {"success": True, "message": say("deleted", conversation.language)}


@router.post("/chat/email", response=schemas.EmailOut, auth=None)
def post_email(request: HttpRequest, payload: schemas.EmailIn) -> dict[str, object]:
    """Have answers mailed that are not seen in the chat, for a guest who agrees to it."""
    enforce(request, "chat", session=payload.session_id)
    conversation = sessions.find_conversation(
        payload.session_id, facility=services.get_facility(payload.facility_id)
    )
    consent = services.agree_to_mail(conversation, payload.email)
    return {
        "success": True,
        "message": say("mail_saved", conversation.language),
        "consent": consent,
    }


@router.get("/chat/events/{session_id}", auth=None, openapi_extra=schemas.STREAM_DOCS)
async def get_events(
    request: HttpRequest,
    session_id: SessionIdInPath,
    facility_id: FacilityId = None,
    after: Annotated[RowIdText | None, Query()] = None,
) -> StreamingHttpResponse:
    """New messages of the conversation as they are stored, staff's replies above all.

    Each is an `event: message` with the fields of the history and its id as the event's, so that a
    browser that comes back goes on where it was (`Last-Event-ID`). `after` does the same for the
    first call; without either the stream begins with what comes next. A comment every 15 seconds
    keeps the connection open. The stream ends with the session.
    """
    last_event_id = request.headers.get("Last-Event-ID", "")
    if last_event_id.isascii() and last_event_id.isdecimal():
        after = min(int(last_event_id), MAX_ID)
    stream = await run_step(open_stream, request, session_id, facility_id, after)
    return event_stream(request, message_events(*stream))


def open_stream(
    request: HttpRequest, session_id: str, facility_id: int | None, after: int | None
) -> tuple[int, int]:
    """The conversation, and the message after which the stream begins."""
    enforce(request, "stream", session=session_id)
    conversation = sessions.find_conversation(session_id, facility=find_facility(facility_id))
    if after is None:
        newest = conversation.messages.order_by("-pk").values_list("pk", flat=True).first()
        after = newest or 0
    else:
        services.note_seen(conversation.pk, after)
    return conversation.pk, after


async def message_events(conversation_id: int, after: int) -> AsyncIterator[Event | str]:
    async with switchboard().listen(conversation_id) as news:
        yield OPENING
        while True:
            news.clear()
            looked_at = time.monotonic()
            messages = await run_step(services.news_of, conversation_id, after)
            if messages is None:
                return
            for message in messages:
                after = message.pk
                data = schemas.StoredMessageOut.from_orm(message).model_dump(mode="json")
                yield Event("message", data, id=message.pk)
            while time.monotonic() < looked_at + LOOK_SECONDS:
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT_SECONDS)
                    break
                except TimeoutError:
                    yield HEARTBEAT


@router.post("/chat/feedback", response=schemas.FeedbackOut, auth=None)
def post_feedback(request: HttpRequest, payload: schemas.FeedbackIn) -> dict[str, object]:
    """Thumbs up or down for one answer in the guest's own conversation."""
    enforce(request, "chat", session=payload.session_id or "")
    facility = services.facility_of_message(payload.message_id)
    session_id = payload.session_id or request.COOKIES.get(cookie_name(facility.pk), "")
    feedback = services.vote(
        sessions.find_conversation(session_id, facility=facility),
        message_id=payload.message_id,
        feedback_type=payload.feedback_type,
        address=client_address(request),
    )
    return {
        "id": feedback.pk,
        "message_id": feedback.message_id,
        "feedback_type": feedback.feedback_type,
        "created_at": feedback.created_at,
    }


@router.post("/chat/escalate", response=schemas.EscalateOut, auth=None)
def post_escalate(request: HttpRequest, payload: schemas.SessionIn) -> dict[str, object]:
    """'Contact staff'."""
    enforce(request, "chat", session=payload.session_id)
    conversation = sessions.find_conversation(
        payload.session_id, facility=services.get_facility(payload.facility_id)
    )
    call, text = services.call_staff(conversation)
    return {"success": True, "escalation_id": call.pk, "message": text}


@router.post("/session/generate", response=schemas.TokenOut, auth=None)
def post_generate(request: HttpRequest, payload: schemas.SessionIn) -> dict[str, object]:
    """A code of four characters with which another device joins this conversation."""
    enforce(request, "session", session=payload.session_id)
    conversation = sessions.find_conversation(
        payload.session_id, facility=services.get_facility(payload.facility_id)
    )
    return token_out(conversation)


@router.get("/session/session/{session_id}/token", response=schemas.TokenOut, auth=None)
def get_session_token(request: HttpRequest, session_id: SessionIdInPath) -> dict[str, object]:
    """The living code of this session; 404 when none was made."""
    enforce(request, "session", session=session_id)
    conversation = sessions.find_conversation(session_id)
    if not sessions.has_token(conversation):
        raise NotFound("no code was made for this session")
    return token_out(conversation)


def token_out(conversation: Conversation) -> dict[str, object]:
    token = sessions.make_token(conversation)
    return {
        "token": token.token,
        "primary_session_id": conversation.session_id,
        "linked_session_ids": linked_session_ids(conversation),
        "expires_at": token.expires_at,
        "created_at": token.created_at,
    }


def linked_session_ids(conversation: Conversation) -> list[str]:
    return list(conversation.devices.order_by("pk").values_list("session_id", flat=True))


def try_code(request: HttpRequest, code: str, facility: Facility | None) -> SessionToken | None:
    """The living code. Whoever tries many wrong ones is soon refused the right one too, and so is
    everybody at an inn where many are tried: a code is short enough to be typed."""
    tries = (
        ("wrong_code", f"address:{one_caller(client_address(request))}"),
        ("wrong_code_at_inn", f"facility:{facility.pk if facility else 'any'}"),
    )
    for limit, caller in tries:
        enforce_each(limit, caller, count=False)
    found = sessions.find_token(code, facility=facility)
    if found is None:
        for limit, caller in tries:
            enforce_each(limit, caller)
    return found


@router.get("/session/token/{token}", response=schemas.TokenStateOut, auth=None)
def get_token_state(
    request: HttpRequest,
    token: Annotated[Text, Path(max_length=10)],
    facility_id: FacilityId = None,
) -> dict[str, object]:
    """Whether a code can be used, and nothing about whose it is."""
    enforce(request, "session")
    found = try_code(request, token, find_facility(facility_id))
    language = browser_language(request)
    return {
        "valid": found is not None,
        "token": token if found else "",
        "expires_at": found and found.expires_at,
        "message": say("token_valid" if found else "token_invalid", language),
    }


@router.post("/session/link", response=schemas.LinkOut, auth=None)
def post_link(request: HttpRequest, payload: schemas.LinkIn) -> dict[str, object]:
    """Join this device to the conversation of a code; both see one history from then on."""
    enforce(request, "session", session=payload.current_session_id)
    facility = services.get_facility(payload.facility_id)
    if try_code(request, payload.token, facility) is None:
        raise NotFound("no such code")
    primary = sessions.link_device(
        facility=facility,
        code=payload.token,
        session_id=payload.current_session_id,
    )
    return {
        "success": True,
        "message": say("devices_linked", browser_language(request)),
        "primary_session_id": primary.session_id,
        "linked_session_ids": linked_session_ids(primary),
    }
