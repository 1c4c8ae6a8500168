"""manage.py rebuild."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from collections_app import profiles, services, sweeping, sync
from collections_app.management.commands import rebuild
from collections_app.models import Collection, Embedding, IndexState, PhysicalCollection, PhysicalState, VectorIndex
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    save(collection, "a", "Cats purr.")
    drain(collection)
    return collection


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rebuild", *arguments, stdout=out)
    return out.getvalue()


def newest() -> VectorIndex:
    return VectorIndex.objects.latest("pk")


def work(index: VectorIndex) -> None:
    sweeping.fill(index.pk)
    sync.drain(index.pk)


def test_the_whole_way_there_and_back(notes: Collection) -> None:
    old = serving_index(notes)
    profiles.create_profile("另一个 🐈", backend="meaningless", options={"dimensions": 48})
    told = run("notes", "--profile", "另一个 🐈", "--chunk-size", "64", "--no-activate")
    assert "1 documents, 1 passages" in told
    new = newest()
    assert (new.profile.name, new.chunk_size, new.activate_when_ready) == ("另一个 🐈", 64, False)
    work(new)
    assert f"{new} serves now" in run("Notes", "--activate")
    assert f"{old} serves now" in run("notes", "--rollback")
    assert f"{new} is dropped" in run("notes", "--drop-standby")


def test_an_estimate_does_nothing_else(notes: Collection) -> None:
    assert "1 documents, 1 passages, 0 tokens to embed in 0 passages" in run("notes", "--estimate")
    assert VectorIndex.objects.count() == 1


def test_a_build_can_be_given_up(notes: Collection) -> None:
    run("notes")
    with pytest.raises(CommandError, match="being built already"):
        run("notes")
    run("notes", "--cancel")
    assert newest().state == IndexState.DROPPED


def test_all_indexes_are_copied_anew_without_embedding(notes: Collection, drain: Drain) -> None:
    before = Embedding.objects.count()
    assert "1 indexes are copied anew" in run("--all")
    drain(notes)
    physical = PhysicalCollection.objects.get(index=serving_index(notes), generation=2)
    assert physical.state == PhysicalState.READY
    assert Embedding.objects.count() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a collection, or say --all"),
        (["nothing"], "There is no collection 'nothing'"),
        (["notes", "--profile", "x"], r"There is no embedding profile 'x'\. There are: 'Meaningless"),
        (["notes", "--chunk-size", "2"], "chunk size of 2"),
        (["notes", "--rollback"], "No earlier index"),
        (["notes", "--activate"], "No index of 'Notes' is being built"),
        (["notes", "--cancel"], "No index of 'Notes' is being built"),
        (["notes", "--drop-standby"], "No index of 'Notes' is kept"),
        (["notes", "--all"], "takes no name"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(notes: Collection, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_ctrl_c_ends_the_waiting_and_not_the_build(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rebuild, "follow", interrupted)
    with pytest.raises(SystemExit) as ended:
        run("notes", "--wait")
    assert ended.value.code == 130
    work(newest())
    assert services.ready_to_activate() == [newest().pk]


def test_waiting_ends_when_the_new_index_serves_or_cannot(notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def workers(*args: object) -> None:
        work(newest())
        for pk in services.ready_to_activate():
            services.activate_when_proved(pk)

    monkeypatch.setattr(rebuild, "follow", workers)
    assert "serves now: 1 documents, 0 failed" in run("notes", "--wait")
    monkeypatch.setattr(
        rebuild, "follow", lambda *args: VectorIndex.objects.filter(pk=newest().pk).update(problem="No.")
    )
    monkeypatch.setattr(rebuild, "STUCK_SECONDS", 0.0)
    monkeypatch.setattr(
        services,
        "progress",
        lambda index: services.Progress(total=1, done=1, failed=0, pending=0, is_filled=True, seconds_left=0.0),
    )
    with pytest.raises(CommandError, match=r"^No\.$"):
        run("notes", "--wait")
