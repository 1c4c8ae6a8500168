"""Settings of the test suite: the site's own, in a folder of their own, with the quick embedder and store.

Tests of real servers start them and say so; see tests/site_process.py.
"""

import os
import tempfile
from pathlib import Path

os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="vectorsite-test-")
os.environ.setdefault("EMBEDDING_BACKEND", "meaningless")
for name in ("PORT", "HOST", "REDIS_URL", "CHROMA_URL", "SECRET_KEY"):
    os.environ.pop(name, None)

from vectorsite.settings import *  # noqa: E402, F403
from vectorsite.settings import DATABASES, STATIC_ROOT, VAR_DIR  # noqa: E402

STATIC_ROOT.mkdir()

# A thread that reads an index would outlive its test, and see nothing of what the test has not committed.
VECTOR_MEMORY_MB = 0
FLUSH_SECONDS = 0

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
VECTOR_STORES = {"default": {"BACKEND": "collections_app.vectorstores.memory.InMemoryVectorStore", "OPTIONS": {}}}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, since tests with threads need one database and not one per connection.
    DATABASES["default"]["TEST"] = {"NAME": Path(VAR_DIR) / "test.sqlite3"}
