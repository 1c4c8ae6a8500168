"""How the broker is, asked with short patience: it answers, it keeps what it is given, workers listen to it."""

from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from collections_app.exceptions import VectorsiteError

_PATIENCE = 2.0


class BrokerUnavailable(VectorsiteError):
    """The broker cannot be reached or does not answer. Nothing is lost by that; work waits."""

    permanent = False


@dataclass(frozen=True, slots=True)
class BrokerState:
    """`waiting` messages that no worker has taken, and what Redis does when its memory is full."""

    version: str
    memory_policy: str
    waiting: int


def broker_state() -> BrokerState:
    """Ask Redis; raises BrokerUnavailable."""
    try:
        with _connection() as redis:
            server, memory = redis.info("server"), redis.info("memory")
            waiting = redis.llen(settings.CELERY_TASK_DEFAULT_QUEUE)
    except (RedisError, OSError) as error:
        raise BrokerUnavailable(str(error)) from error
    return BrokerState(
        version=str(server["redis_version"]),
        memory_policy=str(memory.get("maxmemory_policy", "")),
        waiting=int(waiting),
    )


def answering_workers() -> list[str]:
    """Return the names of workers that answer a call, the first one at once; raises BrokerUnavailable."""
    try:
        replies = current_app.control.ping(timeout=_PATIENCE, limit=1)
    except (OperationalError, RedisError, OSError) as error:
        raise BrokerUnavailable(str(error)) from error
    return sorted(name for reply in replies or () for name in reply)


def _connection() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE)
