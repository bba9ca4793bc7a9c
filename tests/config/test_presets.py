"""The presets of conf/artist and conf/look: facts, names, how they are asked for, the tables."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from wcwidth import wcswidth

from guided.config import card_list
from guided.config.catalog import spelt_out
from guided.config.composition import compose
from guided.config.overrides import parse, raws
from guided.config.plan import Plan
from guided.config.presets import presets, table, weighted
from guided.config.schema import build, build_all
from guided.errors import BadInput
from guided.paths import conf_folder
from guided.prompts.prompt import split_weight
from guided.prompts.styles import Artist, Style
from guided.prompts.wildcards import Wildcards

ROOT = conf_folder().parent
ARTISTS, LOOKS = presets("artist"), presets("look")
SAYING = [look for look in LOOKS if look.says]
HAN = re.compile(r"[\u4e00-\u9fff]")
MINE = """\
me:
  _target_: guided.prompts.styles.Artist
  name: {en: Me, zh: 我}
  words: {en: in crayon, zh: 蜡笔}
"""


# ---- what is in the files ------------------------------------------------------------------


def test_there_are_enough_of_them() -> None:
    assert len(ARTISTS) >= 60
    assert len(SAYING) >= 40
    assert {look.says["kind"] for look in SAYING} == {"medium", "style", "mood"}


def test_every_preset_speaks_both_languages() -> None:
    for preset in [*ARTISTS, *SAYING]:
        for key in ("name", "words"):
            said = preset.says[key]
            assert re.search("[A-Za-z0-9]", said["en"]) and not HAN.search(said["en"]), preset
            assert HAN.search(said["zh"]), preset
            for text in said.values():  # which has neither weights nor wildcards in it
                assert Wildcards().draw(text, 1) == split_weight(text)[0] == text


def test_every_artist_died_more_than_seventy_years_ago() -> None:
    """And lived as long as people do: a slip of a digit would show."""
    for artist in ARTISTS:
        found = re.fullmatch(r"(?:c\. )?(\d{3,4})–(?:c\. )?(\d{3,4})", artist.says["years"])
        born, died = map(int, found.groups())
        assert died < 1955, artist
        assert 20 <= died - born <= 95, artist
        assert artist.says["place"], artist


def test_no_two_presets_have_the_same_name() -> None:
    for group in (ARTISTS, SAYING):
        for language in ("en", "zh"):
            names = [preset.name(language) for preset in group]
            assert len(names) == len(set(names))


def test_the_models_that_suit_a_look_are_there() -> None:
    known = {name for name, _ in card_list.models()}
    assert {model for look in SAYING for model in look.says["models"]} <= known


def test_a_file_names_what_it_is() -> None:
    """Under another name it would be a preset that cannot be listed nor weighted."""
    quality = {look.choice for look in LOOKS if not look.says}
    assert quality == {"draft", "standard", "fine", "modern", "disco", "discoart", "han_fav"}
    assert all(artist.says for artist in ARTISTS)


def test_every_artist_and_every_saying_look_composes_and_builds() -> None:
    """All of a group at once: Hydra takes a quarter of a second each time."""
    for group, kind, chosen in (("artist", Artist, ARTISTS), ("look", Style, SAYING)):
        names = [preset.choice for preset in chosen]
        plan = Plan.read(compose(["prompt=x", f"{group}=[{','.join(names)}]"]))
        built = plan.styles.artists if group == "artist" else plan.styles.styles
        assert list(built) == names
        assert all(isinstance(found, kind) for found in built.values())


def test_every_file_lists_every_setting() -> None:
    """Hydra knows only what the YAML lists: a setting left out could not be set, nor completed."""
    for kind, chosen in ((Artist, ARTISTS), (Style, SAYING)):
        settings = {field.name for field in fields(kind)}
        for preset in chosen:
            assert preset.says.keys() - {"_target_"} == settings, preset


# ---- asking for them -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed, words",
    [
        ("artist=hokusai", ["artist=[hokusai]"]),
        ("artist=[hokusai, turner]", ["artist=[hokusai,turner]"]),
        ("artist=[hokusai:2,turner]", ["artist=[hokusai,turner]", "++artist.hokusai.weight=2"]),
        ("artist=hokusai:0.5", ["artist=[hokusai]", "++artist.hokusai.weight=0.5"]),
        ("artist=[Vincent van Gogh:.5]", ["artist=[van_gogh]", "++artist.van_gogh.weight=0.5"]),
        ("artist='van gogh'", ["artist=[van_gogh]"]),
        ("artist=[葛饰北斋,梵高]", ["artist=[hokusai,van_gogh]"]),
        ("artist=Dürer", ["artist=[durer]"]),
        ("look=[fine,水墨]", ["look=[fine,ink_wash]"]),
        ("look=[Ink Wash:2]", ["look=[ink_wash]", "++look.ink_wash.weight=2"]),
        (r"artist=[monet,turner\:2]", ["artist=[monet,turner]", "++artist.turner.weight=2"]),
        ("artist=null", ["artist=[]"]),
        ("artist=[]", ["artist=[]"]),
        ("artist=[turner,turner]", ["artist=[turner]"]),
        # Sweeps are Hydra's, or the batch's, to take apart.
        ("artist=hokusai,turner", ["artist=hokusai,turner"]),
        ("artist=glob(*)", ["artist=glob(*)"]),
        ("artist=[hokusai:2],[turner]", ["artist=[hokusai:2],[turner]"]),
        ("artist=choice(hokusai,turner)", ["artist=choice(hokusai,turner)"]),
        ("seed=1", ["seed=1"]),
    ],
)
def test_names_in_any_form_and_weights_are_understood(typed: str, words: list[str]) -> None:
    assert raws(spelt_out([parse(typed)], [])) == words


@pytest.mark.parametrize(
    "typed, said",
    [
        ("artist=hokusia", "did you mean 'hokusai'"),
        ("artist=[turner,monett:2]", "did you mean 'monet'"),
        ("look=inkwish", "did you mean 'ink_wash'"),
        ("artist=葛饰北", "did you mean '葛饰北斋'"),
        ("look=[fine:2]", "look=fine:2: fine says nothing"),
        ("artist=tagore", "artist=tagore may be abanindranath or gaganendranath"),
    ],
)
def test_a_slip_is_told_the_nearest(typed: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        spelt_out([parse(typed)], [])


def test_artists_and_looks_reach_the_prompts_of_a_run() -> None:
    cfg = compose(
        ["prompt=a cat", "artist=[hokusai:3,turner]", "look=[draft,etching]", "manner=none"]
    )
    plan = Plan.read(cfg)
    hokusai, turner = plan.prompts_of(1)
    assert hokusai.text.startswith("a cat, by Katsushika Hokusai, ")
    assert turner.text.startswith("a cat, by J. M. W. Turner, ")
    assert all("etching" in prompt.text for prompt in (hokusai, turner))
    assert (hokusai.weight, turner.weight) == (0.75, 0.25)
    assert plan.steps == 25  # of the draft
    assert plan.prompts[0].text == "a cat"  # what names the folder


def test_one_image_has_one_draw_of_wildcards_whoever_draws_it() -> None:
    cfg = compose(["prompt=a {red|blue|green|black} cat", "artist=[hokusai,turner]"])
    plan = Plan.read(cfg)
    drawn = [[prompt.text.split(",")[0] for prompt in plan.prompts_of(k)] for k in range(12)]
    assert all(one == other for one, other in drawn)
    assert len({one for one, _ in drawn}) > 1


def test_the_last_look_and_the_command_line_win() -> None:
    one = compose(["prompt=x", "look=[sepia,cyanotype]"])
    assert one.guide.palette.colours[0] == "#0b2e5c"
    assert compose(["look=sepia", "guide.palette.scale=5"]).guide.palette.scale == 5
    assert (
        "palette"
        not in Plan.read(compose(["prompt=x", "look=sepia", "guide.palette=null"])).guides
    )


def test_a_preset_that_is_something_else_is_refused(tmp_path: Path) -> None:
    cfg = compose(["prompt=x", "+artist.me._target_=guided.prompts.styles.Style"])
    with pytest.raises(BadInput, match=r"artist\.me\._target_=guided.prompts.styles.Style is"):
        Plan.read(cfg)


# ---- the tables ----------------------------------------------------------------------------


def run(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "run.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def test_the_table_shows_names_in_both_scripts_years_and_what_it_does() -> None:
    found = run("artist=list")
    assert found.returncode == 0
    (line,) = [line for line in found.stdout.splitlines() if line.startswith("hokusai ")]
    for part in ("Katsushika Hokusai", "葛饰北斋", "1760–1849", "Japan", "ukiyo-e"):
        assert part in line
    (line,) = [line for line in run("look=list").stdout.splitlines() if " ukiyo_e " in line]
    for part in ("style", "浮世绘", "woodblock", "model=ukiyoe"):
        assert part in line


@pytest.mark.parametrize("group", ["artist", "look"])
def test_its_columns_are_straight_on_a_terminal(group: str) -> None:
    """Where a Chinese character takes two columns."""
    wide = [line for line in table(group, []).split("\n\n")[0].splitlines() if HAN.search(line)]
    starts = {wcswidth(line[: HAN.search(line).start()]) for line in wide}
    if group == "look":
        assert len(starts) == 1
    narrow = table(group, [], width=60).splitlines()
    assert all(wcswidth(line) <= 60 for line in narrow[: len(wide)])
    assert any(line.endswith("…") for line in narrow)


def test_the_table_needs_no_torch() -> None:
    program = (
        "import sys; from guided.config import presets; presets.table('artist', []);"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize("flags", [["--config-dir", "{}"], ["-cd", "{}"], ["--config-dir={}"]])
def test_ones_own_artists_are_shown_and_found(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "artist").mkdir()
    (tmp_path / "artist" / "me.yaml").write_text(MINE, encoding="utf-8")
    flags = [flag.format(tmp_path) for flag in flags]
    assert "in crayon" in run(*flags, "artist=list").stdout
    found = run(*flags, "prompt=x", "artist=[我:2]", "--cfg", "job")
    assert re.search(r"artist:\s+me:.*\n(.*\n)*?\s+weight: 2", found.stdout), found.stderr


@pytest.mark.parametrize(
    "value", ["【葛饰北斋，turner】", "葛饰北斋、turner", "[hokusai，turner]"]
)
def test_a_list_of_names_may_have_the_marks_of_any_script(value):
    assert weighted("artist", value) == (["hokusai", "turner"], {})


@pytest.mark.parametrize("value", ["[hokusai:2,hokusai]", "[hokusai,葛饰北斋:2]"])
def test_a_preset_twice_with_a_weight_is_refused(value):
    with pytest.raises(BadInput, match="hokusai is there twice"):
        weighted("artist", value)
    assert weighted("artist", "[hokusai,hokusai]") == (["hokusai"], {})


def test_modern_guides_by_a_robust_clip_with_few_unchanged_cutouts_and_free_weights() -> None:
    chosen, usual = compose(["look=modern"]), compose(["model=imagenet512"])
    clips = build_all(chosen.clip, "clip")
    assert list(clips) == ["fare_b32", "siglip2_b16"]
    cutouts, others = (build(cfg.cutouts, "cutouts") for cfg in (chosen, usual))
    assert cutouts.overview(0) + cutouts.inner(0) < others.overview(0) + others.inner(0)
    assert not cutouts.augment
    cards = (build(chosen.model, "model"), *clips.values())
    assert {card.licence for card in cards} <= {"MIT", "Apache-2.0"}
    assert list(compose(["look=modern", "clip=[embedded]"]).clip) == ["embedded_a", "embedded_b"]
