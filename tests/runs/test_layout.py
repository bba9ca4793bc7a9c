"""Names of a run's files and folders."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from guided.runs import layout

NOW = datetime(2026, 11, 21, 14, 22, 33)


def test_a_folder_is_named_by_time_and_prompt(tmp_path):
    folder = layout.new_folder(tmp_path, "A Red  Heart!", NOW)
    assert folder == tmp_path / "2026-11-21" / "142233-a-red-heart"


def test_emoji_are_named_where_there_is_nothing_else():
    """Folders of different emoji are told apart; beside words these name it."""
    assert layout.slug("🐙") == "octopus"
    assert layout.slug("🚂") != layout.slug("🌵") != layout.slug("🎂")
    assert layout.slug("a cat 🐙") == "a-cat"
    assert layout.slug("?!") == "picture"


@given(st.text(max_size=300))
def test_no_prompt_makes_a_path_out_of_its_folder(text):
    name = layout.slug(text)
    assert name
    assert len(name) <= 40
    assert len(name.encode()) <= 80
    assert not set(name) & set('/\\:.*?"<>|\0\n ')


@given(st.integers(0, 10**9 - 1), st.integers(1, 10**6))
def test_names_are_read_back_by_their_patterns(number, step):
    for name in layout.image_names(number):
        assert int(layout.IMAGE.fullmatch(name)[1]) == number
    found = layout.STEP.fullmatch(layout.step_name(number, step))
    assert (int(found[1]), int(found[2])) == (number, step)


def test_a_picture_is_moved_to_the_others(tmp_path):
    (tmp_path / "image_0003.webp").write_bytes(b"x")
    assert layout.find_image(tmp_path, 3) == "image_0003.webp"
    layout.move_to_others(tmp_path / "image_0003.webp")
    assert layout.find_image(tmp_path, 3) is None
    assert (tmp_path / "others" / "image_0003.webp").read_bytes() == b"x"
