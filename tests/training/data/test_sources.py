"""The lists of sources, subjects and names."""

import yaml

from guided.paths import EMBEDDED
from guided.training.data import sources


def test_every_subject_is_spelt_as_in_unicode() -> None:
    """Each subject once, and other names only for subjects."""
    book = sources.subjects()
    assert len(book["weights"]) > 400 and not set(book["weights"]) & set(book["later"])
    names = yaml.safe_load((sources.HERE / "names.yaml").read_text())
    assert set(names) <= {*book["weights"], *book["later"]}


def test_what_the_shipped_model_knows_is_taught_on() -> None:
    known = (EMBEDDED / "words.txt").read_text().splitlines()
    assert len(known) == len(set(known)) and set(known) <= set(sources.subjects()["weights"])


def test_every_source_is_pinned_and_not_share_alike() -> None:
    book = sources.read()
    for source in [book["words"], *book["pictures"]]:
        assert len(source["sha256"]) == 64
        assert source["version"] and source["attribution"]
        assert "SA" not in source["licence"] and "GPL" not in source["licence"]


def test_nobody_learns_from_what_the_other_is_measured_on() -> None:
    """The judge's and the guides' renderings are apart, and all have a learner."""
    guides, judge = set(sources.of("guides")), set(sources.of("judge"))
    assert guides and judge and not guides & judge
    assert guides | judge == {source["name"] for source in sources.read()["pictures"]}
    assert set(sources.subjects()["vendors"]) == guides
