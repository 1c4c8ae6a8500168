"""What the doctor finds, check by check; the site that it looks at as a whole is in tests/site/test_doctor.py."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test import Client, override_settings
from django.utils import translation

from collections_app import outages, projection, workers
from collections_app.exceptions import EmbedderUnavailable, VectorStoreUnavailable
from collections_app.health import CHECKS, Check, Finding, Level, examine
from collections_app.health.database import database, disk, migrations
from collections_app.health.embedders import embedders
from collections_app.health.finding import error, ok
from collections_app.health.stores import audits, indexes, stores
from collections_app.health.work import Signs, _judge_workers, broker, failures, leases, pending, scheduler
from collections_app.ledger import in_future
from collections_app.models import (
    Collection,
    EntryState,
    IndexAudit,
    IndexEntry,
    SiteIdentity,
    User,
)
from collections_app.vectorstores import CollectionSpec, load_vector_store
from tests.conftest import Drain, save, serving_index

pytestmark = pytest.mark.django_db

Look = Callable[[], Iterator[Finding]]


def worst(look: Look) -> Finding:
    return max(look(), key=lambda finding: list(Level).index(finding.level))


@pytest.fixture
def notes(collection: Collection, drain: Drain) -> Collection:
    """Two indexed documents."""
    save(collection, "a", "The first note.")
    save(collection, "b", "第二条笔记。")
    drain(collection)
    return collection


# --- running checks -----------------------------------------------------------------------------------------------


def test_a_check_that_hangs_is_given_up_and_not_begun_again_and_hinders_no_other() -> None:
    release, begun = threading.Event(), []

    def hang() -> Iterator[Finding]:
        begun.append(1)
        release.wait(30)
        yield ok("at last")

    slow, quick = Check("slow", hang, seconds=0.1), Check("quick", lambda: [ok("fine")])
    try:
        for _round in range(2):
            results = examine([slow, quick])
            assert [(result.name, result.finding.level) for result in results] == [
                ("slow", Level.ERROR),
                ("quick", Level.OK),
            ]
        assert begun == [1]
    finally:
        release.set()


def test_a_check_that_fails_says_so_with_its_reason_and_hinders_no_other() -> None:
    def fail() -> Iterator[Finding]:
        raise ZeroDivisionError("by nought")

    def refuse() -> Iterator[Finding]:
        raise OperationalError("no such table: x")

    found = [result.finding for result in examine([Check("a", fail), Check("b", refuse), Check("c", lambda: [ok("")])])]
    assert [finding.level for finding in found] == [Level.ERROR, Level.ERROR, Level.OK]
    assert "ZeroDivisionError: by nought" in found[0].found
    assert "no such table: x" in found[1].found
    assert all(finding.remedy for finding in found[:2])


def test_findings_are_in_the_language_of_who_asks() -> None:
    with translation.override("zh-hans"):
        (result,) = examine([Check("a", lambda: [ok(str(translation.get_language()))])])
    assert result.finding.found == "zh-hans"


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


# --- database and disk --------------------------------------------------------------------------------------------


def test_migrations_that_are_not_applied_are_named() -> None:
    from django.db.migrations.recorder import MigrationRecorder

    assert worst(migrations).level is Level.OK
    MigrationRecorder.Migration.objects.filter(app="collections_app").delete()
    found = worst(migrations)
    assert (found.level, "collections_app.0001_initial" in found.found) == (Level.ERROR, True)
    assert "manage.py migrate" in found.remedy


def test_a_database_that_cannot_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    found = worst(database)
    assert (found.level, "connection refused" in found.found, "DATABASE_URL" in found.remedy) == (
        Level.ERROR,
        True,
        True,
    )


@pytest.mark.parametrize(
    ("free", "level"), [(50 * 2**30, Level.OK), (2**30, Level.WARNING), (100 * 2**20, Level.ERROR)]
)
def test_little_room_on_the_disk_is_told_before_there_is_none(
    monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    import shutil

    usage = shutil.disk_usage("/")._replace(total=200 * 2**30, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert worst(disk).level is level


# --- broker, workers, scheduler -----------------------------------------------------------------------------------


def test_a_broker_that_cannot_be_reached_is_an_error_and_so_are_workers_that_show_no_sign() -> None:
    assert (worst(broker).level, worst(scheduler).level) == (Level.ERROR, Level.WARNING)
    assert _judge_workers(Signs.look()).level is Level.ERROR
    workers.note_sweep()
    workers.note_sweep()
    assert _judge_workers(Signs.look()).level is Level.WARNING


@pytest.mark.parametrize(
    ("signs", "level", "said"),
    [
        ({"sweeps": True}, Level.OK, "celery@here answers"),
        ({"sweeps": False, "waiting": 3}, Level.ERROR, "takes no work"),
        ({"sweeps": False, "waiting": 3, "busy": True}, Level.OK, "answers"),
        ({"sweeps": False, "waiting": 0}, Level.OK, "nobody asks it"),
        ({"sweeps": False, "answering": []}, Level.ERROR, "No worker answers"),
        ({"sweeps": True, "answering": []}, Level.WARNING, "No worker answers"),
    ],
)
def test_workers_are_judged_by_their_signs_of_life(signs: dict[str, Any], level: Level, said: str) -> None:
    usual: dict[str, Any] = {"answering": ["celery@here"], "waiting": 0, "swept_at": None, "busy": False}
    found = _judge_workers(Signs(**{**usual, **signs}))
    assert (found.level, said in found.found, bool(found.remedy)) == (level, True, level is not Level.OK)


def test_a_scheduler_that_does_not_run_is_an_error_when_workers_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    idle = Signs(answering=["celery@here"], waiting=0, swept_at=None, sweeps=False, busy=False)
    monkeypatch.setattr(Signs, "look", lambda: idle)
    found = worst(scheduler)
    assert (found.level, "beat" in found.remedy) == (Level.ERROR, True)


def test_a_sweep_is_noted_at_most_once_a_second() -> None:
    SiteIdentity.current()
    workers.note_sweep()
    first = SiteIdentity.objects.get().swept_at
    workers.note_sweep()
    assert first == SiteIdentity.objects.get().swept_at
    SiteIdentity.objects.update(swept_at=in_future(timedelta(seconds=-5)))
    workers.note_sweep()
    again = SiteIdentity.objects.get().swept_at
    assert first is not None
    assert again is not None
    assert again >= first


# --- what is left undone ------------------------------------------------------------------------------------------


def test_what_waits_for_long_without_reason_is_an_error(notes: Collection) -> None:
    assert worst(pending).level is Level.OK
    long_ago = in_future(timedelta(hours=-1))
    entries = IndexEntry.objects.filter(document__key="a")
    entries.update(state=EntryState.PENDING, wanted_at=long_ago, next_attempt_at=long_ago)
    assert worst(pending).level is Level.OK  # the other one was indexed a moment ago: it goes on
    IndexEntry.objects.update(indexed_at=long_ago)
    found = worst(pending)
    assert (found.level, "60 minutes" in found.found) == (Level.ERROR, True)
    outages.pause(outages.store_status("default"), VectorStoreUnavailable("down"))
    assert worst(pending).level is Level.OK


def test_what_was_given_up_is_counted(notes: Collection) -> None:
    assert worst(failures).level is Level.OK
    IndexEntry.objects.filter(document__key="a").update(state=EntryState.FAILED)
    assert (worst(failures).level, worst(failures).found[:1]) == (Level.WARNING, "1")


def test_a_lease_that_nobody_took_back_is_told(notes: Collection) -> None:
    assert worst(leases).level is Level.OK
    IndexEntry.objects.filter(document__key="a").update(lease_expires_at=in_future(timedelta(minutes=-2)))
    assert worst(leases).level is Level.WARNING


# --- stores, indexes, models --------------------------------------------------------------------------------------


def test_a_store_in_order_is_counted_and_a_pause_is_given_with_its_reason(notes: Collection) -> None:
    assert worst(stores).level is Level.OK
    outages.pause(outages.store_status("default"), VectorStoreUnavailable("the cat is on the keyboard"))
    found = worst(stores)
    assert (found.level, "the cat is on the keyboard" in found.found) == (Level.WARNING, True)


def test_a_lost_collection_is_an_error_until_it_is_rebuilt(notes: Collection, drain: Drain) -> None:
    index = serving_index(notes)
    load_vector_store("default").drop(projection.current_collection(index).name)
    assert (worst(stores).level, "lost" in worst(stores).found) == (Level.ERROR, True)
    projection.raise_generation(index.pk, reason="test")
    assert "being filled" in worst(indexes).found
    drain(notes)
    assert (worst(stores).level, worst(indexes).level) == (Level.OK, Level.OK)


def test_a_collection_with_our_mark_that_sql_does_not_know_is_told(notes: Collection) -> None:
    spec = CollectionSpec(name="left-over", dimensions=3, site_id=SiteIdentity.current())
    load_vector_store("default").create(spec)
    found = worst(stores)
    assert (found.level, "left-over" in found.found) == (Level.WARNING, True)
    load_vector_store("default").drop("left-over")


def test_a_store_that_is_not_configured_well_is_an_error() -> None:
    with override_settings(VECTOR_STORES={"default": {"BACKEND": "no.such.Store"}}):
        assert worst(stores).level is Level.ERROR


def test_the_last_audit_of_each_index_counts(notes: Collection) -> None:
    index = serving_index(notes)
    assert "1 were not compared yet" in worst(audits).found
    done = {"index": index, "started_at": Now(), "finished_at": Now()}
    IndexAudit.objects.create(in_step=False, report={"findings": {"ids_missing_in_store": 3}}, **done)
    assert (worst(audits).level, "ids missing in the store: 3" in worst(audits).found) == (Level.WARNING, True)
    IndexAudit.objects.create(in_step=True, **done)
    assert worst(audits).level is Level.OK


def test_each_model_in_use_is_asked_for_its_canary(notes: Collection) -> None:
    profile = serving_index(notes).profile
    assert worst(embedders).level is Level.OK
    outages.pause(profile, EmbedderUnavailable("down"))
    assert worst(embedders).level is Level.WARNING
    with override_settings(EMBEDDERS={}):
        assert worst(embedders).level is Level.ERROR
    type(profile).objects.filter(pk=profile.pk).update(canary=b"\0" * len(profile.canary))
    found = worst(embedders)
    assert (found.level, "old model" in found.remedy) == (Level.ERROR, True)


# --- who is told --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_command_names_what_does_not_work_in_words_and_in_json_and_by_its_exit_status() -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="does not work: broker") as failed:
        call_command("doctor", stdout=out, no_color=True)
    assert failed.value.returncode == 1
    assert "broker     ERROR    Redis cannot be reached" in out.getvalue()
    assert "-> Run `manage.py up`" in out.getvalue()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["status"] == "error"
    levels = {check["name"]: check["level"] for check in report["checks"]}
    assert (levels["database"], levels["migrations"], levels["broker"]) == ("ok", "ok", "error")
    assert set(levels) == {check.name for check in CHECKS}


def test_alive_touches_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_ready_means_that_questions_can_be_answered_whatever_else_is_wrong(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    assert response.json()["checks"] == {
        "database": "ok",
        "migrations": "ok",
        "broker": "error",
        "workers": "warning",
        "stores": "ok",
        "budgets": "ok",
    }


def test_not_ready_is_a_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections_app import views

    monkeypatch.setattr(views, "REQUIRED", (Check("database", lambda: [error("down", "Start it.")]),))
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "not ready")
    assert "Start it." not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_page_in_the_admin_says_what_the_doctor_says_to_those_who_may_see_workers(client: Client) -> None:
    staff = User.objects.create_user("staff", is_staff=True)
    client.force_login(staff)
    address = "/admin/collections_app/workerstatus/health/"
    assert client.get(address).status_code == 403
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(address).content.decode()
    assert "Redis cannot be reached" in page
    assert address in client.get("/admin/").content.decode()
