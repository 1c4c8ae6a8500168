"""Django settings. The environment is read here and nowhere else; a wrong value stops the start with a sentence."""

import os
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vectorsite.private import crash_report, endpoints, report_stuck

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """Every environment variable that the site understands, with its type and default.

    The descriptions are what docs/environment.md says of each; `make reference` writes it.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    host: str = Field(default="127.0.0.1", description="address on which the web server listens")
    port: int = Field(default=8000, ge=1, le=65535, description="port on which it listens")
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default=[], description="names under which the site is reached, else this machine's; needed for `HOST=0.0.0.0`"
    )
    csrf_trusted_origins: Annotated[list[str], NoDecode] = Field(
        default=[], description="origins such as `https://search.example.org`, when a proxy changes scheme or host"
    )
    behind_tls_proxy: bool = Field(default=False, description="believe `X-Forwarded-Proto`, secure cookies, HSTS")
    var_dir: Path = Field(
        default=BASE_DIR / "var", description="where everything that the site writes lives; one running site per folder"
    )
    database_url: str = Field(
        default="",
        description="`postgres://user:password@host:5432/name` or `sqlite:////path`; else SQLite in `VAR_DIR`",
    )
    redis_url: str = Field(default="", description="`redis://host:6379/0`; else a private server")
    chroma_url: str = Field(
        default="",
        description="`http://host:8000`; else a private server. Without authentication: keep it on a private network",
    )
    workers: int = Field(
        default=2, ge=1, le=64, description="processes of the Celery worker, which read files and embed"
    )
    web_threads: int = Field(default=8, ge=1, le=64, description="threads of each of the 2 web processes")
    vector_memory_mb: int = Field(
        default=256,
        ge=0,
        description="memory for vectors in each web process: 340,000 passages of 384 dimensions, or 660,000 a little "
        "more slowly; 0 for none",
    )
    secret_key: str = Field(
        default="",
        description="Django's, the same for all machines of one site; else made, and kept in `VAR_DIR/secret_key`",
    )
    secret_key_fallbacks: Annotated[list[str], NoDecode] = Field(
        default=[], description="former values of `SECRET_KEY`, while it is exchanged"
    )
    admin_password: str = Field(
        default="",
        description="of `admin`, whom the first start makes; else made, and kept in `VAR_DIR/admin_password`",
    )
    embedding_backend: str = Field(
        default="local", description="model of new collections, an alias of `settings.EMBEDDERS`"
    )
    openai_base_url: str = Field(
        default="", description="server of the backend `openai`; its key is in `OPENAI_API_KEY`, unless it is stored"
    )
    time_zone: str = Field(default="UTC", description="name of the IANA database such as `Asia/Shanghai`")
    language_code: str = Field(
        default="en", description="of the site, where a browser asks for no other: `en` or `zh-hans`"
    )
    upload_limit_mb: int = Field(default=100, ge=1, description="the largest file that is taken")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`"
    )
    sweep_seconds: float = Field(
        default=2.0, gt=0, le=300, description="how often pending work is looked for that no message has announced"
    )
    lease_seconds: int = Field(
        default=60, ge=2, le=3600, description="how long a worker may be silent before another takes over its work"
    )
    tombstone_grace_seconds: int = Field(
        default=900, ge=0, description="how long rows of removed passages are kept, for writers that wake up late"
    )
    audit_hours: float = Field(default=1, gt=0, le=8760, description="how often every index is compared with SQL")
    deep_audit_hours: float = Field(
        default=24, gt=0, le=8760, description="how often vectors and metadata are compared too"
    )
    rollback_days: float = Field(
        default=7,
        ge=0,
        le=3650,
        description="how long an index that was replaced is kept in step, to be switched back to",
    )
    chroma_file_limit_gb: int = Field(
        default=16,
        ge=1,
        description="no file of the private Chroma grows beyond this, nor beyond half of the free disk",
    )
    debug: bool = Field(default=False, description="Django's; never on a site that others reach")

    @field_validator("allowed_hosts", "csrf_trusted_origins", "secret_key_fallbacks", mode="before")
    @classmethod
    def split_at_commas(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def is_a_redis_url(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"redis", "rediss", "unix", "redis+socket"}:
            raise ValueError("must look like redis://host:6379/0")
        return value

    @field_validator("chroma_url")
    @classmethod
    def is_an_http_url(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("must look like http://host:8000")
        return value

    @field_validator("time_zone")
    @classmethod
    def is_a_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be a name of the IANA database such as Europe/Berlin or Asia/Shanghai")
        return value

    @field_validator("language_code")
    @classmethod
    def is_a_language_of_the_site(cls, value: str) -> str:
        if value not in {"en", "zh-hans"}:
            raise ValueError("must be en or zh-hans")
        return value


def _read_environment() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']).upper()}={item['input']!r}: {item['msg']}"
            for item in error.errors()
        )
        raise ImproperlyConfigured(f"The environment holds a value that cannot be used. {wrong}") from None


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        raise ImproperlyConfigured(f"VAR_DIR={folder} cannot be written. Change its owner, or name another folder.")
    return folder


def _secret_key(folder: Path) -> str:
    """Return the key kept in `folder`, making it on first use; two processes at once agree on one."""
    path = folder / "secret_key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"secret_key.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


env = _read_environment()

DEBUG = env.debug
VAR_DIR = _writable(env.var_dir.expanduser().resolve())
SECRET_KEY = env.secret_key or _secret_key(VAR_DIR)
SECRET_KEY_FALLBACKS = env.secret_key_fallbacks
HOST, PORT = env.host, env.port
ALLOWED_HOSTS = env.allowed_hosts or ["localhost", "127.0.0.1", "[::1]", HOST]
if HOST in {"0.0.0.0", "::"} and not env.allowed_hosts:  # noqa: S104 - compared, not bound
    raise ImproperlyConfigured(
        f"HOST={HOST} opens the site to the network. "
        "Say under which names it is reached: ALLOWED_HOSTS=search.example.org"
    )
CSRF_TRUSTED_ORIGINS = env.csrf_trusted_origins
SITE_VERSION = "0.1.0"

INSTALLED_APPS = [
    # Before Unfold, so that our templates of the admin's first page and base win.
    "collections_app",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "ninja",
    "search_app",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "search_app.security.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "vectorsite.urls"
WSGI_APPLICATION = "vectorsite.wsgi.application"
ASGI_APPLICATION = "vectorsite.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]

# --- the relational database: the truth ---------------------------------------------------------------------------


def _database() -> dict[str, Any]:
    if env.database_url:
        try:
            database: dict[str, Any] = dict(dj_database_url.parse(env.database_url, conn_max_age=60))
        except (ValueError, KeyError) as error:
            raise ImproperlyConfigured(
                f"DATABASE_URL cannot be read ({error}). It must look like postgres://user:password@host:5432/name"
            ) from None
        if database["ENGINE"] not in {"django.db.backends.postgresql", "django.db.backends.sqlite3"}:
            raise ImproperlyConfigured("DATABASE_URL must name PostgreSQL (postgres://…) or SQLite (sqlite:///…).")
    else:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": VAR_DIR / "vectorsite.sqlite3"}
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # IMMEDIATE takes the write lock at the start of a transaction: a reader that turns into a writer would
        # otherwise fail at once with "database is locked", busy timeout or not.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=2147418112; "
                "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
            ),
        }
    else:
        database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "collections_app.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = reverse_lazy("search:login")
LOGIN_REDIRECT_URL = "/"

# --- private servers or real ones ---------------------------------------------------------------------------------

PRIVATE_REDIS = not env.redis_url
PRIVATE_CHROMA = not env.chroma_url
_private = endpoints(VAR_DIR) if PRIVATE_REDIS or PRIVATE_CHROMA else None
REDIS_URL = env.redis_url or (_private.redis_url if _private else "")
CHROMA_URL = env.chroma_url or (_private.chroma_url if _private else "")

CHROMA_FILE_LIMIT_BYTES = env.chroma_file_limit_gb * 2**30

# --- workers ------------------------------------------------------------------------------------------------------

WORKERS = env.workers
WEB_THREADS = env.web_threads
LOG_LEVEL = env.log_level
ADMIN_PASSWORD = env.admin_password  # of the account that the first start makes
SWEEP_SECONDS = env.sweep_seconds
LEASE_SECONDS = env.lease_seconds
TOMBSTONE_GRACE_SECONDS = env.tombstone_grace_seconds
ROLLBACK_DAYS = env.rollback_days
AUDIT_HOURS, DEEP_AUDIT_HOURS = env.audit_hours, env.deep_audit_hours

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A web request that rings the bell must not hang on a dead broker; the sweeper finds what was not rung.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "retry_on_timeout": True,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "sync"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = WORKERS
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1_500_000  # KiB
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 8.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    # While all workers embed, sweeps wait their turn. Were they to expire within an interval, none would run during a
    # long import: leases of dead workers and tombstones would be left until its end.
    "sweep": {"task": "collections_app.tasks.sweep", "schedule": SWEEP_SECONDS, "options": {"expires": 60}},
    "tidy": {"task": "collections_app.tasks.tidy", "schedule": 60.0, "options": {"expires": 60}},
    "calibrate_due": {"task": "collections_app.tasks.calibrate_due", "schedule": 60.0, "options": {"expires": 60}},
    "audit_due": {"task": "collections_app.tasks.audit_due", "schedule": 60.0, "options": {"expires": 60}},
}

# --- ports by alias -----------------------------------------------------------------------------------------------

EMBEDDERS: dict[str, dict[str, Any]] = {
    "local": {"BACKEND": "collections_app.embeddings.local.LocalEmbedder", "OPTIONS": {}},
    "openai": {
        "BACKEND": "collections_app.embeddings.openai.OpenAIEmbedder",
        "OPTIONS": {"base_url": env.openai_base_url, "api_key_env": "OPENAI_API_KEY"},
    },
    "ollama": {"BACKEND": "collections_app.embeddings.ollama.OllamaEmbedder", "OPTIONS": {}},
    "sentence-transformers": {
        "BACKEND": "collections_app.embeddings.sentence_transformers.SentenceTransformersEmbedder",
        "OPTIONS": {},
    },
    "chroma-default": {"BACKEND": "collections_app.embeddings.chroma_default.ChromaDefaultEmbedder", "OPTIONS": {}},
    "supplied": {"BACKEND": "collections_app.embeddings.supplied.SuppliedEmbedder", "OPTIONS": {}},
    "meaningless": {"BACKEND": "collections_app.embeddings.hashing.MeaninglessHashEmbedder", "OPTIONS": {}},
}
if env.embedding_backend not in EMBEDDERS:
    raise ImproperlyConfigured(
        f"EMBEDDING_BACKEND={env.embedding_backend!r} is not known. Choose one of: {', '.join(sorted(EMBEDDERS))}."
    )
DEFAULT_EMBEDDER = env.embedding_backend

VECTOR_STORES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "collections_app.vectorstores.chroma.ChromaVectorStore",
        "OPTIONS": {"url": CHROMA_URL, "timeout": 15.0, "folder": VAR_DIR / "chroma" if PRIVATE_CHROMA else None},
    },
}

# Who can start a store again that hangs, by alias: the supervisor of the private one.
STORE_RESTARTERS: dict[str, Callable[[], None]] = (
    {"default": partial(report_stuck, VAR_DIR, "chroma")} if PRIVATE_CHROMA else {}
)
# The file that is there when a store has ended other than by being stopped.
STORE_CRASH_REPORTS: dict[str, Path] = {"default": crash_report(VAR_DIR, "chroma")} if PRIVATE_CHROMA else {}

# --- files --------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
MEDIA_ROOT = VAR_DIR / "media"  # has no URL: sources are handed out by a view that asks for permission
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or "pytest" in sys.modules
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_MANIFEST_STRICT = False
# Of vectors that a web process keeps in memory, see search_app.resident; 0 for none.
VECTOR_MEMORY_MB = env.vector_memory_mb
# How long numbers that nobody waits for may stay in a process before they are written; 0 writes each at once.
FLUSH_SECONDS = 2.0
UPLOAD_LIMIT_BYTES = env.upload_limit_mb * 2**20
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20

# --- languages ----------------------------------------------------------------------------------------------------

LANGUAGE_CODE = env.language_code
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
FORMAT_MODULE_PATH = ["vectorsite.formats"]
LOCALE_PATHS = [BASE_DIR / "vectorsite" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.time_zone

# --- security -----------------------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
if env.behind_tls_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000

# --- log ----------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "collections_app": {"level": env.log_level},
        "search_app": {"level": env.log_level},
        "vectorsite": {"level": env.log_level},
        "celery": {"level": env.log_level},
        # A line per message and per request to the store says nothing that the admin does not show better.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.request": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}

# --- admin --------------------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Vectorsite",
    "SITE_HEADER": "Vectorsite",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_URL": "/",
    "SITE_SYMBOL": "travel_explore",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("search_app/mark.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "collections_app.admin.dashboard.dashboard_callback",
    "STYLES": [lambda request: static("collections_app/admin.css")],
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": True,
        "navigation": "collections_app.admin.navigation.navigation",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}
