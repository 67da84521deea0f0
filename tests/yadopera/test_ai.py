"""The official client against a server with every bad habit: what fails is named, nothing hangs."""

import time

import pytest
from asgiref.sync import async_to_sync

from yadopera.ai import (
    EMBEDDING_DIMENSIONS,
    Prompt,
    ProviderError,
    ProviderNonsense,
    ProviderUnavailable,
    Turn,
    get_provider,
    outage,
)
from yadopera.ai.openai_provider import OpenAIProvider

CHAT, EMBED = "/chat/completions", "/embeddings"
PROMPT = Prompt((Turn("system", "rules"), Turn("system", '{"faqs": []}'), Turn("user", "hi")), {})


def embed(*texts, timeout_seconds=5.0):
    return async_to_sync(OpenAIProvider().embed)(texts, timeout_seconds=timeout_seconds)


def complete(*, stream=False, timeout_seconds=5.0):
    async def pieces():
        return [
            piece
            async for piece in OpenAIProvider().answer(
                PROMPT, timeout_seconds=timeout_seconds, stream=stream
            )
        ]

    return async_to_sync(pieces)()


def test_without_a_key_there_is_no_provider(settings):
    settings.OPENAI_API_KEY = ""
    get_provider.cache_clear()

    assert get_provider() is None


def test_vectors_come_in_the_order_of_the_texts_and_at_unit_length(provider):
    first, second = embed("towel", "wifi password")

    assert embed("towel") == [first]
    assert first != second
    assert sum(number * number for number in second) == pytest.approx(1.0)


def test_a_shorter_vector_is_filled_up_and_keeps_its_angles(provider):
    provider.dimensions = 384

    first, second = embed("a towel please", "a towel")

    assert len(first) == EMBEDDING_DIMENSIONS
    assert not any(first[384:])
    assert sum(x * y for x, y in zip(first, second, strict=True)) > 0.7


def test_a_longer_vector_is_refused_with_what_to_change(provider):
    provider.dimensions = 3072

    with pytest.raises(ProviderError, match=r"OPENAI_EMBEDDING_MODEL makes vectors of 3072"):
        embed("towel")


@pytest.mark.parametrize("stream", [False, True])
def test_a_completion_comes_whole_or_in_pieces(provider, stream):
    provider.reply = lambda messages: "x" * 50

    pieces = complete(stream=stream)

    assert "".join(pieces) == "x" * 50
    assert (len(pieces) > 1) is stream


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (429, ProviderUnavailable, "limits and credit"),
        (500, ProviderUnavailable, "HTTP 500"),
        (503, ProviderUnavailable, "HTTP 503"),
        (401, ProviderError, "OPENAI_API_KEY"),
        (404, ProviderError, "model settings"),
        (400, ProviderError, "model settings"),
    ],
)
@pytest.mark.parametrize("call", [embed, complete])
def test_a_refusal_says_what_to_do(provider, call, status, error, words):
    provider.statuses = {CHAT: [status], EMBED: [status]}

    with pytest.raises(error, match=words) as raised:
        call("x") if call is embed else call()

    assert isinstance(raised.value, ProviderUnavailable) is (error is ProviderUnavailable)
    assert "test-key" not in str(raised.value)


def test_how_long_to_wait_is_read_from_the_refusal(provider):
    provider.statuses = {CHAT: [429]}
    provider.retry_after = "7"

    with pytest.raises(ProviderUnavailable) as raised:
        complete()

    assert raised.value.retry_after_seconds == 7


@pytest.mark.parametrize("call", [embed, complete])
def test_a_silence_ends(provider, call):
    provider.fault = {CHAT: "hang", EMBED: "hang"}
    started = time.monotonic()

    with pytest.raises(ProviderUnavailable, match="in time"):
        call("x", timeout_seconds=0.3) if call is embed else call(timeout_seconds=0.3)

    assert time.monotonic() - started < 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_broken_connection_is_a_passing_failure(provider, stream):
    provider.fault = {CHAT: "break"}
    provider.reply = lambda messages: "x" * 500

    with pytest.raises(ProviderUnavailable, match="connection"):
        complete(stream=stream)


def test_nobody_there_is_a_passing_failure(provider, settings):
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"

    with pytest.raises(ProviderUnavailable, match="OPENAI_BASE_URL"):
        complete()


@pytest.mark.parametrize("call", [embed, complete])
def test_nonsense_is_called_so(provider, call):
    provider.fault = {CHAT: "nonsense", EMBED: "nonsense"}

    with pytest.raises(ProviderNonsense):
        call("x") if call is embed else call()


# The circuit breaker ----------------------------------------------------------------------------


def test_after_two_failures_one_caller_at_a_time_tries(provider, monkeypatch):
    assert outage.may_call()
    outage.note_failure("it did not answer in time")
    assert outage.may_call()
    outage.note_failure("it did not answer in time")

    assert not outage.may_call()

    monkeypatch.setattr(outage, "PAUSE_SECONDS", 0.05)
    outage.note_success()
    outage.note_failure("x")
    outage.note_failure("x")
    time.sleep(0.1)
    assert outage.may_call()
    assert not outage.may_call()


def test_an_outage_is_dated_from_its_first_failure_and_ends_with_an_answer(provider):
    first = outage.note_failure("it failed (HTTP 500)")
    second = outage.note_failure("it did not answer in time")

    assert (second.since, second.problem, second.failures) == (
        first.since,
        "it did not answer in time",
        2,
    )
    assert outage.current_outage() == second
    outage.note_success()
    assert outage.current_outage() is None


def test_a_failure_and_an_answer_at_the_same_moment_do_no_harm(provider, monkeypatch):
    remember = outage.shared_memory.remember

    def heard_meanwhile(*args, **kwargs):
        remember(*args, **kwargs)
        outage.note_success()  # by another thread

    monkeypatch.setattr(outage.shared_memory, "remember", heard_meanwhile)

    assert outage.note_failure("it did not answer in time").failures == 1
    assert outage.may_call()


def test_without_redis_a_process_remembers_for_itself(provider, monkeypatch):
    monkeypatch.setattr("yadopera.shared_memory._back_at", time.monotonic() + 60)

    assert outage.note_failure("it failed").failures == 1
    assert outage.note_failure("it failed").failures == 2
    assert outage.current_outage().failures == 2
