"""Presets: the models that the form of a new profile offers."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from collections_app.embeddings import load_embedder
from collections_app.embeddings.presets import PRESETS, Preset
from tests.collections_app.admin_pages import text_of
from tests.contracts.tiny_encoder import make_encoder_folder

ADD = "admin:collections_app_embeddingprofile_add"


@pytest.mark.parametrize("one", PRESETS, ids=lambda one: one.slug)
def test_a_preset_fits_its_backend(one: Preset, tmp_path: pytest.TempPathFactory) -> None:
    options = dict(one.options)
    if "folder" in options:
        assert options["folder"].startswith("<models>/")
        options["folder"] = str(make_encoder_folder(tmp_path / "model"))  # type: ignore[operator]
    embedder = load_embedder(one.backend, model=one.model, options=options)
    assert embedder.model == (one.model or "all-MiniLM-L6-v2")
    if "max_tokens" in options:
        assert embedder.max_tokens == one.max_tokens
    assert options.get("dimensions", one.dimensions) == one.dimensions


def test_presets_are_told_apart_and_name_backends_of_the_site() -> None:
    assert len({one.slug for one in PRESETS}) == len({one.name for one in PRESETS}) == len(PRESETS)
    assert {one.backend for one in PRESETS} == set(settings.EMBEDDERS) - {"meaningless", "supplied"}


def test_dashscope_is_asked_ten_texts_at_a_time_and_its_first_models_no_dimensions() -> None:
    presets = {one.model: one.options for one in PRESETS if one.name.startswith("DashScope")}
    assert {options["batch_texts"] for options in presets.values()} == {10}
    assert [model for model, options in sorted(presets.items()) if "dimensions" in options] == [
        "text-embedding-v3",
        "text-embedding-v4",
    ]


@pytest.mark.django_db
def test_the_form_lists_all_presets_and_is_filled_in_by_a_click(admin_client: Client) -> None:
    listed = text_of(admin_client.get(reverse(ADD)))
    assert all(f"?preset={one.slug}" in listed for one in PRESETS)
    filled = admin_client.get(f"{reverse(ADD)}?preset=dashscope-v4")
    form = filled.context["form"]
    assert (form["backend"].value(), form["model"].value()) == ("openai", "text-embedding-v4")
    assert "dashscope.aliyuncs.com" in text_of(filled)
    assert admin_client.get(f"{reverse(ADD)}?preset=nothing").status_code == 200


@pytest.mark.django_db
def test_a_placeholder_has_to_be_filled_in(admin_client: Client) -> None:
    form = {"name": "bge", "backend": "local", "options": '{"folder": "<models>/bge-m3"}'}
    assert "Put what is meant in place of &lt;models&gt;/bge-m3" in text_of(admin_client.post(reverse(ADD), form))
