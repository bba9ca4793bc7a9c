"""Models are kept from row to row: each is loaded once, and let go when no longer needed."""

from dataclasses import replace

from guided.models.cards import ClipCard
from guided.models.model_cache import ModelCache

CARD = ClipCard(name="a", arch="ViT-B-32", tag="openai")


def test_the_same_weights_are_loaded_once_whatever_their_card_says_of_how_they_are_used():
    loaded, seen = ModelCache(), []

    def load(card, how):
        seen.append((card.tag, how))
        return object()

    first = loaded.get(load, CARD, "cpu")
    assert loaded.get(load, replace(CARD, weight=0.5, name="b"), "cpu") is first
    assert loaded.get(load, replace(CARD, tag="laion400m_e32"), "cpu") is not first
    assert loaded.get(load, CARD, "cuda") is not first
    assert seen == [("openai", "cpu"), ("laion400m_e32", "cpu"), ("openai", "cuda")]


def test_what_is_no_longer_needed_is_let_go():
    loaded = ModelCache()
    kept = loaded.get(lambda card: object(), CARD)
    other = replace(CARD, tag="laion400m_e32")
    loaded.get(lambda card: object(), other)
    loaded.keep_only([CARD, None])
    assert [model for _, model in loaded.models.values()] == [kept]
