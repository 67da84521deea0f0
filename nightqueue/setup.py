"""What an inn has yet to do before its guests ask: the guided first run.

Nothing here is stored. Each step is read off the data it is about, so that it is done when that is
done, wherever and by whomever, and is there again when it is undone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from chat.models import Message
from facilities.models import Facility, SiteKey
from faq.facts import MissingFact, fill_in
from faq.models import Faq
from faq.services import waiting_starters
from nightqueue.models import Delivery

#: The facts without which the questions that every guest asks go to staff, by their fields.
NEEDED_FACTS: Final = (
    "name_en",
    "address",
    "phone",
    "check_in_time",
    "check_out_time",
    "wifi_ssid",
    "wifi_password",
    "house_rules",
    "prohibited_items",
    "local_info",
)


@dataclass(frozen=True)
class Link:
    text: str | Promise
    address: str
    #: The guest's page does not take the place of the admin.
    opens_tab: bool = False


@dataclass(frozen=True)
class Step:
    name: str
    title: str | Promise
    text: str | Promise
    is_done: bool
    links: tuple[Link, ...]
    #: What exactly is missing, in the reader's words.
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Starter:
    """A starter FAQ that claims something about the house."""

    faq: Faq
    question: str
    #: As guests would read it.
    answer: str
    #: The fact that it needs and the inn has not given; guests are not answered without.
    missing: str = ""


class Setup:
    """One inn's; `steps` in the order in which they are best done."""

    def __init__(self, facility: Facility) -> None:
        self.facility = facility

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return (self.facts, self.starter_faqs, self.codes, self.test_question, self.channels)

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def is_done(self) -> bool:
        return self.next is None

    @property
    def next(self) -> Step | None:
        """The first that is left; None when nothing is."""
        return next((step for step in self.steps if not step.is_done), None)

    @property
    def address(self) -> str:
        return reverse("setup_of", args=[self.facility.slug])

    @property
    def facts(self) -> Step:
        missing = tuple(missing_facts(self.facility))
        return Step(
            "facts",
            _("Enter the inn's facts"),
            _("Guests are told what stands there. What is empty goes to you as a question."),
            is_done=not missing,
            links=(
                Link(
                    _("Enter facts"),
                    reverse("admin:facilities_facility_change", args=[self.facility.pk]),
                ),
            ),
            missing=missing,
        )

    @property
    def starter_faqs(self) -> Step:
        return Step(
            "starters",
            _("Confirm the starter FAQs"),
            _("Some answers differ from inn to inn. Those that you confirm are shown to guests."),
            is_done=not waiting_starters(self.facility).exists(),
            links=(Link(_("Read and confirm"), f"{self.address}#starters"),),
        )

    @property
    def codes(self) -> Step:
        has_code = SiteKey.objects.for_facility(self.facility).valid().exists()
        make = Link(_("Make a QR code"), reverse("admin:facilities_sitekey_add"))
        to_print = Link(_("Print"), reverse("admin:facilities_sitekey_changelist"))
        return Step(
            "codes",
            _("Hang up a QR code"),
            _("Make one for the entrance or for each room, print it and hang it up."),
            is_done=has_code,
            links=(to_print, make) if has_code else (make,),
        )

    @property
    def test_question(self) -> Step:
        asked = Message.objects.for_facility(self.facility).filter(role=Message.Role.USER)
        page = reverse("chat:guest_page", args=[self.facility.slug])
        return Step(
            "question",
            _("Ask a question as a guest"),
            _("Open the guest page, ask something, and look at the answer."),
            is_done=asked.exists(),
            links=(
                Link(_("Open the guest page"), page, opens_tab=True),
                Link(_("Try a question"), reverse("admin:chat_conversation_try_out")),
            ),
        )

    @property
    def channels(self) -> Step:
        """Done when a message, a test or any other, has arrived through a channel in use."""
        arrived = Delivery.objects.for_facility(self.facility).filter(
            state=Delivery.State.SENT, channel__is_active=True
        )
        return Step(
            "channels",
            _("See that you are told"),
            _("Choose where questions reach you, tick it in the list, and send a test."),
            is_done=arrived.exists(),
            links=(
                Link(_("Where staff are told"), reverse("admin:nightqueue_channel_changelist")),
            ),
        )

    @cached_property
    def starters(self) -> list[Starter]:
        """Those that wait for the inn's word."""
        language = "ja" if get_language() == "ja" else "en"
        faqs = waiting_starters(self.facility).with_texts()
        return [starter(faq, self.facility, language) for faq in faqs]


def missing_facts(facility: Facility) -> Iterator[str]:
    """What the missing facts are called."""
    yield from (name_of(fact) for fact in NEEDED_FACTS if not getattr(facility, fact))
    if not facility.emergency_line:
        yield name_of("emergency_contact")


def name_of(fact: str) -> str:
    return str(Facility._meta.get_field(fact).verbose_name)  # type: ignore[union-attr]


def starter(faq: Faq, facility: Facility, language: str) -> Starter:
    text = faq.translation_for(language)
    if text is None:  # somebody has deleted its texts
        return Starter(faq, faq.intent_key, "")
    try:
        return Starter(faq, text.question, fill_in(text.answer, facility, text.language))
    except MissingFact as missing:
        return Starter(faq, text.question, text.answer, missing=name_of(missing.args[0]))
