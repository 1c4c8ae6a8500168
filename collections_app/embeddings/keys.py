"""Keys of embedding servers at rest: sealed by the site's SECRET_KEY, opened where a request is sent."""

import base64

from django.conf import settings

from collections_app.exceptions import EmbedderMisconfigured

_PURPOSE = b"vectorsite: keys of embedding servers"


def seal(key: str) -> str:
    """Return `key` encrypted and signed (Fernet: AES-128-CBC and HMAC-SHA256) by the SECRET_KEY of now."""
    from cryptography.fernet import Fernet

    return Fernet(_derived(settings.SECRET_KEY)).encrypt(key.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the key that was sealed by SECRET_KEY or by one of SECRET_KEY_FALLBACKS.

    Raises EmbedderMisconfigured if it was sealed by none of them.
    """
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet

    known = MultiFernet(
        Fernet(_derived(str(secret))) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )
    try:
        return known.decrypt(sealed).decode()
    except InvalidToken:
        raise EmbedderMisconfigured(
            "The stored key cannot be opened, because SECRET_KEY is another than it was sealed by. Name the former one "
            "in SECRET_KEY_FALLBACKS, or enter the key again in the profile."
        ) from None


def _derived(secret: str) -> bytes:
    """Return a Fernet key for this purpose alone (HKDF, RFC 5869): what leaks of one use says nothing of another."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
