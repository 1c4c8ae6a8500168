"""Thousands of documents in one call: one bell, batches, memory that does not grow, and nothing left out."""

import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from redis import ConnectionError as NotThere
from redis import Redis

from collections_app import services, sweeping, tasks
from collections_app.models import (
    Chunk,
    ChunkState,
    Collection,
    Document,
    IndexEntry,
    PhysicalCollection,
    TrailRecord,
    User,
)
from collections_app.vectorstores import load_vector_store
from tests.collections_app.admin_pages import messages_of, run_action
from tests.conftest import Drain, serving_index
from tests.peak_memory import peak
from vectorsite.supervisor.site import redis_executable

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def redis() -> Iterator[Redis]:
    """The site's own private Redis, on the port and with the password that the settings name."""
    address = urlsplit(settings.REDIS_URL)
    arguments = ["--port", str(address.port), "--bind", str(address.hostname), "--requirepass", str(address.password)]
    server = subprocess.Popen([redis_executable(), *arguments, "--save", ""], stdout=subprocess.DEVNULL)
    client = Redis.from_url(settings.REDIS_URL)
    try:
        while not _answers(client):
            assert server.poll() is None
        yield client
    finally:
        client.close()
        server.terminate()
        server.wait(10)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except NotThere:
        return False


def inputs(count: int) -> Iterator[services.DocumentInput]:
    return (services.DocumentInput(key=str(number), text=f"Text number {number}.") for number in range(count))


def save_many(collection: Collection, count: int) -> None:
    assert sum(1 for saved in services.save_documents(collection, inputs(count)) if not saved.error) == count


@pytest.mark.django_db(transaction=True)
def test_thousands_of_documents_leave_a_handful_of_messages(redis: Redis) -> None:
    collection = services.create_collection("Notes")
    save_many(collection, 3000)
    assert 1 <= redis.llen(settings.CELERY_TASK_DEFAULT_QUEUE) <= 5
    redis.flushall()
    assert Document.objects.all().delete()[0] == 3000
    assert 1 <= redis.llen(settings.CELERY_TASK_DEFAULT_QUEUE) <= 5
    redis.flushall()
    tasks.sweep()
    tasks.sweep()
    assert redis.llen(settings.CELERY_TASK_DEFAULT_QUEUE) <= 2


@pytest.mark.django_db(transaction=True)
def test_memory_does_not_grow_with_the_number_of_documents(redis: Redis) -> None:
    # With a broker that answers: pytest keeps each warning, whose traceback holds a whole batch.
    few, many = services.create_collection("Few"), services.create_collection("Many")
    save_many(few, 1)
    little = peak(lambda: save_many(few, 600)), peak(lambda: Document.objects.filter(collection=few).delete())
    much = peak(lambda: save_many(many, 2400)), peak(lambda: Document.objects.filter(collection=many).delete())
    for small, large in zip(little, much, strict=True):
        assert large < small * 1.3 + 0.5, (little, much)


def test_the_admin_deletes_all_that_was_selected_over_all_pages(
    collection: Collection, drain: Drain, admin_client: Client, admin_user: User
) -> None:
    save_many(collection, 1200)
    drain(collection)
    index = serving_index(collection)
    name = PhysicalCollection.objects.get(index=index).name
    first = [Document.objects.earliest("pk")]
    response = run_action(admin_client, Document, "delete_selected", first, select_across="1", post="yes")
    assert "1,200 documents" in messages_of(response)[0]
    assert not Document.objects.alive().exists()
    assert not IndexEntry.objects.exists()
    assert TrailRecord.objects.filter(action="deleted", actor=admin_user).count() == 1200
    assert Chunk.objects.filter(state=ChunkState.RETIRED).count() == 1200, "tombstones, until the store has let go"
    assert load_vector_store().count(name) == 1200
    sweeping.let_go()
    assert load_vector_store().count(name) == 0
    assert Chunk.objects.exclude(removed_at=None).count() == 1200
    sweeping.tidy()
    assert Chunk.objects.count() == 1200, "until the grace is over"


def test_a_deleted_collection_with_thousands_of_documents_goes_for_good(collection: Collection) -> None:
    save_many(collection, 2500)
    collection.delete()
    assert not Document.objects.alive().exists()
    for _ in range(3):
        sweeping.let_go()
        sweeping.tidy()
    assert not Collection.objects.exists()
    assert list(TrailRecord.objects.filter(object_id=collection.public_id).values_list("action", flat=True)) == [
        "deleted",
        "created",
    ]
