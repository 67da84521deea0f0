"""The right FAQ is found, on inns that neither the library nor the vocabulary was written for."""

from pathlib import Path

import pytest

from chat.evaluation import answer_set, collect_examples, read_questions, share
from facilities.models import Facility
from faq.models import Faq
from faq.search import search_faqs
from faq.transfer import import_folder


def search(facility, question):
    return search_faqs(facility, question, language="en")


SETS = sorted((Path(__file__).parents[1] / "evaluation").iterdir())


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_the_first_match_is_right_three_times_in_four(db, folder):
    facility = import_folder(folder).facility
    intents = dict(Faq.objects.for_facility(facility).values_list("pk", "intent_key"))
    asked = [question for question in read_questions(folder) if question.kind == "answerable"]

    first = [
        search_faqs(facility, question.question, language=question.language).matches[:1]
        for question in asked
    ]

    right = sum(
        bool(found) and intents[found[0].faq_id] in question.expected_intents
        for question, found in zip(asked, first, strict=True)
    )
    assert right / len(asked) >= 0.75


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: folder.name)
def test_wrong_answers_are_rare_and_the_unanswerable_goes_to_staff(db, folder):
    pairs = answer_set(folder)

    wrong, questions = share(pairs, "wrong")
    abstained, unanswerable = share(pairs, "abstained")
    assert wrong / questions <= 0.10
    assert abstained / unanswerable >= 0.80


def test_examples_are_collected_and_nothing_is_left_behind(db):
    before = Facility.objects.count()

    examples = collect_examples(SETS[0])

    assert len(examples) > 100
    assert {right for example in examples for _, right, _ in example.faqs} == {True, False}
    assert Facility.objects.count() == before


def test_only_the_facilitys_own_published_faqs_are_found(sakura, maple):
    laundry = sakura.faqs.get(intent_key="facilities_laundry")
    maple.faqs.all().delete()

    assert search(sakura, "is there a washing machine").matches[0].faq_id == laundry.pk
    assert search(maple, "is there a washing machine").matches == ()
    sakura.faqs.filter(pk=laundry.pk).update(is_active=False)
    found = [match.faq_id for match in search(sakura, "is there a washing machine").matches]
    assert laundry.pk not in found


def test_a_wording_of_the_inn_is_found_at_once(sakura):
    faq = sakura.faqs.get(intent_key="facilities_laundry")
    faq.wordings.create(language="en", text="zzyzx kwyjibo")

    best = search(sakura, "kwyjibo zzyzx").matches[0]

    assert best.faq_id == faq.pk


def test_a_question_is_one_statement(sakura, django_assert_num_queries):
    with django_assert_num_queries(1):
        search(sakura, "is there a washing machine")


@pytest.mark.parametrize("question", ["", "😀", "\x00", "' OR 1=1 --", "x" * 1000, "?"])
def test_odd_questions_find_nothing_or_something_but_do_no_harm(sakura, question):
    assert 0 <= search(sakura, question).confidence <= 1
