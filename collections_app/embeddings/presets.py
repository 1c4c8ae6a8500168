"""Models that are known to work, ready to be chosen: how each is reached, what it takes, and what it costs.

Prices are the providers' list prices for a million input tokens when the table was written; providers change them.
Licences are those of the weights; of a hosted model the provider's terms hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

_DASHSCOPE = {"base_url": "https://dashscope.aliyuncs.com/compatible-mode/v1", "api_key_env": "DASHSCOPE_API_KEY"}
_ZHIPU = {"base_url": "https://open.bigmodel.cn/api/paas/v4", "api_key_env": "ZHIPU_API_KEY"}
# Both answer numbers, whatever is asked.
_AS_NUMBERS = {"encoding_format": "float"}
_BGE_ZH: dict[str, Any] = {"query_prefix": "为这个句子生成表示以用于检索相关文章："}
_E5: dict[str, Any] = {"query_prefix": "query: ", "passage_prefix": "passage: "}
_TERMS, _FREE = "provider's terms", (Decimal(0), "")


@dataclass(frozen=True, slots=True)
class Preset:
    """One choice. `slug` names it in an address; a `<placeholder>` in the options is for the administrator to fill.

    `price` is that of a million tokens in `currency`.
    """

    slug: str
    name: str
    backend: str
    model: str
    languages: str
    dimensions: int
    max_tokens: int
    licence: str
    price: Decimal
    currency: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        return not self.price


_Price: TypeAlias = tuple[Decimal, str]


def _dollars(price: str) -> _Price:
    return Decimal(price), "USD"


def _yuan(price: str) -> _Price:
    return Decimal(price), "CNY"


def _openai(model: str, dimensions: int, price: _Price) -> Preset:
    options = {"max_tokens": 8191, "batch_texts": 2048, "batch_tokens": 250_000}
    return Preset(model, f"OpenAI {model}", "openai", model, "100+", dimensions, 8191, _TERMS, *price, options)


def _dashscope(version: int, dimensions: int, max_tokens: int, languages: str, price: _Price) -> Preset:
    model = f"text-embedding-v{version}"
    options = {**_DASHSCOPE, **_AS_NUMBERS, "max_tokens": max_tokens, "batch_texts": 10}
    # v1 and v2 have one number of dimensions, and refuse to be told it.
    if version >= 3:
        options["dimensions"] = dimensions
    name = f"DashScope {model}"
    return Preset(
        f"dashscope-v{version}", name, "openai", model, languages, dimensions, max_tokens, _TERMS, *price, options
    )


def _zhipu(model: str, dimensions: int, max_tokens: int, more: Mapping[str, Any]) -> Preset:
    options = {**_ZHIPU, **_AS_NUMBERS, "max_tokens": max_tokens, "batch_texts": 64, **more}
    return Preset(
        f"zhipu-{model}",
        f"Zhipu {model}",
        "openai",
        model,
        "zh, en",
        dimensions,
        max_tokens,
        _TERMS,
        *_yuan("0.5"),
        options,
    )


def _ollama(model: str, languages: str, dimensions: int, max_tokens: int, licence: str, **options: Any) -> Preset:
    options["max_tokens"] = max_tokens
    return Preset(
        f"ollama-{model}",
        f"Ollama {model}",
        "ollama",
        model,
        languages,
        dimensions,
        max_tokens,
        licence,
        *_FREE,
        options,
    )


def _server(slug: str, name: str, port: int) -> Preset:
    options = {"base_url": f"http://127.0.0.1:{port}/v1", "max_tokens": 8192}
    return Preset(slug, f"{name}: BAAI/bge-m3", "openai", "BAAI/bge-m3", "100+", 1024, 8192, "MIT", *_FREE, options)


def _folder(
    name: str, languages: str, dimensions: int, licence: str, *, max_tokens: int = 512, **prefixes: Any
) -> Preset:
    options = {"folder": f"<models>/{name}", **prefixes}
    return Preset(
        f"local-{name}", f"{name} (folder)", "local", name, languages, dimensions, max_tokens, licence, *_FREE, options
    )


PRESETS = (
    Preset("local", "all-MiniLM-L6-v2 (installed)", "local", "", "en", 384, 256, "Apache-2.0", *_FREE),
    _folder("bge-small-zh-v1.5", "zh", 512, "MIT", **_BGE_ZH),
    _folder("bge-base-zh-v1.5", "zh", 768, "MIT", **_BGE_ZH),
    _folder("bge-large-zh-v1.5", "zh", 1024, "MIT", **_BGE_ZH),
    _folder("m3e-base", "zh, en", 768, "see its model card"),
    _folder("gte-base-zh", "zh", 768, "MIT"),
    _folder("e5-base-v2", "en", 768, "MIT", **_E5),
    _folder("multilingual-e5-small", "94", 384, "MIT", **_E5),
    _folder("multilingual-e5-base", "94", 768, "MIT", **_E5),
    _folder("bge-m3", "100+", 1024, "MIT", max_tokens=8192),
    _openai("text-embedding-3-small", 1536, _dollars("0.02")),
    _openai("text-embedding-3-large", 3072, _dollars("0.13")),
    _dashscope(4, 1024, 8192, "100+", _yuan("0.5")),
    _dashscope(3, 1024, 8192, "50+", _yuan("0.5")),
    _dashscope(2, 1536, 2048, "zh, en, 8 more", _yuan("0.7")),
    _dashscope(1, 1536, 2048, "zh, en, 4 more", _yuan("0.7")),
    _zhipu("embedding-3", 2048, 3072, {"dimensions": 2048}),
    _zhipu("embedding-2", 1024, 512, {}),
    _ollama("bge-m3", "100+", 1024, 8192, "MIT"),
    _ollama("qwen3-embedding:0.6b", "100+", 1024, 32768, "Apache-2.0"),
    _ollama(
        "nomic-embed-text", "en", 768, 2048, "Apache-2.0",
        query_prefix="search_query: ", passage_prefix="search_document: ",
    ),
    _ollama(
        "mxbai-embed-large", "en", 1024, 512, "Apache-2.0",
        query_prefix="Represent this sentence for searching relevant passages: ",
    ),
    _server("vllm", "vLLM", 8000),
    _server("tei", "Text Embeddings Inference", 8080),
    _server("lm-studio", "LM Studio", 1234),
    Preset(
        "sentence-transformers", "SentenceTransformers: bge-m3 (CPU or GPU)", "sentence-transformers", "BAAI/bge-m3",
        "100+", 1024, 8192, "MIT", *_FREE, {"folder": "<models>/bge-m3"},
    ),
    Preset("chroma-default", "Chroma's default function", "chroma-default", "", "en", 384, 256, "Apache-2.0", *_FREE),
)  # fmt: skip


def preset(slug: str) -> Preset | None:
    return next((one for one in PRESETS if one.slug == slug), None)
