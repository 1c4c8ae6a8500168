"""Which language a text is in, as an ISO 639-1 code."""

import re
from functools import cache
from itertools import islice
from typing import Any

_SAMPLE = 3000
# The statistics are asked for stretches of the sample first, from its beginning, its middle and its end. They are right
# as often as for all of it, in a fraction of the time; where they are not sure, all of it is looked at.
_STRETCH, _STRETCHES = 100, 3
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_LETTER = re.compile(r"[^\W\d_]")
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]{2,}")
# Below this many words a statistical guess among a hundred languages is noise.
_ENOUGH_WORDS = 4


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(text: str, *, confidence: float = 0.75) -> str:
    """Return the language of `text`, or "" when it cannot be told with `confidence` (a probability).

    East Asian scripts are told by their characters: half the letters of a Chinese technical text may be Latin, which
    misleads statistics over letters.
    """
    sample = text[:_SAMPLE]
    if not sample.isascii() and (language := _by_script(sample)):
        return language
    if not _LETTER.search(sample):
        return ""
    if sample.isascii() and sum(1 for _ in islice(_LATIN_WORD.finditer(sample), _ENOUGH_WORDS)) < _ENOUGH_WORDS:
        return ""
    for part in dict.fromkeys((_stretches(sample), sample)):
        code, probability = _identifier().classify(part)
        if probability >= confidence:
            return str(code)
    return ""


def _by_script(sample: str) -> str:
    letters = len(_LETTER.findall(sample))
    if len(_HANGUL.findall(sample)) > 0.2 * letters:
        return "ko"
    if len(_KANA.findall(sample)) > 0.1 * letters:
        return "ja"
    if len(_HAN.findall(sample)) > 0.15 * letters:
        return "zh"
    return ""


def _stretches(sample: str) -> str:
    if len(sample) <= _STRETCH * _STRETCHES:
        return sample
    step = (len(sample) - _STRETCH) / (_STRETCHES - 1)
    return " ".join(sample[round(part * step) :][:_STRETCH] for part in range(_STRETCHES))
