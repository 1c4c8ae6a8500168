"""What an exact phrase keeps: documents whose title or text has its words one after the other."""

import pytest

from collections_app import services
from collections_app.exceptions import InvalidFilter
from collections_app.models import Chunk, Collection, Document
from search_app.filter_sql import Form, condition_of
from search_app.filters import MAX_PHRASE, And, Expression, Not, Or, Phrase, read_phrase
from tests.conftest import Drain, save
from tests.search_app.conftest import ask, keys

pytestmark = pytest.mark.django_db

TEXTS = {
    "plain": "The quick brown fox jumps.",
    "wrapped": "The quick\n    brown\tfox, wrapped.",
    "shout": "THE QUICK BROWN FOX",
    "other": "The brown quick fox.",
    "accents": "ÉTÉ à Paris",
    "small accents": "été à paris",
    "chinese": "我们研究人工智能的历史。",
    "odd": r"100% of a_b \d+ (x|y) [z]* 🦊 end",
    "spaced": "人工 智能",
}


@pytest.fixture
def texts(collection: Collection) -> Collection:
    for key, text in TEXTS.items():
        save(collection, key, text, title="A lonely Title" if key == "chinese" else key)
    return collection


def kept(collection: Collection, expression: Expression) -> set[str]:
    """Return the keys of the documents that are kept, which both forms have to agree on."""
    documents = Document.objects.filter(collection=collection)
    as_set, as_probe = (
        set(documents.filter(condition_of(expression, document="pk", form=form)).values_list("key", flat=True))
        for form in Form
    )
    assert as_set == as_probe
    return as_set


def phrase(text: str) -> Phrase:
    found = read_phrase(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("quick brown fox", {"plain", "wrapped", "shout"}),
        ("Quick  Brown\nfox", {"plain", "wrapped", "shout"}),
        ("uick brown fo", {"plain", "wrapped", "shout"}),
        ("quickbrown", set()),
        ("été", {"small accents"}),
        ("ÉTÉ À", set()),
        ("ÉtÉ à PARIS", {"accents"}),
        ("人工智能", {"chinese"}),
        ("人工 智能", {"spaced"}),
        ("lonely title", {"chinese"}),
        ("100% of", {"odd"}),
        ("1% of", set()),
        ("a_b", {"odd"}),
        ("a%b", set()),
        ("_b \\d+ (x|y) [z]* 🦊", {"odd"}),
        ("\\d+", {"odd"}),
        (". of", set()),
    ],
)
def test_a_phrase_is_its_words_in_order_the_case_of_a_to_z_and_kinds_of_space_aside(
    texts: Collection, text: str, keys: set[str]
) -> None:
    assert kept(texts, phrase(text)) == keys
    assert kept(texts, Not(phrase(text))) == TEXTS.keys() - keys


def test_phrases_combine_like_any_other_condition(texts: Collection) -> None:
    fox, brown = phrase("fox"), phrase("quick brown")
    assert kept(texts, And((fox, Not(brown)))) == {"other"}
    assert kept(texts, Or((phrase("人工"), And((fox, phrase("wrapped")))))) == {"chinese", "spaced", "wrapped"}
    assert kept(texts, Not(Or((fox, phrase("i"))))) == {"odd", "spaced"}


def test_a_phrase_across_two_passages_keeps_the_document_with_all_its_passages(db: None, drain: Drain) -> None:
    collection = services.create_collection("Long", chunk_size=8)
    save(collection, "long", "One two three four five six seven eight nine ten. " * 3 + "The end.")
    save(collection, "short", "ten. The end")
    drain(collection)
    chunks = Chunk.objects.filter(index=collection.serving_index_id)
    assert chunks.filter(document__key="long").count() > 2
    expression = phrase("ten. One two")
    condition = condition_of(expression, document="document", form=Form.PROBE)
    assert set(chunks.filter(condition).values_list("document__key", flat=True)) == {"long"}
    assert keys(ask(collection, "the end", filter=expression)) == ["long"]


def test_a_phrase_is_looked_for_in_the_text_that_a_document_has_now(db: None, drain: Drain) -> None:
    collection = services.create_collection("Changing")
    save(collection, "note", "the old words stay", title="Note")
    drain(collection)
    save(collection, "note", "the new words stay", title="Note")
    assert keys(ask(collection, "words", filter=phrase("old words"))) == []
    drain(collection)
    assert keys(ask(collection, "words", filter=phrase("new words"))) == ["note"]


def test_a_phrase_without_words_is_none_and_one_without_end_is_refused() -> None:
    assert read_phrase(" \n ") is None
    with pytest.raises(InvalidFilter, match=f"The phrase “x.* has 501 characters; give at most {MAX_PHRASE}"):
        read_phrase("x" * 501)
