"""The provider's vectors follow the texts, in batches, and a failure is seen and repaired."""

import pytest
from django.core.management import call_command
from kombu.exceptions import OperationalError

from faq import embeddings, tasks
from faq.embeddings import embed_outdated
from faq.models import FaqTranslation, FaqWording

EMBED = "/embeddings"


@pytest.fixture
def few(sakura, maple):
    """Two FAQs are enough."""
    maple.faqs.all().delete()
    sakura.faqs.exclude(intent_key__in=["facilities_wifi", "facilities_laundry"]).delete()
    laundry = sakura.faqs.get(intent_key="facilities_laundry")
    laundry.wordings.create(language="en", text="my socks are soaked")
    return sakura


def texts():
    return [*FaqTranslation.objects.all(), *FaqWording.objects.all()]


def test_every_text_gets_a_vector_in_batches(provider, few):
    count = len(texts())

    assert embed_outdated() == (count, "")

    assert all(text.embedding_model == "text-embedding-3-small" for text in texts())
    assert len(provider.embeddings) == 2, "one call for each kind of text"
    assert FaqWording.objects.exclude(embedding=None).count() == 1
    assert embed_outdated() == (0, ""), "nothing is left to do"


def test_saving_a_text_queues_its_vector_and_the_old_one_is_gone(
    provider, few, django_capture_on_commit_callbacks, monkeypatch
):
    embed_outdated()
    queued = []
    monkeypatch.setattr(
        tasks.embed_texts, "apply_async", lambda args, **options: queued.append(args)
    )
    text = FaqTranslation.objects.filter(language="en").first()

    with django_capture_on_commit_callbacks(execute=True):
        text.answer = "Something else entirely."
        text.save()
        text.save()

    assert queued == [[few.pk]]
    text.refresh_from_db()
    assert text.embedding is None
    tasks.embed_texts(few.pk)
    text.refresh_from_db()
    assert text.embedding is not None


def test_without_a_key_nothing_is_queued(few, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        FaqTranslation.objects.first().save()

    assert callbacks == []


def test_without_redis_a_text_is_saved_all_the_same(
    provider, few, django_capture_on_commit_callbacks, monkeypatch
):
    def away(*args, **options):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.embed_texts, "apply_async", away)

    with django_capture_on_commit_callbacks(execute=True):
        FaqTranslation.objects.first().save()


def test_a_failure_is_written_beside_the_texts_and_the_next_run_repairs_it(provider, few):
    provider.statuses = {EMBED: [401]}

    done, problem = embed_outdated()

    assert (done, "OPENAI_API_KEY" in problem) == (0, True)
    assert "OPENAI_API_KEY" in FaqTranslation.objects.first().embedding_problem
    embed_outdated()
    assert FaqTranslation.objects.first().embedding_problem == ""
    assert FaqTranslation.objects.first().embedding is not None


def test_what_was_made_before_a_failure_stays(provider, few, monkeypatch):
    monkeypatch.setattr(embeddings, "BATCH", 5)
    provider.statuses = {EMBED: []}
    real, calls = provider._embeddings, []

    def fail_the_third(body):
        calls.append(body)
        if len(calls) == 2:
            provider.statuses[EMBED].append(500)
        return real(body)

    monkeypatch.setattr(provider, "_embeddings", fail_the_third)
    done, problem = embed_outdated()

    assert done == 10
    assert "HTTP 500" in problem
    assert FaqTranslation.objects.exclude(embedding=None).count() == 10


def test_another_model_makes_them_anew(provider, few, settings):
    from yadopera.ai import get_provider

    count, _ = embed_outdated()
    settings.OPENAI_EMBEDDING_MODEL = "another-model"
    get_provider.cache_clear()

    assert embed_outdated()[0] == count
    assert FaqTranslation.objects.first().embedding_model == "another-model"


def test_a_text_changed_while_its_vector_was_made_is_made_again(provider, few, monkeypatch):
    text = FaqTranslation.objects.order_by("pk").first()
    embed, changed = embeddings.embed, []

    def embed_while_somebody_edits(batch, with_provider):
        if not changed:
            changed.append(True)
            FaqTranslation.objects.filter(pk=text.pk).update(question="New words?")
        embed(batch, with_provider)

    monkeypatch.setattr(embeddings, "embed", embed_while_somebody_edits)
    embed_outdated()

    sent = [line for call in provider.embeddings for line in call["input"]]
    assert f"New words?\n{text.answer}" in sent


def test_reindex_says_what_it_made_and_what_is_missing(provider, few, capsys):
    provider.statuses = {EMBED: [401]}
    call_command("reindex")
    said = capsys.readouterr()
    assert "0 vectors" in said.out
    assert "OPENAI_API_KEY" in said.err

    call_command("reindex")
    assert f"{len(texts())} vectors" in capsys.readouterr().out


def test_what_only_guests_at_the_inn_may_know_is_not_sent(provider, few):
    wifi = few.faqs.get(intent_key="facilities_wifi")
    assert wifi.visibility == "on_site"
    door = wifi.translations.get(language="en")
    door.answer = "The door code is 4711."
    door.save()
    laundry = few.faqs.get(intent_key="facilities_laundry").translations.get(language="en")
    laundry.answer = f"In the cellar; the Wi-Fi there is {few.wifi_password}, too."
    laundry.save()

    embed_outdated()

    sent = str([call["input"] for call in provider.embeddings])
    assert door.question in sent
    assert "4711" not in sent
    assert "In the cellar" in sent
    assert few.wifi_password not in sent
