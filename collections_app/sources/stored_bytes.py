"""The bytes of source files, in Django's file storage under their digest: equal ones are kept once."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

from collections_app.models import SourceFile

FOLDER = "sources"
# Long enough for an upload that has stored its bytes and not yet its row.
UNUSED_FOR = timedelta(days=1)
_READ = 1 << 20


def digest_of(content: File) -> tuple[str, int]:
    """Return the sha256 of an upload in hexadecimal, and how many bytes it has."""
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    while part := content.read(_READ):
        digest.update(part)
        size += len(part)
    content.seek(0)
    return digest.hexdigest(), size


def keep_bytes(content: File) -> str:
    """Keep bytes that nothing refers to yet, for a day; return the name under which the storage has them."""
    return keep_under(content, digest_of(content)[0])


def keep_under(content: File, sha256: str) -> str:
    """Store bytes under their digest, unless they are there already; return their name in the storage.

    A torso that a crash left is replaced.
    """
    name = f"{FOLDER}/{sha256[:2]}/{sha256}"
    if default_storage.exists(name):
        if default_storage.size(name) == content.size:
            return name
        default_storage.delete(name)
    return default_storage.save(name, content)


def sweep_unused_bytes() -> int:
    """Remove stored bytes that no source file refers to and that nobody stored lately; return how many files.

    One of the 256 folders is looked through at a time, another one every minute.
    """
    folder = f"{FOLDER}/{int(time.time() // 60) % 256:02x}"
    if not default_storage.exists(folder):
        return 0
    _folders, names = default_storage.listdir(folder)
    paths = {f"{folder}/{name}" for name in names}
    unused = paths - set(SourceFile.objects.filter(file__in=paths).values_list("file", flat=True))
    removed = 0
    for path in unused:
        if timezone.now() - default_storage.get_modified_time(path) > UNUSED_FOR:
            default_storage.delete(path)
            removed += 1
    return removed


@contextmanager
def local_path(stored: str) -> Iterator[Path]:
    """Give stored bytes as a file on this machine, wherever the storage keeps them."""
    try:
        yield Path(default_storage.path(stored))
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, default_storage.open(stored, "rb") as file:
            while part := file.read(_READ):
                copy.write(part)
            copy.flush()
            yield Path(copy.name)
