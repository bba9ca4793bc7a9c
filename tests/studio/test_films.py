"""Pages that show a film's camera."""

import pytest

from guided.errors import BadInput
from guided.studio import films
from guided.studio.checking import Checker
from guided.studio.films import Films


@pytest.fixture(scope="module")
def plan():
    given = {"prompt": "a rose", "animate": "slow_zoom", "frames": 6, "fps": 12}
    return Checker().check(given, find=lambda value: None).plan


def test_the_page_tells_frames_steps_and_time(plan):
    kept = Films()
    page = kept.pages[kept.add(plan, "a <rose>", 130.0)]
    assert "6 frames" in page and "about 2 min" in page
    assert "a &lt;rose&gt;" in page and "<rose>" not in page
    assert "for an unknown time" in kept.pages[kept.add(plan, "a rose", None)]


def test_the_same_film_has_the_same_page_and_the_newest_are_kept(plan, monkeypatch):
    monkeypatch.setattr(films, "MOST", 2)
    kept = Films()
    names = [kept.add(plan, title, None) for title in ("a", "a", "b", "c")]
    assert names[0] == names[1] and list(kept.pages) == names[2:]


def test_a_still_picture_has_none():
    still = Checker().check({"prompt": "a rose"}, find=lambda value: None).plan
    with pytest.raises(BadInput, match="animate=slow_zoom"):
        Films().add(still, "a rose", None)
