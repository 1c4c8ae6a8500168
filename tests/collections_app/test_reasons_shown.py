"""Whoever reads Chinese is told in Chinese what failed: at pages, in the admin and by the API."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from collections_app import fields, outages, portable
from collections_app.exceptions import VectorStoreUnavailable
from collections_app.health.embedders import embedders
from collections_app.health.stores import audits, stores
from collections_app.models import (
    Collection,
    EmbeddingProfile,
    EntryState,
    IndexAudit,
    IndexEntry,
    PhysicalCollection,
    VectorStoreStatus,
)
from tests.collections_app.admin_pages import page, text_of
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db

CHINESE = {"accept-language": "zh-hans"}
DOWN = "The vector store at http://host:1 did not answer (ConnectError: refused). Start it, or correct its address."
TOLD = "位于 http://host:1 的向量库没有应答（ConnectError：refused）。请启动它，或更正其地址。"


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    fields.declare(collection, [{"year": 1999}])
    save(collection, "cats", "Cats purr all day.", metadata={"year": 2024})
    drain(collection)
    return collection


def test_a_damaged_collection_file(notes: Collection, admin_client: Client, tmp_path: Path) -> None:
    path = tmp_path / "notes.zip"
    portable.export_collection(notes, path)
    address = reverse("admin:collections_app_collection_import")
    for content in (b"no archive", path.read_bytes()[:500]):
        upload = SimpleUploadedFile("notes.zip", content)
        told = text_of(admin_client.post(address, {"upload": upload}, headers=CHINESE))
        assert "这不是文档集文件。文件已损坏或不完整，复制或上传中断时常会如此。请重新复制，或重新导出文档集。" in told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"id": "1", "text": "dogs", "relevant": 5}\n', "judged.jsonl 第 1 行：“relevant”须为文档键的列表"),
        (b"{\n", "judged.jsonl 第 1 行：它不是 JSON（"),
        (b'{"id": "1", "text": "\xff"}', "judged.jsonl 不是 UTF-8（字节 "),
        (
            b'{"id": "1", "text": "dogs", "relevant": ["lost"]}\n',
            "没有任何一个已标注的文档（共 1 个）",
        ),
    ],
)
def test_judged_questions_that_cannot_be_asked(
    notes: Collection, admin_client: Client, content: bytes, said: str
) -> None:
    address = reverse("admin:collections_app_profilecomparison_add")
    file = SimpleUploadedFile("judged.jsonl", content)
    asked = {"collection": notes.pk, "profiles": [EmbeddingProfile.objects.get().pk], "depth": 10}
    assert said in text_of(admin_client.post(address, asked | {"questions_file": file}, headers=CHINESE))


def test_a_value_that_does_not_fit_its_field(notes: Collection, admin_client: Client) -> None:
    address = reverse("admin:collections_app_document_add")
    asked = {"collection": notes.pk, "text": "Dogs bark.", "metadata": '{"year": "soon"}', "markup": "plain"}
    told = text_of(admin_client.post(address, asked, headers=CHINESE))
    assert "字段 &#x27;year&#x27;（整数）不接受 &#x27;soon&#x27;：请给出不超过 64 位的整数，例如 42" in told


def test_a_store_that_is_down(notes: Collection, admin_client: Client) -> None:
    index = serving_index(notes)
    outages.pause(outages.store_status("default"), VectorStoreUnavailable(DOWN))
    now = timezone.now()
    error = f"The vector store default is paused: {DOWN}"
    IndexAudit.objects.create(index=index, error=error, started_at=now, finished_at=now)
    PhysicalCollection.objects.update(reason="an audit found 3 of 4 records wrong")
    outages.pause(index.profile, VectorStoreUnavailable("api.example was silent for 5 s. Look at it, or raise the "
                                                        "option `timeout`."))  # fmt: skip
    with override("zh-hans"):
        found = [finding.found for check in (stores, audits, embedders) for finding in check()]
    assert sum(TOLD in text for text in found) == 2
    assert any("api.example 5 秒没有应答" in text for text in found)
    for row in (IndexAudit.objects.get(), VectorStoreStatus.objects.get(), index):
        assert (row, TOLD in text_of(admin_client.get(page(row), headers=CHINESE))) == (row, True)
    assert "核对发现 4 条记录中有 3 条有误" in text_of(admin_client.get(page(index), headers=CHINESE))


def test_a_document_that_failed(notes: Collection, admin_client: Client) -> None:
    IndexEntry.objects.update(
        state=EntryState.FAILED, error="Text 1 of 2 cannot be embedded: it is empty or blank; leave it out."
    )
    address = f"/documents/{notes.documents.get().public_id}/"
    told = text_of(admin_client.get(address, headers=CHINESE))
    assert "第 1 段文本（共 2 段）无法嵌入：它是空的或只有空白；请略去。" in told


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "无法解析请求正文"),
        ('{"query": "x"}', "“collections”：此项必填。"),
        ('{"query": "x", "collections": ["notes"], "limit": 0}', "须大于或等于 1"),
        ('{"query": "x", "collections": ["notes"], "limit": "ten"}', "须为整数，无法将文本读作整数"),
    ],
)
def test_a_request_that_the_api_refuses(notes: Collection, admin_client: Client, body: str, said: str) -> None:
    response: Any = admin_client.post("/api/v1/search", body, content_type="application/json", headers=CHINESE)
    assert said in response.json()["detail"]
