"""Every error that Vectorsite raises on purpose.

Each class says in its docstring what happened. `permanent` decides about retry: a permanent error follows the
document (trying the same input again cannot help), anything else is an outage that is waited out. The message is
shown to people as it stands, so it names the remedy.
"""

from datetime import datetime


class VectorsiteError(Exception):
    """Something that Vectorsite was asked to do could not be done."""

    permanent = True


class ConfigurationError(VectorsiteError):
    """A setting, a profile or an index is configured in a way that cannot work."""


# --- embedding ---------------------------------------------------------------------------------------------------


class EmbeddingError(VectorsiteError):
    """A text could not be turned into a vector."""


class EmbeddingInputRefused(EmbeddingError):
    """The model refuses this very input (too long, empty, not text); other inputs may well pass."""


class EmbeddingResponseInvalid(EmbeddingError):
    """The embedder answered with vectors that are missing, of the wrong shape, not finite or of length zero."""

    permanent = False


class NoModelForQuestions(EmbeddingError):
    """The vectors were supplied by somebody, and no model is named that gives the vectors of questions."""


class EmbedderUnavailable(EmbeddingError):
    """The embedder cannot be used now: unreachable, timed out, rate limited, failing.

    `retry_after` is the number of seconds that the embedder asked for, None when it did not say.
    `is_rate_limit` says that it is up, and only wants to be asked less. `may_have_worked` says that the request was
    sent and not refused: it may have been worked, and charged, although its answer never came.
    """

    permanent = False

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        is_rate_limit: bool = False,
        may_have_worked: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.is_rate_limit = is_rate_limit
        self.may_have_worked = may_have_worked


class EmbedderSilent(EmbedderUnavailable):
    """The embedder did not answer for as long as it may take; to ask again at once would take as long again."""


class EmbedderMisconfigured(EmbeddingError, ConfigurationError):
    """The embedder refuses every input until an administrator acts: bad key, unknown model, wrong dimension.

    It is not the document's fault, so it pauses the profile like an outage and charges no entry.
    """

    permanent = False


class ProfileMismatch(EmbeddingError, ConfigurationError):
    """The embedder at hand does not produce the vectors that the profile or index was built from."""


class BudgetUsedUp(EmbeddingError):
    """A budget has no room for what was to be embedded. What is in SQL already costs nothing and may go on.

    `budget_id` is the primary key of the budget, `until` when its next period begins, None if it has none.
    """

    permanent = False

    def __init__(self, message: str, *, budget_id: int, until: datetime | None) -> None:
        super().__init__(message)
        self.budget_id = budget_id
        self.until = until


# --- vector store ------------------------------------------------------------------------------------------------


class VectorStoreError(VectorsiteError):
    """The vector store could not do what it was asked."""


class VectorStoreUnavailable(VectorStoreError):
    """The store cannot be used now: unreachable, timed out, out of disk, starting. The change may have been applied."""

    permanent = False


class VectorStoreWentDown(VectorStoreUnavailable):
    """The store hung up or fell silent in the middle of a request, as one does that dies or hangs because of it.

    `collection` is the name of the collection that the request was about, "" when it was about none. `is_silent` says
    that it may still be there, and hang.
    """

    def __init__(self, message: str, *, collection: str = "", is_silent: bool = False) -> None:
        super().__init__(message)
        self.collection = collection
        self.is_silent = is_silent


class VectorStoreCollectionMissing(VectorStoreError):
    """The physical collection does not exist in the store; it has to be rebuilt under a new generation."""

    permanent = False


class VectorStoreCollectionBroken(VectorStoreError):
    """The physical collection exists but cannot be read or written any more; it has to be rebuilt."""

    permanent = False


class RecordRefused(VectorStoreError):
    """The store refuses this very record (metadata type, dimension); other records may well pass."""


class RecordsExist(VectorStoreError):
    """The store holds records under ids that were never given out before: it is ahead of the database."""

    permanent = False


class FilterNotSupported(VectorStoreError):
    """The filter cannot be expressed in the store's own filter language."""


# --- extraction --------------------------------------------------------------------------------------------------


class ExtractionError(VectorsiteError):
    """No text could be taken out of a file."""

    code = "unreadable"


class UnsupportedMediaType(ExtractionError):
    """Files of this kind are not read."""

    code = "unsupported"


class NothingToExtract(ExtractionError):
    """The file was read and holds no text (empty, or pictures only)."""

    code = "empty"


class EncryptedSource(ExtractionError):
    """The file is protected by a password."""

    code = "encrypted"


class ExtractionLimitExceeded(ExtractionError):
    """Reading the file took more time, memory or output than one file may."""

    code = "limit"


class ExtractionCrashed(ExtractionError):
    """The reader's process died while it read the file."""

    code = "crashed"


class ExtractionUnavailable(ExtractionError):
    """Nothing can be read now, whatever the file: disk full, no process could be started, a reader is not installed."""

    permanent = False
    code = "unavailable"


# --- writing -----------------------------------------------------------------------------------------------------


class LeaseLost(VectorsiteError):
    """The lease ran out or was taken over while we worked; what we have is dropped."""

    permanent = False


class InvalidMetadata(VectorsiteError):
    """A document's metadata does not fit the fields that its collection declares. `field` is the field's name."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class InvalidDocument(VectorsiteError):
    """A document cannot be stored as given (empty text, key too long, duplicate key)."""


class RebuildRefused(VectorsiteError):
    """An index cannot be built, activated or dropped as asked, or not yet; the message names what is missing."""


class DocumentCannotBeChunked(VectorsiteError):
    """The document's text yields no passage that could be embedded."""


class InvalidImport(VectorsiteError):
    """An import as a whole cannot be done as asked (unknown column, unreadable table)."""


class CollectionFileRefused(VectorsiteError):
    """A collection file cannot be written or taken: damaged, of a newer format, of a model that this site has not."""

    code = "refused"


# --- evaluating --------------------------------------------------------------------------------------------------


class InvalidEvaluation(VectorsiteError):
    """Models cannot be compared as asked: a misformed file, an unknown or paused profile, nothing to ask about."""


# --- searching ---------------------------------------------------------------------------------------------------


class InvalidFilter(VectorsiteError):
    """A filter names an unknown field or operator, or a value that is not of the field's type.

    `path` says where in a JSON filter, such as `and[1].value`; "" where it was not JSON.
    """

    def __init__(self, message: str, *, field: str = "", operator: str = "", path: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.operator = operator
        self.path = path


class InvalidSearchRequest(VectorsiteError):
    """The search cannot be run as asked (no such collection, an unknown order, results out of range).

    `code` is what programs are told.
    """

    def __init__(self, message: str, *, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.code = code
