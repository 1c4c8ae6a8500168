"""Redis emptied or restarted, and bells that are never rung."""

import contextlib
import os
import signal
import threading

import httpx
import redis

from tests.chaos.corpus import text_of
from tests.chaos.experiment import Experiment
from tests.chaos.scene import Scene
from tests.chaos.stage import Stage
from tests.chaos.writer import WriteFailed
from tests.site.visitor import Visitor


class WebKilled(Experiment):
    """Somebody saves a document in the admin; the web process has committed it and is killed as it rings the bell."""

    name = "web-killed-between-commit-and-bell"

    def strike(self, scene: Scene, number: int) -> int:
        site = scene.stage.site
        administrator = Visitor(site.url)
        administrator.sign_in(site.admin_password)
        key, text = f"seed/{number}", text_of(scene.rng, paragraphs=1)
        with scene.stage.broker.hold("bell", by=scene.stage.web_pids) as hold:
            scene.journal.sent(key, text)
            saving = threading.Thread(target=_save, args=(administrator, _change_page(scene, key), text), daemon=True)
            saving.start()
            held = hold.wait(20)
            hits = _waiting(scene, key, text)
            with scene.without_web():
                for pid in scene.stage.web_pids():
                    os.kill(pid, signal.SIGKILL)
                held.drop()
        saving.join()
        administrator.close()
        return hits


class WriterKilled(Experiment):
    """A process that writes over the services has committed and is killed as it rings the bell."""

    name = "writer-killed-between-commit-and-bell"
    writers = 0

    def strike(self, scene: Scene, number: int) -> int:
        writer, key, text = scene.writer, f"seed/{number}", text_of(scene.rng, paragraphs=2)
        with scene.stage.broker.hold("bell", by=[writer.process.pid]) as hold:
            saving = threading.Thread(target=_save_over, args=(scene, key, text), daemon=True)
            saving.start()
            held = hold.wait(20)
            hits = _waiting(scene, key, text)
            writer.process.kill()
            held.drop()
            saving.join()
        scene.renew_writer()
        return hits


def _save(administrator: Visitor, page: str, text: str) -> None:
    with contextlib.suppress(httpx.TransportError):
        administrator.submit(page, field="text", values={"text": text})


def _save_over(scene: Scene, key: str, text: str) -> None:
    with contextlib.suppress(WriteFailed):
        scene.writer.save(key, text)


def _change_page(scene: Scene, key: str) -> str:
    query = "SELECT id FROM collections_app_document WHERE collection_id = ? AND key = ? AND deleted_at IS NULL"
    pk = scene.stage.database.value(query, scene.projection.collection, key)
    return f"/admin/collections_app/document/{pk}/change/"


def _waiting(scene: Scene, key: str, text: str) -> int:
    """Return 1 if the text is committed: nobody was told of it yet."""
    query = (
        "SELECT count(*) FROM collections_app_document d JOIN collections_app_documenttext t ON t.id = d.content_id "
        "WHERE d.collection_id = ? AND d.key = ? AND t.text = ?"
    )
    return int(scene.stage.database.value(query, scene.projection.collection, key, text))


class Flushed(Experiment):
    """Redis loses all that it holds while a thousand documents are pending and bells wait in its queue."""

    name = "redis-flushed"
    rounds = 1

    def strike(self, scene: Scene, number: int) -> int:
        count = 200 if self.is_short else 1000
        pids = [scene.stage.site.pid_of("worker"), *scene.stage.worker_pids()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            scene.writer.save_many(
                {f"bulk/{number}/{place}": text_of(scene.rng, paragraphs=1) for place in range(count)}
            )
            # The first bell may be on its way to a worker that was waiting for one, and is no longer in Redis.
            scene.until(lambda: _queued(scene.stage), "A bell in Redis's queue")
            pending = scene.pending()
            scene.stage.redis.flush()
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        return pending if pending >= count else 0


class Restarted(Experiment):
    """Redis is killed and started again, three times, while documents are pending."""

    name = "redis-restarted"
    pause = 0.01

    def strike(self, scene: Scene, number: int) -> int:
        scene.until(scene.pending, "Something pending")
        hits = scene.pending()
        scene.stage.redis.kill()
        scene.edit(3)
        scene.stage.redis.start()
        return hits


def _queued(stage: Stage) -> int:
    with redis.Redis.from_url(stage.redis.url) as client:
        return int(client.llen("sync"))


EXPERIMENTS = (WebKilled, WriterKilled, Flushed, Restarted)
