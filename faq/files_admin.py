"""FAQs as a CSV file, out of the admin and into it."""

from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from facilities import audit
from facilities.admin import OwnedAdmin, attachment, signed_in
from facilities.models import Facility
from faq.models import Faq, FaqTranslation, FaqUpload
from faq.presets import load_presets
from faq.transfer import (
    FAQ_FIELDS,
    UPLOADED_ROWS,
    FaqRow,
    as_csv,
    decode,
    encoding_problem,
    faq_cells,
    fill,
    kind_problem,
    unwritable,
)
from faq.uploads import (
    MAX_UPLOAD_BYTES,
    Outdated,
    Progress,
    compare,
    import_upload,
    keep_upload,
    progress_of,
    read_upload,
    setting_shown,
)
from yadopera.errors import InvalidRequest
from yadopera.languages import LANGUAGE_CHOICES, LANGUAGES

#: FAQs, and bad cells, that a preview shows; the rest are counted.
SHOWN: Final = 50
#: Characters of a language that an encoding lacks, in one message.
CHARACTERS_SHOWN: Final = 5
#: Encodings that staff choose from; Python's name -> what they read.
ENCODINGS: Final = {
    "utf-8-sig": _("UTF-8, for Excel and everything else"),
    "cp932": _("Shift_JIS (CP932), for older programs"),
}


def rows_of(facility: Facility) -> list[dict[str, object]]:
    """The cells of all its FAQs, read without the vectors by which texts are found: those are most
    of a row."""
    texts = FaqTranslation.objects.only("faq_id", "language", "question", "answer")
    faqs = Faq.objects.for_facility(facility).order_by("category", "intent_key")
    return [faq_cells(faq) for faq in faqs.prefetch_related(Prefetch("translations", texts))]


def cannot_write(missing: dict[str, str]) -> str:
    """What staff are told of texts that an encoding would lose."""
    named = [
        f"{LANGUAGES.get(code, 'intent_key')} ({' '.join(characters[:CHARACTERS_SHOWN])}"
        f"{' …' if len(characters) > CHARACTERS_SHOWN else ''})"
        for code, characters in missing.items()
    ]
    text = gettext(
        "Shift_JIS has no characters for: %(languages)s. Nothing was written, so that nothing is "
        "lost. Choose UTF-8, or leave these languages out; what the file has no columns for stays "
        "as it is when you import it again."
    )
    return text % {"languages": ", ".join(named)}


def unfound(request: HttpRequest) -> int:
    """How many FAQs of the user's inns wait for the worker to make them findable."""
    texts = FaqTranslation.objects.for_user(request.user).filter(index_version=None)
    waiting = texts.filter(faq__is_active=True)
    return waiting.values("faq").distinct().count()


def progress_lines(progress: Progress) -> list[str]:
    """How far the worker is, in words."""

    def line(text: str, done: int) -> str:
        shown = (number_format(n, force_grouping=True) for n in (done, progress.faqs))
        return text % dict(zip(("done", "faqs"), shown, strict=True))

    lines = [line(gettext("%(done)s of %(faqs)s FAQs can be found by guests."), progress.findable)]
    if progress.embedded is not None:
        text = gettext("%(done)s of %(faqs)s FAQs are ready for the AI search.")
        lines.append(line(text, progress.embedded))
    return lines


def column_shown(column: str) -> str:
    """A column of the file by its name there and, where staff know it by another, by that too."""
    if column not in FAQ_FIELDS:
        return column
    option: Any = Faq._meta.get_field(column)
    return f"{option.verbose_name} ({column})"


@dataclass(frozen=True)
class NewFaq:
    """A row of the file as the FAQ that it would become."""

    row: FaqRow
    faq: Faq

    def language(self) -> str:
        """In which its text is shown."""
        return next(iter(self.row.texts))

    def text(self) -> tuple[str, str]:
        return self.row.texts[self.language()]

    def languages(self) -> str:
        return ", ".join(LANGUAGES[code] for code in self.row.texts)

    def settings(self) -> list[tuple[str, str]]:
        """(what it is called, what it will be)."""
        shown = ("category", "visibility", "is_active")
        return [
            (label, after)
            for name in shown
            for label, _before, after in [setting_shown(name, None, getattr(self.faq, name))]
        ]


class OfFacility(forms.Form):
    """About one of the inns at which the user works; asks which when there are several."""

    facility = forms.ModelChoiceField(Facility.objects.none(), label=_("inn"), empty_label=None)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["facility"]
        field.queryset = Facility.objects.for_user(request.user)
        if len(mine := list(field.queryset[:2])) == 1:
            self.initial["facility"] = mine[0]
            field.widget = forms.HiddenInput()


class ExportForm(OfFacility):
    encoding = forms.ChoiceField(
        label=_("kind of file"),
        choices=list(ENCODINGS.items()),
        initial="utf-8-sig",
        widget=forms.RadioSelect,
    )
    languages = forms.MultipleChoiceField(
        label=_("languages"),
        choices=LANGUAGE_CHOICES,
        initial=list(LANGUAGES),
        widget=forms.CheckboxSelectMultiple,
    )


class UploadForm(OfFacility):
    mode = forms.ChoiceField(
        label=_("what to do"),
        choices=FaqUpload.Mode.choices,
        initial=FaqUpload.Mode.UPDATE,
        widget=forms.RadioSelect,
    )
    # The theme's script, which shows the name of a chosen file, looks for the theme's own widget.
    file = forms.FileField(
        label=_("CSV file"), allow_empty_file=True, widget=UnfoldAdminFileFieldWidget
    )

    def clean_file(self) -> tuple[str, bytes]:
        """(name, content) of a file that may be a table."""
        file = self.cleaned_data["file"]
        if file.size > MAX_UPLOAD_BYTES:
            text = gettext("The file is larger than %(megabytes)d MB: split it.")
            raise forms.ValidationError(text % {"megabytes": MAX_UPLOAD_BYTES // 1024**2})
        content = file.read()
        wrong = kind_problem(content)
        if not wrong and decode(content) is None:
            wrong = gettext("%(problem)s: save it in Excel as “CSV UTF-8 (comma delimited)”")
            wrong = wrong % {"problem": encoding_problem()}
        if wrong:
            raise forms.ValidationError(gettext("This cannot be read: %(why)s.") % {"why": wrong})
        return file.name, content


class FilesAdmin(OwnedAdmin):
    """Under the admin of FAQs: the pages about files."""

    actions_list: Any = ("files", "try_out")
    actions_detail: Any = ("try_question",)

    def get_urls(self) -> list[Any]:
        def view(address: str, handler: Any, name: str) -> Any:
            page = self.admin_site.admin_view(self.for_staff(handler))
            return path(f"files/{address}", page, name=f"faq_faq_{name}")

        return [
            view("download/", require_safe(self.download), "download"),
            view("template/", require_safe(self.template), "template"),
            view("upload/", require_POST(self.upload), "upload"),
            view("<int:number>/", require_safe(self.preview), "preview"),
            view("<int:number>/import/", require_POST(self.confirm), "import"),
            view("<int:number>/progress/", require_safe(self.progress), "progress"),
            *super().get_urls(),
        ]

    def for_staff(self, handler: Any) -> Any:
        """`handler` for those who work at an inn; for others there is nothing."""

        def checked(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            if not self.has_view_permission(request):
                raise Http404
            response: HttpResponse = handler(request, **kwargs)
            return response

        return checked

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, which says so while FAQs wait for the worker to make them findable."""
        if request.method == "GET" and (waiting := unfound(request)):
            text = gettext(
                "FAQs that guests cannot be answered from yet, for a few minutes: %(n)s."
            )
            messages.info(request, text % {"n": number_format(waiting, force_grouping=True)})
        return super().changelist_view(request, extra_context)

    @action(description=_("CSV: import and export"), url_path="files", icon="table_view")
    def files(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise Http404
        return self.files_page(request)

    def files_page(self, request: HttpRequest, **forms_with_errors: forms.Form) -> HttpResponse:
        context = {
            "export": ExportForm(request, auto_id="export-%s"),
            "upload": UploadForm(request, auto_id="upload-%s"),
            "most_rows": UPLOADED_ROWS,
            "most_megabytes": MAX_UPLOAD_BYTES // 1024**2,
            **forms_with_errors,
        }
        return self.page(request, "faq/files.html", gettext("FAQs as a file"), context)

    def page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        own = {**self.admin_site.each_context(request), "title": title}
        return render(request, template, {**own, **context})

    # Out ----------------------------------------------------------------------------------------

    def download(self, request: HttpRequest) -> HttpResponse:
        form = ExportForm(request, request.GET, auto_id="export-%s")
        if not form.is_valid():
            return self.files_page(request, export=form)
        facility, chosen = form.cleaned_data["facility"], form.cleaned_data["languages"]
        encoding = form.cleaned_data["encoding"]
        rows = rows_of(facility)
        if wrong := unwritable(rows, chosen, encoding):
            form.add_error("encoding", cannot_write(wrong))
            return self.files_page(request, export=form)
        content = as_csv(rows, chosen, encoding)
        name = f"{facility.slug}-faqs.csv"
        user = signed_in(request)
        audit.record(audit.Action.EXPORTED, facility=facility, actor=user, text=name)
        return attachment(content, "text/csv", name)

    def template(self, request: HttpRequest) -> HttpResponse:
        """The names of the columns, and a row that shows how they are filled in."""
        preset = next(each for each in load_presets() if each.intent_key == "basic_check_in_time")
        row: dict[str, object] = {
            "category": preset.category,
            "intent_key": "example",
            "priority": preset.priority,
            "is_active": "false",
            "visibility": preset.visibility,
        }
        for code, text in preset.texts.items():
            row[f"language_{code}_question"] = text.question
            row[f"language_{code}_answer"] = text.answer
        content = as_csv([row], list(LANGUAGES), "utf-8-sig")
        return attachment(content, "text/csv", "faqs-template.csv")

    # In -----------------------------------------------------------------------------------------

    def upload(self, request: HttpRequest) -> HttpResponse:
        form = UploadForm(request, request.POST, request.FILES, auto_id="upload-%s")
        if not form.is_valid():
            return self.files_page(request, upload=form)
        name, content = form.cleaned_data["file"]
        kept = keep_upload(
            facility=form.cleaned_data["facility"],
            user=signed_in(request),
            name=name,
            content=content,
            mode=form.cleaned_data["mode"],
        )
        return redirect("admin:faq_faq_preview", kept.pk)

    def upload_of(self, request: HttpRequest, number: int) -> FaqUpload:
        uploads = FaqUpload.objects.for_user(request.user).alive().select_related("facility")
        return get_object_or_404(uploads, pk=number, uploaded_by=signed_in(request))

    def preview(self, request: HttpRequest, number: int) -> HttpResponse:
        """What importing would do; afterwards, what it has done and how far the worker is."""
        upload = self.upload_of(request, number)
        if upload.imported_at:
            progress = progress_of(upload.facility)
            told = {
                "upload": upload,
                "lines": progress_lines(progress),
                "is_done": progress.is_done,
            }
            return self.page(request, "faq/imported.html", gettext("Imported"), told)
        file = read_upload(upload)
        comparison = compare(upload, file)
        context = {
            "upload": upload,
            "problems": [(each, column_shown(each.column)) for each in file.problems[:SHOWN]],
            "more_problems": max(0, len(file.problems) - SHOWN),
            "problem_count": len(file.problems),
            "comparison": comparison,
            "digest": comparison.digest(),
            "new": [
                NewFaq(row, fill(Faq(facility=upload.facility), row))
                for row in comparison.new[:SHOWN]
            ],
            "more_new": max(0, len(comparison.new) - SHOWN),
            "changed": [(each, list(each.changes())) for each in comparison.changed[:SHOWN]],
            "more_changed": max(0, len(comparison.changed) - SHOWN),
        }
        return self.page(request, "faq/preview.html", gettext("Before anything changes"), context)

    def confirm(self, request: HttpRequest, number: int) -> HttpResponse:
        upload = self.upload_of(request, number)
        digest = request.POST.get("digest", "")
        try:
            import_upload(upload, actor=signed_in(request), digest=digest)
        except Outdated:
            text = gettext(
                "FAQs have changed since this preview. Nothing was imported: look again."
            )
            messages.warning(request, text)
        except InvalidRequest as error:
            messages.error(request, error.text)
        return redirect("admin:faq_faq_preview", number)

    def progress(self, request: HttpRequest, number: int) -> JsonResponse:
        """For the page of an import, while it is open."""
        progress = progress_of(self.upload_of(request, number).facility)
        return JsonResponse({"lines": progress_lines(progress), "done": progress.is_done})

    # What a guest would get, a page of the chat

    @action(description=_("Try a question"), url_path="try-out", icon="psychology_alt")
    def try_out(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:chat_conversation_try_out")

    @action(description=_("What would a guest get?"), url_path="try-out", icon="psychology_alt")
    def try_question(self, request: HttpRequest, object_id: int) -> HttpResponse:
        faq = get_object_or_404(self.get_queryset(request), pk=object_id)
        text = faq.translation_for(faq.facility.language)
        query = {"facility": faq.facility_id, "question": text.question if text else ""}
        return redirect(reverse("admin:chat_conversation_try_out", query=query))
