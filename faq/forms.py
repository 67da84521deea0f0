"""The form of a FAQ: all its languages on one page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from facilities.models import Facility
from facilities.schemas import MAX_ID
from faq.facts import PLACEHOLDERS, unknown_placeholders
from faq.history import FIELDS, Snapshot, snapshot_of, value_shown
from faq.models import ANSWER_LENGTH, QUESTION_LENGTH, Faq, FaqRevision, FaqWording
from yadopera.languages import LANGUAGES

#: What a language has: its fields are called `{part}_{language}`.
PARTS: Final = ("question", "answer", "wordings")


class TextField(forms.CharField):
    """A browser sends line breaks as two characters; stored, counted and compared they are one."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(one_line_break(value or "")))


class QuestionField(TextField):
    """In one line."""

    def to_python(self, value: Any) -> str:
        return " ".join(super().to_python(value).splitlines())


class WordingsField(TextField):
    """One a line, each once."""

    def to_python(self, value: Any) -> str:
        lines = (line.strip() for line in super().to_python(value).splitlines())
        return "\n".join(dict.fromkeys(filter(None, lines)))

    def validate(self, value: str) -> None:
        super().validate(value)
        if any(len(line) > QUESTION_LENGTH for line in value.splitlines()):
            text = _("Each line may have up to %(limit)d characters.")
            raise ValidationError(text, params={"limit": QUESTION_LENGTH})


def one_line_break(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Card:
    """A language, as the page shows it."""

    code: str
    name: str
    question: BoundField
    answer: BoundField
    wordings: BoundField
    #: How many other wordings there are.
    wording_count: int
    is_own: bool
    #: On the guest page.
    is_offered: bool
    is_missing: bool
    #: There when the inn's own text changed after this one.
    still_right: BoundField | None
    #: What a colleague has stored meanwhile where staff wrote something else: `(label, text)`.
    stored_meanwhile: list[tuple[str, str]]
    #: What guests still read where another answer is proposed; None where none is.
    answered_now: str | None


class FaqForm(forms.ModelForm):
    #: The last change of this FAQ that whoever opened the page has seen.
    version = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_ID, widget=forms.HiddenInput
    )
    priority = forms.TypedChoiceField(
        label=_("priority"),
        coerce=int,
        initial=3,
        choices=[(5, _("5 (offered first)")), (4, "4"), (3, "3"), (2, "2"), (1, _("1 (last)"))],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Faq
        fields = ["facility", "category", "intent_key", "priority", "is_active", "visibility"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance.pk is None
        self.choose_facility()
        self.fields["intent_key"].required = False
        self.fields["intent_key"].help_text = _(
            "Names the question in files and statistics. Left empty, it is made for you."
        )
        if self.is_new:
            visibility: Any = self.fields["visibility"]
            visibility.required = False
            visibility.choices = [("", _("as fits the answer")), *Facility.Visibility.choices]
            self.initial["visibility"] = ""
        else:
            snapshot = snapshot_of(self.instance)
            self.initial.update(form_values(snapshot, self.instance))
            self.initial["version"] = self.newest_revision()
        self.outdated = self.instance.outdated_languages(self.own) if not self.is_new else set()
        #: Names of fields -> what a colleague stored while this form was open.
        self.stored_meanwhile: dict[str, Any] = {}
        #: Language -> the stored answer, where the form shows another that is proposed.
        self.proposed_for: dict[str, str] = {}

    def propose(self, language: str, answer: str) -> None:
        """Show `answer` instead of the stored one, which stays until somebody saves the form."""
        name = f"answer_{language}"
        self.proposed_for[language] = self.initial.get(name, "")
        self.initial[name] = answer

    def choose_facility(self) -> None:
        """A FAQ stays with its inn, and who works at one inn has no choice."""
        offered: Any = self.fields["facility"]
        if not self.is_new:
            self.facility = self.instance.facility
            del self.fields["facility"]
            return
        facilities = list(offered.queryset)
        chosen = str(self.data.get("facility") or self.initial.get("facility") or "")
        # There is one: who works nowhere does not get here.
        self.facility = next((f for f in facilities if str(f.pk) == chosen), facilities[0])
        if len(facilities) == 1:
            self.instance.facility = self.facility
            del self.fields["facility"]
        else:
            self.initial["facility"] = self.facility.pk

    def newest_revision(self) -> int:
        newest = FaqRevision.objects.filter(faq_id=self.instance.pk).first()
        return newest.pk if newest else 0

    @property
    def own(self) -> str:
        """The inn's own language."""
        return str(self.facility.language)

    @property
    def languages(self) -> list[str]:
        """The inn's own, those on the guest page, the others."""
        return list(dict.fromkeys([self.own, *self.facility.languages, *LANGUAGES]))

    # Checking -----------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for code in LANGUAGES:
            self.check_text(code)
        if not self.errors and not any(cleaned[f"question_{code}"] for code in LANGUAGES):
            self.add_error(f"question_{self.own}", _("Write it in one language at least."))
        self.check_key()
        if self.is_new:
            self.check_newness()
        else:
            self.check_version()
        return cleaned

    def check_text(self, code: str) -> None:
        names = question, answer = f"question_{code}", f"answer_{code}"
        written = {name: self.cleaned_data.get(name) for name in names}
        for name, text in written.items():
            if unknown := unknown_placeholders(text or ""):
                problem = _("%(found)s is no fact of the inn: a guest would read it as it stands.")
                self.add_error(name, ValidationError(problem, params={"found": unknown[0]}))
        if written[question] and written[answer] == "":
            self.add_error(answer, _("Write the answer too, or empty the question."))
        if written[answer] and written[question] == "":
            self.add_error(question, _("Write the question too, or empty the answer."))

    def check_key(self) -> None:
        key = self.cleaned_data.get("intent_key")
        others = Faq.objects.for_facility(self.facility).exclude(pk=self.instance.pk)
        if key and others.filter(intent_key=key).exists():
            self.add_error(
                "intent_key",
                _("Another FAQ of this inn has this key already. Choose another, or none."),
            )

    def check_newness(self) -> None:
        """A form that is sent twice makes one FAQ; and one that is deleted is not changed."""
        if self.cleaned_data.get("version") is not None:
            self.tell_of_deletion()
            return
        Facility.objects.select_for_update(no_key=True).get(pk=self.facility.pk)
        for code in LANGUAGES:
            question = self.cleaned_data.get(f"question_{code}")
            same = Faq.objects.for_facility(self.facility).filter(
                translations__language=code, translations__question=question
            )
            if question and same.exists():
                self.add_error(
                    f"question_{code}", _("The inn has a FAQ with this question already.")
                )

    def tell_of_deletion(self) -> None:
        self.rewrite({"version": ""})
        self.add_error(
            None,
            _(
                "A colleague has deleted this FAQ while you were writing. What you wrote is still "
                "here: save it again, and it becomes a new FAQ."
            ),
        )

    def check_version(self) -> None:
        """Whoever saves second sees what the first has saved, and loses nothing of his own."""
        seen = self.cleaned_data.get("version") or 0
        newer = FaqRevision.objects.filter(faq_id=self.instance.pk, pk__gt=seen)
        newest, first = newer.first(), newer.last()
        if newest is None or first is None or first.before is None:
            return
        self.take_over(first.before)
        self.rewrite({"version": newest.pk})
        zone = ZoneInfo(self.facility.timezone)
        problem = _(
            "%(colleague)s changed this FAQ at %(time)s, while you were writing. What you wrote is "
            "still here and not saved yet; where you changed nothing, you see the new text. Look "
            "it through and save again."
        )
        params = {
            "colleague": newest.author or gettext("Somebody"),
            "time": date_format(timezone.localtime(newest.created_at, zone), "H:i"),
        }
        self.add_error(None, ValidationError(problem, params=params))

    def take_over(self, seen: Snapshot) -> None:
        """Put into the form what was stored since, but where staff wrote something themselves."""
        opened = form_values(seen, self.instance)
        for name, stored in form_values(snapshot_of(self.instance), self.instance).items():
            written = self.cleaned_data.get(name)
            if name not in self.errors and written == opened[name]:
                self.rewrite({name: stored})
            elif stored not in (opened[name], written):
                self.stored_meanwhile[name] = stored

    def rewrite(self, values: dict[str, Any]) -> None:
        """What the page shows instead of what was sent."""
        data: Any = self.data
        self.data = data.copy()
        for name, value in values.items():
            self.data[name] = value  # type: ignore[index]

    # What it says -------------------------------------------------------------------------------

    def texts(self) -> dict[str, tuple[str, str] | None]:
        """Those that staff changed; None: they emptied it."""
        changed = {}
        for code in LANGUAGES:
            names = f"question_{code}", f"answer_{code}"
            if any(self.cleaned_data[name] != self.initial.get(name, "") for name in names):
                question, answer = (self.cleaned_data[name] for name in names)
                changed[code] = (question, answer) if question else None
        return changed

    def wordings(self) -> set[tuple[str, str]]:
        return {
            (code, line)
            for code in LANGUAGES
            for line in self.cleaned_data[f"wordings_{code}"].splitlines()
        }

    def still_right(self) -> list[str]:
        return [code for code in LANGUAGES if self.cleaned_data.get(f"still_right_{code}")]

    # What the page shows ------------------------------------------------------------------------

    def cards(self) -> Iterator[Card]:
        for code in self.languages:
            fields = {part: self[f"{part}_{code}"] for part in PARTS}
            conflicts = [
                (str(field.label), self.stored_meanwhile[field.name])
                for field in fields.values()
                if field.name in self.stored_meanwhile
            ]
            yield Card(
                code=code,
                name=LANGUAGES[code],
                **fields,
                wording_count=len((fields["wordings"].value() or "").splitlines()),
                is_own=code == self.own,
                is_offered=code in self.facility.languages,
                is_missing=code in self.missing(),
                still_right=self[f"still_right_{code}"] if code in self.outdated else None,
                stored_meanwhile=conflicts,
                answered_now=self.proposed_for.get(code),
            )

    def other_conflicts(self) -> list[tuple[str, str]]:
        """What a colleague has set otherwise meanwhile, outside of the texts: `(label, value)`."""
        return [
            (str(self.fields[name].label), value_shown(Faq._meta.get_field(name), value))
            for name, value in self.stored_meanwhile.items()
            if name in FIELDS
        ]

    def missing(self) -> dict[str, str]:
        """Language -> its name, of those that are not stored; of a new FAQ, none."""
        if self.is_new:
            return {}
        return {c: LANGUAGES[c] for c in self.languages if not self.initial.get(f"question_{c}")}

    def outdated_names(self) -> list[str]:
        return [LANGUAGES[code] for code in self.languages if code in self.outdated]

    def facts(self) -> list[tuple[str, str, str]]:
        """What may be used in a text: (placeholder, what it is, what it is at this inn)."""
        known = self.facility.facts(self.own)
        names: dict[str, Any] = {
            name: Facility._meta.get_field(name).verbose_name  # type: ignore[union-attr]
            for name in PLACEHOLDERS
            if name != "facility_name"
        }
        names["facility_name"] = _("name of the inn")
        # Not for a screen that guests may look at.
        if known["wifi_password"]:
            known["wifi_password"] = "••••••"  # noqa: S105
        return [(f"{{{name}}}", names[name], known[name]) for name in PLACEHOLDERS]


def form_values(snapshot: Snapshot, faq: Faq) -> dict[str, Any]:
    """What the fields hold when the FAQ is as `snapshot` says. The wordings learned from guests,
    which no snapshot holds, are those of now."""
    values = {name: snapshot[name] for name in FIELDS}
    learned: dict[str, list[str]] = {}
    guests = faq.wordings.filter(origin=FaqWording.Origin.GUEST)
    for language, text in guests.order_by("pk").values_list("language", "text"):
        learned.setdefault(language, []).append(text)
    for code in LANGUAGES:
        question, answer = snapshot["texts"].get(code, ("", ""))
        lines = [*snapshot["wordings"].get(code, ()), *learned.get(code, ())]
        # As the fields would read them, so that what nobody touched counts as unchanged.
        values[f"question_{code}"] = QuestionField(required=False).to_python(question)
        values[f"answer_{code}"] = TextField(required=False).to_python(answer)
        values[f"wordings_{code}"] = WordingsField(required=False).to_python("\n".join(lines))
    return values


def area(code: str, rows: int) -> UnfoldAdminTextareaWidget:
    return UnfoldAdminTextareaWidget({"rows": rows, "lang": code})


for _code, _name in LANGUAGES.items():
    FaqForm.declared_fields |= {
        f"question_{_code}": QuestionField(
            label=_("question"), required=False, max_length=QUESTION_LENGTH, widget=area(_code, 2)
        ),
        f"answer_{_code}": TextField(
            label=_("answer"), required=False, max_length=ANSWER_LENGTH, widget=area(_code, 5)
        ),
        f"wordings_{_code}": WordingsField(
            label=_("other ways guests ask it"),
            required=False,
            help_text=_("One a line. Guests do not see them; they help to find this FAQ."),
            widget=area(_code, 3),
        ),
        f"still_right_{_code}": forms.BooleanField(
            label=_("I have read it: it still says the same"),
            required=False,
            widget=UnfoldBooleanWidget,
        ),
    }
