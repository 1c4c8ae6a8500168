"""What was found as files: JSON with the full vectors, and NumPy's own formats."""

import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collections_app.lab.embedding import Embedded, Failed, Unsent
from collections_app.lab.findings import Agreement, Finding, Result, Scored, Variant, agreements
from collections_app.lab.texts import Texts


def as_json(texts: Texts, results: Sequence[Result], *, k: int) -> dict[str, Any]:
    """Return everything as what `json.dumps` takes.

    Numbers of vectors are the shortest decimals that give the same float32.
    """
    findings = [result for result in results if isinstance(result, Finding)]
    return {
        "query": texts.query or None,
        "texts": list(texts.passages),
        "profiles": [_profile(result) for result in results],
        "agreement": [
            {"profiles": [one.name, other.name], **_agreement(agreement)}
            for one, other, agreement in agreements(findings, k=k)
        ],
    }


def as_npy(embedded: Embedded) -> bytes:
    """Return the vectors as a .npy file, float32 [n, d]; the query, if there is one, is the first row."""
    file = io.BytesIO()
    np.save(file, _rows(embedded), allow_pickle=False)
    return file.getvalue()


def as_npz(texts: Texts, embedded: Sequence[Embedded]) -> bytes:
    """Return a .npz file of several profiles' vectors, readable without pickles.

    `texts` and `profiles` hold words, `vectors_0`, `vectors_1`, … the vectors of each profile as `as_npy` has them.
    """
    words = [texts.query, *texts.passages] if texts.query else texts.passages
    arrays = {f"vectors_{number}": _rows(one) for number, one in enumerate(embedded)}
    file = io.BytesIO()
    np.savez(
        file,
        allow_pickle=False,
        texts=np.array(words, dtype=np.str_),
        profiles=np.array([one.profile.name for one in embedded], dtype=np.str_),
        **arrays,
    )
    return file.getvalue()


def _rows(embedded: Embedded) -> NDArray[np.float32]:
    """Return the vectors float32 [n, d], that of the query first if there is one."""
    if embedded.query is None:
        return embedded.vectors
    return np.vstack([embedded.query[None, :], embedded.vectors])


def _profile(result: Result) -> dict[str, Any]:
    profile = result.profile
    known = {
        "name": profile.name,
        "backend": profile.backend,
        "model": profile.model,
        "fingerprint": profile.fingerprint,
        "dimensions": profile.dimensions,
    }
    match result:
        case Failed(reason=reason):
            return {**known, "error": reason}
        case Unsent(recipient=recipient, tokens=tokens):
            return {**known, "not_sent_to": recipient, "tokens": tokens}
        case Finding():
            return {**known, **_embedded(result.embedded), **_finding(result)}


def _embedded(embedded: Embedded) -> dict[str, Any]:
    return {
        "query_prefix": embedded.query_prefix,
        "passage_prefix": embedded.passage_prefix,
        "milliseconds": round(embedded.milliseconds, 3),
        "tokens": list(embedded.tokens),
        "query_tokens": embedded.query_tokens if embedded.query is not None else None,
        "tokens_are_estimated": embedded.is_estimate,
        "query_vector": None if embedded.query is None else _decimals(embedded.query),
        "vectors": [_decimals(vector) for vector in embedded.vectors],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "norms": finding.norms.tolist(),
        "cosines": finding.cosines.tolist(),
        "distances": finding.distances.tolist(),
        "ranking": [_scored(item) for item in finding.ranking],
        "variants": [_variant(variant) for variant in finding.variants],
    }


def _scored(item: Scored) -> dict[str, Any]:
    """Texts are numbered from 0, as they are in the list of vectors; the query has no number."""
    compared = {"text": item.second} if item.first is None else {"texts": [item.first, item.second]}
    return {"position": item.position, **compared, "cosine": item.cosine, "distance": item.distance}


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "dimensions": variant.dimensions,
        "numbers": "int8" if variant.is_quantised else "float32",
        "bytes_per_vector": variant.bytes_per_vector,
        **_agreement(variant.agreement),
        "largest_error_of_a_cosine": variant.largest_error,
        "moves": [asdict(move) for move in variant.moves],
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "spearman_rho": agreement.spearman,
        "kendall_tau_b": agreement.kendall,
        f"recall_at_{agreement.k}": agreement.recall,
    }


def _decimals(vector: NDArray[np.float32]) -> list[float]:
    return [float(str(number)) for number in vector]
