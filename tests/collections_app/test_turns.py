"""Periodic work is done by one worker at a time, and lets what people wait for go first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from collections_app import services, sweeping, tasks
from collections_app.models import Collection, EntryState, IndexEntry
from tests.chaos.stage import RedisProcess
from tests.conftest import save


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path)
    server.start()
    monkeypatch.setattr("django.conf.settings.REDIS_URL", server.url)
    tasks._redis.cache_clear()
    yield server
    server.kill()
    tasks._redis.cache_clear()


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often rows were tidied."""
    done: list[str] = []
    monkeypatch.setattr(sweeping, "tidy", lambda **_: done.append("tidied"))
    return done


def test_only_one_worker_tidies_at_a_time(broker: RedisProcess, rounds: list[str], db: None) -> None:
    with tasks._turn("tidy") as keep:
        assert keep is not None
        tasks.tidy()
        assert rounds == []
    tasks.tidy()
    assert rounds == ["tidied"]


def test_a_turn_that_ran_out_or_was_flushed_away_stops_nobody(
    broker: RedisProcess, rounds: list[str], db: None
) -> None:
    with tasks._turn("tidy") as keep:
        assert keep is not None
        broker.flush()
        keep()
        tasks.tidy()
        with tasks._turn("tidy") as taken_over:
            assert taken_over is not None
            keep()
    assert rounds == ["tidied"]


def test_the_end_of_a_turn_that_was_lost_does_not_end_another_ones(broker: RedisProcess) -> None:
    with tasks._turn("tidy"):
        broker.flush()
        theirs = tasks._turn("tidy")
        assert theirs.__enter__() is not None
    with tasks._turn("tidy") as third:
        assert third is None
    theirs.__exit__(None, None, None)


def test_without_a_broker_everybody_tidies(broker: RedisProcess, rounds: list[str], db: None) -> None:
    broker.kill()
    tasks.tidy()
    assert rounds == ["tidied"]


def test_what_people_wait_for_is_worked_between_two_pieces(
    collection: Collection, broker: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.create_collection("Second")
    monkeypatch.setattr(tasks, "_PATIENCE_SECONDS", 0.0)
    save(collection, "a", "It waits.")
    tasks.tidy()
    assert IndexEntry.objects.get().state == EntryState.INDEXED
