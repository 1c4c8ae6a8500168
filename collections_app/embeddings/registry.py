"""Embedders by alias: one instance per process and configuration, made from `settings.EMBEDDERS`."""

import inspect
import json
import os
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from collections_app.embeddings.base import Embedder
from collections_app.exceptions import EmbedderMisconfigured

# What decides the vectors beside the model, by whatever backend.
VECTOR_OPTIONS = frozenset({"dimensions", "max_tokens", "passage_prefix", "pooling", "query_prefix", "questions"})

_loaded: dict[str, Embedder] = {}
_of_parents: list[dict[str, Embedder]] = []
_lock = threading.Lock()


def load_embedder(backend: str, *, model: str = "", options: Mapping[str, Any] = MappingProxyType({})) -> Embedder:
    """Return this process's embedder for an alias of `settings.EMBEDDERS`; equal configuration, same instance.

    `model` and `options` go before what the alias configures. No weights are read and no server is asked before the
    embedder is used. Raises EmbedderMisconfigured naming the remedy.
    """
    path, merged = _configuration(backend, model=model, options=options)
    key = json.dumps([path, merged], sort_keys=True, default=str)
    with _lock:
        if key not in _loaded:
            _loaded[key] = _make(backend, path, merged)
        return _loaded[key]


def takes_key(backend: str) -> bool:
    """Return whether the backend of an alias asks a server that may want a key; False if there is no such backend."""
    try:
        path, _ = _configuration(backend, model="", options={})
        return "sealed_api_key" in _signature(_backend_class(backend, path)).parameters
    except EmbedderMisconfigured:
        return False


def vector_options(backend: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a profile's options, and of what its alias configures, that decide the vectors.

    They may leave the site: neither keys, addresses nor folders are among them.
    """
    _, merged = _configuration(backend, model="", options=options)
    kept = {name: value for name, value in merged.items() if name in VECTOR_OPTIONS and value is not None}
    if questions := kept.get("questions"):
        kept["questions"] = {**questions, "options": vector_options(questions["backend"], questions.get("options", {}))}
    return kept


def _configuration(backend: str, *, model: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    known = settings.EMBEDDERS
    if backend not in known:
        raise EmbedderMisconfigured(
            f"There is no embedding backend {backend!r}. Choose one of: {', '.join(sorted(known))}; or add it to "
            "EMBEDDERS in the settings."
        )
    merged = {**known[backend].get("OPTIONS", {}), **options}
    if model:
        merged["model"] = model
    return known[backend]["BACKEND"], merged


def _make(backend: str, path: str, options: Mapping[str, Any]) -> Embedder:
    backend_class = _backend_class(backend, path)
    signature = _signature(backend_class)
    try:
        signature.bind(**options)
    except TypeError as error:
        raise EmbedderMisconfigured(
            f"The options of the embedding backend {backend!r} do not fit: {error}. "
            f"It knows: {', '.join(sorted(signature.parameters))}."
        ) from None
    return backend_class(**options)


def _backend_class(backend: str, path: str) -> type[Embedder]:
    try:
        backend_class = import_string(path)
    except ImportError as error:
        raise EmbedderMisconfigured(
            f"EMBEDDERS[{backend!r}] names {path}, which cannot be imported ({error}). Correct its BACKEND."
        ) from error
    if not (isinstance(backend_class, type) and issubclass(backend_class, Embedder)):
        raise EmbedderMisconfigured(f"EMBEDDERS[{backend!r}] names {path}, which is no Embedder. Correct its BACKEND.")
    return backend_class


def _signature(backend_class: type[Embedder]) -> inspect.Signature:
    """Return the options that a class takes: its own, and where it passes others on, those of the class above."""
    known: dict[str, inspect.Parameter] = {}
    for one in backend_class.__mro__:
        if "__init__" not in vars(one):
            continue
        _, *parameters = inspect.signature(vars(one)["__init__"]).parameters.values()
        own = [each for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD]
        known = {**{each.name: each for each in own}, **known}
        if len(own) == len(parameters):
            break
    return inspect.Signature(list(known.values()))


def _start_anew_after_fork() -> None:
    """Give a forked child its own embedders: sessions and connections of the parent must not be used by both.

    The lock is new as well, because another thread of the parent may have held it at the moment of the fork.
    """
    global _loaded, _lock
    # Kept alive: the destructor of an inference session waits for its threads, and the child has none of them.
    _of_parents.append(_loaded)
    _loaded, _lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_start_anew_after_fork)
