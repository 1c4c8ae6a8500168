"""The lab's page: two forms, what each profile makes of the texts, downloads, and who may see it."""

import io
import json
import re
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from collections_app import lab, outages, profiles
from collections_app.exceptions import EmbedderUnavailable
from collections_app.models import Embedding, EmbeddingProfile, TrailRecord
from tests.collections_app.admin_pages import staff_member, text_of
from tests.contracts.embedding_server import EmbeddingServer

pytestmark = pytest.mark.django_db

COMPARE, RANK = "?form=compare", "?form=rank"


def ask(client: Client, form: str, profiles: list[EmbeddingProfile], passages: str, **more: Any) -> Any:
    data = {
        "profiles": [str(profile.public_id) for profile in profiles],
        "passages": passages,
        "split": "lines",
        "k": "3",
        **more,
    }
    return client.post(reverse("admin:collections_app_lab") + form, data)


def errors_of(response: Any) -> dict[str, list[str]]:
    return {name: list(errors) for name, errors in response.context["form"].errors.items()}


def cells_of(html: str, caption: str) -> list[str]:
    """Return the numbers of the heat map with this caption, row by row."""
    table = html.split(f"<caption>{caption}")[1].split("</table>", maxsplit=1)[0]
    return re.findall(r'<td style="--heat: [0-9.]+">([^<]+)</td>', table)


# --- the forms --------------------------------------------------------------------------------------------------------


def test_texts_are_compared(admin_client: Client, hashing: EmbeddingProfile) -> None:
    html = text_of(ask(admin_client, COMPARE, [hashing], "one two\ntwo three\none two"))
    vectors = profiles.embedder_for(hashing).embed_passages(["one two", "two three", "one two"])
    cosine = f"{float(vectors[0] @ vectors[1]):.4f}"
    assert cells_of(html, "Cosine similarity") == [
        "1.0000", cosine, "1.0000", cosine, "1.0000", cosine, "1.0000", cosine, "1.0000",
    ]  # fmt: skip
    distance = f"{float(np.linalg.norm(vectors[0] - vectors[1])):.4f}"
    assert cells_of(html, "Euclidean distance")[:3] == ["0.0000", distance, "0.0000"]
    assert "".join(f"{number:+.4f}, " for number in vectors[0][:5]) in html
    assert '<th scope="col">3</th>' in html
    assert 'aria-label="Cosine similarity, Hash"' in html
    assert "Pairs, the most similar first" in html


def test_texts_are_ranked_for_a_query(admin_client: Client, hashing: EmbeddingProfile) -> None:
    response = ask(admin_client, RANK, [hashing], "nothing alike\nred green blue", query="green blue")
    (section,) = response.context["sections"]
    ranking = section.before[0]
    assert [row[0] for row in ranking.rows] == [1, 2]
    assert "red green blue" in ranking.rows[0][1]
    cosine, distance = float(ranking.rows[0][2]), float(ranking.rows[0][3])
    assert distance == pytest.approx((2 - 2 * cosine) ** 0.5, abs=2e-4)


def test_paragraphs_may_have_several_lines(admin_client: Client, hashing: EmbeddingProfile) -> None:
    response = ask(admin_client, COMPARE, [hashing], "a\nb\n\nc", split="paragraphs")
    assert response.context["form"].texts.passages == ("a\nb", "c")


def test_every_example_fills_in_a_form_that_works(admin_client: Client, hashing: EmbeddingProfile) -> None:
    url = reverse("admin:collections_app_lab")
    for form, examples in ((COMPARE, lab.COMPARISONS), (RANK, lab.RANKINGS)):
        listed = text_of(admin_client.get(url + form))
        for example in examples:
            assert f"{form}&amp;example={example.slug}" in listed
            filled = admin_client.get(f"{url}{form}&example={example.slug}").context["form"]
            values = {name: filled[name].value() for name in filled.fields if filled[name].value() not in (None, False)}
            assert values["profiles"] == [hashing.public_id]
            answer = admin_client.post(url + form, values)
            assert len(answer.context["sections"]) == 1, errors_of(answer)
    assert admin_client.get(f"{url}?form=nothing&example=nothing").status_code == 200


def test_shorter_and_coarser_vectors_are_tried(admin_client: Client, hashing: EmbeddingProfile) -> None:
    texts = "\n".join(f"text number {number}" for number in range(6))
    response = ask(admin_client, COMPARE, [hashing], texts, dimensions="16，128、16", quantise="on", k="2")
    panel = response.context["sections"][0].after[1]
    assert [row[:3] for row in panel.rows] == [
        [64, "float32", "256"], [64, "int8", "68\xa0(27%)"], [16, "float32", "64\xa0(25%)"], [16, "int8", "20\xa0(8%)"],
    ]  # fmt: skip
    assert "Recall at 2" in panel.headers
    assert "Its vectors have 64 dimensions, so 128 could not be tried." in panel.note
    assert "max|x| / 127" in panel.note


def test_several_profiles_stand_side_by_side(admin_client: Client, hashing: EmbeddingProfile) -> None:
    other = profiles.create_profile("Other", backend="meaningless", options={"dimensions": 48})
    response = ask(admin_client, RANK, [hashing, other], "one two\ntwo three\nthree four", query="two")
    side_by_side, agreement = response.context["comparison"]
    assert list(side_by_side.headers) == ["Text", "Hash", "Other"]
    assert len(side_by_side.rows) == 3
    assert [row[0] for row in agreement.rows] == ["Hash – Other"]
    assert [section.title for section in response.context["sections"]] == ["Hash", "Other"]


def test_what_cannot_be_done_is_said_with_its_remedy(admin_client: Client, hashing: EmbeddingProfile) -> None:
    def errors(form: str, passages: str, **more: Any) -> dict[str, list[str]]:
        response = ask(admin_client, form, more.pop("profiles", [hashing]), passages, **more)
        assert "sections" not in response.context
        return errors_of(response)

    assert errors(COMPARE, " \n ") == {"passages": ["Type or paste the texts."]}
    assert "At least two texts are needed" in errors(COMPARE, "one")["passages"][0]
    assert errors(RANK, "one", query=" ") == {"query": ["Say what is looked for."]}
    assert errors(COMPARE, "a\nb", profiles=[]) == {"profiles": ["Choose at least one embedding profile."]}
    assert "at most 40" in errors(COMPARE, "\n".join(map(str, range(41))))["passages"][0]
    assert "“-3” is no number of dimensions" in errors(COMPARE, "a\nb", dimensions="64, -3")["dimensions"][0]
    assert "“0” is no number" in errors(COMPARE, "a\nb", dimensions="0")["dimensions"][0]
    assert "at most 6 are tried" in errors(COMPARE, "a\nb", dimensions="1 2 3 4 5 6 7")["dimensions"][0]
    assert "k" in errors(COMPARE, "a\nb", k="0")
    assert "profiles" in errors_of(
        admin_client.post(reverse("admin:collections_app_lab"), {"profiles": ["x"], "passages": "a\nb"})
    )


def test_texts_are_shown_as_text(admin_client: Client, hashing: EmbeddingProfile) -> None:
    html = text_of(ask(admin_client, RANK, [hashing], "<script>alert(1)</script>", query="<b>bold</b>"))
    assert "<script>alert" not in html
    assert "<b>bold" not in html
    assert "&lt;script&gt;alert(1)" in html


# --- what does not work -----------------------------------------------------------------------------------------------


def test_a_profile_that_does_not_work_hides_no_other(
    admin_client: Client, hashing: EmbeddingProfile, server: EmbeddingServer
) -> None:
    down = profiles.create_profile("Down", backend="openai", model="m", options={"base_url": server.url})
    paused = profiles.create_profile("Paused", backend="meaningless", options={"dimensions": 40})
    outages.pause(paused, EmbedderUnavailable("Nobody answers."))
    server.shutdown()
    server.server_close()
    response = ask(admin_client, COMPARE, [hashing, down, paused], "one\ntwo")
    told = {section.title: section.failure for section in response.context["sections"]}
    assert told["Hash"] == ""
    assert "cannot be reached" in told["Down"]
    assert "Nobody answers." in told["Paused"]
    assert cells_of(text_of(response), "Cosine similarity")[0] == "1.0000"
    written = json.loads(ask(admin_client, COMPARE, [hashing, down], "one\ntwo", download="json").content)
    assert [set(profile) & {"error", "vectors"} for profile in written["profiles"]] == [{"error"}, {"vectors"}]


def test_a_site_without_profiles_says_how_to_get_one(admin_client: Client) -> None:
    html = text_of(admin_client.get(reverse("admin:collections_app_lab")))
    assert "There is no embedding profile yet." in html
    assert reverse("admin:collections_app_embeddingprofile_add") in html


# --- what leaves this machine -----------------------------------------------------------------------------------------


def test_before_texts_are_sent_to_a_provider_it_is_said_how_much(
    admin_client: Client, hashing: EmbeddingProfile, server: EmbeddingServer
) -> None:
    options = {"base_url": server.url.replace("127.0.0.1", "127.1")}  # not written as this machine's own address
    paid = profiles.create_profile("Paid", backend="openai", model="text-embedding-3-small", options=options)
    server.requests.clear()
    both = [hashing, paid]
    first = ask(admin_client, COMPARE, both, "a" * 30 + "\n" + "b" * 30)
    html = text_of(first)
    assert server.requests == []
    assert "the texts leave this machine and are sent to 127.1." in html
    assert "They have about 20 tokens." in html
    assert "The list price of a million tokens is 0.02 USD." in html
    assert len(re.findall("<caption>", html)) == 2, "the other profile is shown meanwhile"
    consent = first.context["consent"]
    assert f'name="consent" value="{consent}"' in html
    sent = ask(admin_client, COMPARE, both, "a" * 30 + "\n" + "b" * 30, consent=consent)
    assert [text for request in server.requests for text in request["input"]] == ["a" * 30, "b" * 30]
    assert sent.context["consented"] == consent
    server.requests.clear()
    other = ask(admin_client, COMPARE, both, "another\ntext", consent=consent)
    assert server.requests == []
    assert other.context["consented"] == ""


# --- downloads --------------------------------------------------------------------------------------------------------


def test_vectors_are_downloaded(admin_client: Client, hashing: EmbeddingProfile) -> None:
    def download(kind: str) -> Any:
        return ask(admin_client, COMPARE, [hashing], "猫\ndog", download=kind)

    expected = profiles.embedder_for(hashing).embed_passages(["猫", "dog"])
    answer = download("json")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lab.json"'
    assert (np.array(json.loads(answer.content)["profiles"][0]["vectors"], dtype=np.float32) == expected).all()
    answer = download(f"npy:{hashing.public_id}")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="hash.npy"'
    assert (np.load(io.BytesIO(answer.content), allow_pickle=False) == expected).all()
    answer = download("npz")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lab.npz"'
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as archive:
        assert archive["texts"].tolist() == ["猫", "dog"]
    assert "sections" in download("npy:another").context


# --- who may, and what is kept ----------------------------------------------------------------------------------------


def test_whoever_may_see_profiles_may_use_it_and_sees_the_way_to_it(client: Client, hashing: EmbeddingProfile) -> None:
    client.force_login(staff_member("viewer", "view_embeddingprofile"))
    url = reverse("admin:collections_app_lab")
    assert f'href="{url}"' in text_of(client.get("/admin/"))
    assert client.get(url).status_code == 200
    assert len(ask(client, COMPARE, [hashing], "one\ntwo").context["sections"]) == 1


def test_nobody_else_may(client: Client, hashing: EmbeddingProfile) -> None:
    url = reverse("admin:collections_app_lab")
    assert client.get(url).status_code == 302
    client.force_login(staff_member("other", "view_embedding", "view_document"))
    assert f'href="{url}"' not in text_of(client.get("/admin/"))
    assert client.get(url).status_code == 403
    assert ask(client, COMPARE, [hashing], "one\ntwo").status_code == 403
    assert ask(client, COMPARE, [hashing], "one\ntwo", download="json").status_code == 403


def test_nothing_of_it_is_kept_in_sql(admin_client: Client, hashing: EmbeddingProfile) -> None:
    before = EmbeddingProfile.objects.values().get()
    ask(admin_client, RANK, [hashing], "one\ntwo", query="two")
    assert not Embedding.objects.exists()
    assert not TrailRecord.objects.exists()
    assert EmbeddingProfile.objects.values().get() == before
