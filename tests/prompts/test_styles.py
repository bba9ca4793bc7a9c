"""Artists and styles: which words reach which prompts, in which language, how strongly."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.prompts.prompt import Prompt, parse
from guided.prompts.styles import Artist, Bilingual, Style, StyleMix

HOKUSAI = Bilingual("Hokusai", "北斋")
TURNER = Bilingual("Turner", "透纳")
WEIGHTS = st.floats(0, 5).map(lambda weight: round(weight, 2))


def artist(name: Bilingual = HOKUSAI, weight: object = 1) -> Artist:
    return Artist(name=name, words=Bilingual("big waves", "巨浪"), weight=weight)


def style(words: str = "etching", weight: object = 1) -> Style:
    return Style(words=Bilingual(words, "蚀刻"), weight=weight)


def manner(artists: list[Artist] = (), styles: list[Style] = ()) -> StyleMix:
    return StyleMix(
        {str(k): found for k, found in enumerate(artists)},
        {str(k): found for k, found in enumerate(styles)},
    )


def applied(prompt: object, found: StyleMix, **settings: object) -> list[Prompt]:
    return found.applied(parse(prompt, **settings), lambda words, name: words)


def weights(prompts: list[Prompt], progress: float = 0.5) -> dict[str, float]:
    return {prompt.text: pytest.approx(prompt.at(progress)) for prompt in prompts}


# ---- words ---------------------------------------------------------------------------------


def test_nothing_chosen_changes_nothing() -> None:
    prompts = parse(["a castle:2", "fog:-0.5"], "rain")
    assert manner().applied(prompts, lambda words, name: words) == prompts


def test_words_stand_behind_the_prompt_in_its_language() -> None:
    both = manner([artist()], [style()])
    assert applied("a castle.", both) == [Prompt("a castle, by Hokusai, big waves, etching")]
    assert applied("一座城堡。", both) == [Prompt("一座城堡，北斋风格，巨浪，蚀刻")]
    assert applied("城のある海", both)[0].text == "城のある海, by Hokusai, big waves, etching"


def test_each_prompt_is_spoken_to_in_its_own_language() -> None:
    texts = [found.text for found in applied(["fog", "雾"], manner([artist()]))]
    assert texts == ["fog, by Hokusai, big waves", "雾，北斋风格，巨浪"]


def test_a_preset_of_ones_own_may_have_words_in_one_language_only() -> None:
    me = Artist(name=Bilingual(en="Me"))
    assert applied("一只猫", manner([me]))[0].text == "一只猫，Me风格"
    assert (
        applied("a cat", manner([], [Style(words=Bilingual(zh="水墨"))]))[0].text == "a cat, 水墨"
    )
    assert applied("a cat", manner([Artist(words=Bilingual("in my hand"))]))[0].text == (
        "a cat, in my hand"
    )


def test_what_is_kept_away_from_and_pictures_stay_as_they_are() -> None:
    found = applied("a castle", manner([artist()]), negative="fog", image_prompt="a.png")
    assert found == [
        Prompt("a castle, by Hokusai, big waves"),
        Prompt("fog", -0.5),
        Prompt("a.png", image="a.png"),
    ]


def test_beside_pictures_alone_the_words_are_a_prompt_of_their_own() -> None:
    found = applied(None, manner([artist(), artist(TURNER)], [style()]), image_prompt="a.png:2")
    assert weights(found) == {
        "a.png": 2, "by Hokusai, big waves, etching": 0.5, "by Turner, big waves, etching": 0.5
    }  # fmt: skip


def test_times_and_clips_of_a_prompt_are_kept() -> None:
    asked = {0: "a seed", 0.4: {"text": "a tree", "clips": ["rn50"]}}
    seed, tree = applied(asked, manner([artist()]))
    assert (seed.begins, seed.ends, seed.clips) == (0, 0.4, ())
    assert (tree.begins, tree.ends, tree.clips) == (0.4, 1, ("rn50",))
    scheduled = {"text": "fog", "weight": [[0, 1], [0.5, 0.2]]}
    (fog,) = applied([scheduled], manner([artist()]))
    assert [fog.at(0), fog.at(0.7)] == [1, 0.2]


def test_wildcards_in_words_are_decided_once_for_all_prompts_of_an_image() -> None:
    asked: list[tuple[str, str]] = []
    found = manner([artist()]).applied(
        parse(["fog", "mist"]), lambda words, name: asked.append((words, name)) or "x"
    )
    assert [prompt.text for prompt in found] == ["fog, x", "mist, x"]
    assert set(asked) == {("by Hokusai, big waves", "0")}


# ---- weights -------------------------------------------------------------------------------


def test_several_artists_share_each_prompt() -> None:
    found = applied(["fog", "rain:3"], manner([artist(weight=2), artist(TURNER)]))
    assert weights(found) == {
        "fog, by Hokusai, big waves": 2 / 3,
        "fog, by Turner, big waves": 1 / 3,
        "rain, by Hokusai, big waves": 2,
        "rain, by Turner, big waves": 1,
    }


def test_what_artists_leave_of_a_prompt_is_plain() -> None:
    found = applied("fog", manner([artist(weight=0.5), artist(TURNER, 0.2)]))
    assert weights(found) == {
        "fog, by Hokusai, big waves": 0.5, "fog, by Turner, big waves": 0.2, "fog": 0.3
    }  # fmt: skip


def test_styles_are_said_together_and_a_weight_is_how_much_of_the_prompt_says_it() -> None:
    together = manner([], [style("etching"), style("serene")])
    assert applied("fog", together) == [Prompt("fog, etching, serene")]
    some = manner([], [style("etching", 2), style("serene", 0.5)])  # 1 and a quarter
    assert weights(applied("fog", some)) == {"fog, etching, serene": 0.25, "fog, etching": 0.75}
    assert applied("fog", manner([], [style(weight=0)])) == [Prompt("fog")]


def test_one_artist_may_follow_another() -> None:
    out = artist(weight={"linear": [[0, 1], [1, 0]]})
    comes = artist(TURNER, weight={"linear": [[0, 0], [1, 1]]})
    found = applied("fog:2", manner([out, comes]))
    for progress in (0.0, 0.25, 1.0):
        assert weights(found, progress) == {
            "fog, by Hokusai, big waves": 2 * (1 - progress),
            "fog, by Turner, big waves": 2 * progress,
        }


@settings(deadline=None)
@given(
    hands=st.lists(WEIGHTS, max_size=3),
    looks=st.lists(WEIGHTS, max_size=3),
    progress=st.floats(0, 1),
)
def test_a_prompt_counts_as_much_with_artists_and_styles_as_without(
    hands: list[float], looks: list[float], progress: float
) -> None:
    """Or they would outweigh what else is asked for."""
    found = manner(
        [artist(weight=w) for w in hands], [style(weight=[[0, w], [0.5, 1]]) for w in looks]
    )
    prompts = applied("fog:1.5", found)
    assert sum(prompt.at(progress) for prompt in prompts) == pytest.approx(1.5, abs=1e-6)
    assert all(prompt.at(progress) >= 0 for prompt in prompts)


@pytest.mark.parametrize("weight", [-1, "much", None])
def test_a_weight_below_nothing_is_refused(weight: object) -> None:
    with pytest.raises(ValueError, match="weight="):
        artist(weight=weight)


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kind=moods is not one of .*did you mean 'mood'"):
        Style(kind="moods")
