"""A plan says of each of its fields what it affects, and refuses what cannot be drawn."""

import dataclasses
import subprocess
import sys

import pytest
from PIL import Image

from guided.config.composition import compose
from guided.config.plan import MADE, Plan, check_model, check_secondary
from guided.errors import BadInput
from guided.generators.diffusion.settings import Diffusion
from guided.generators.pixels.settings import Pixels
from guided.models.cards import GeneratorCard, ModelCard, SecondaryCard


def plan(*words: str) -> Plan:
    return Plan.read(compose(["prompt=a sun", "steps=20", *words]))


def test_every_field_says_what_it_affects():
    for field in dataclasses.fields(Plan):
        assert set(field.metadata) == {"steps", "memory"}, field.name


@pytest.mark.parametrize(
    ("word", "steps", "memory"),
    [
        ("count=3", False, False),
        ("seed=7", False, False),
        ("folder=other", False, False),
        ("checkpoint=1", False, False),
        ("output=[still]", False, False),
        ("precision=bfloat16", False, True),
        ("memory=2", False, True),
        ("steps=30", True, False),
        ("sampler=ddpm", True, False),
        ("size=[128,64]", True, True),
        ("guide.clip.scale=9", True, True),
        ("cutouts.inner=3", True, True),
    ],
)
def test_a_setting_changes_the_fields_that_it_affects(word, steps, memory):
    before, after = plan("seed=1"), plan("seed=1", word)
    assert (before.affecting("steps") != after.affecting("steps")) == steps
    assert (before.affecting("memory") != after.affecting("memory")) == memory


@pytest.mark.parametrize(
    ("words", "threads"),
    [
        ([], 1),
        (["size=[128,128]"], 1),
        (["size=[160,128]"], None),
        (["threads=3"], 3),
    ],
)
def test_small_models_take_one_thread_and_others_the_machines(monkeypatch, words, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert plan(*words).threads == threads


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("steps=0", "steps=0"),
        ("threads=0", "threads=0"),
        ("count=0", "count=0"),
        ("seed=-2", "seed=-2"),
        ("size=[65,64]", "size"),
        ("keep=2", "keep=2"),
        ("drawn=[a,b]", "drawn has 2 texts for 1 prompts"),
        ("clip=[]", "clip="),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(word, message):
    with pytest.raises(BadInput, match=message.replace("[", r"\[")):
        plan(word)


@pytest.mark.parametrize(("guides", "warned"), [("[range]", True), ("[clip,range]", False)])
def test_a_prompt_that_no_guide_follows_is_told(caplog, guides, warned):
    plan(f"guide={guides}")
    assert ("nothing follows the prompt" in caplog.text) == warned


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["guide=[range]"], "without the guide 'clip' nothing follows the prompt"),
        (["guide=[]"], "without the guide 'clip' nothing follows the prompt"),
        (["guide.clip.scale=0"], "nothing follows the prompt: guide.clip.scale is 0"),
        (["guide.clip.scale=[[0,0],[0.5,0]]"], "guide.clip.scale is 0"),
        (["guide.clip.scale=7"], "guide.clip.scale=7 hardly guides"),
        (["generator.clamp=0"], "nothing follows the prompt: generator.clamp is 0"),
        (["generator.reach=0"], "nothing follows the prompt: generator.reach is 0"),
        (["generator=pixels", "generator.rate=0"], "generator.rate is 0"),
        (["generator=pixels", "generator.bound=0"], "generator.bound is 0"),
        (["clip.embedded_a.weight=0", "clip.embedded_b.weight=0"], "embedded_b.weight are 0"),
        (
            ["clip.embedded_a.weight=0", "clip.embedded_b.weight=0", "guide.clip.scale=0"],
            "guide.clip.scale and clip.embedded_a.weight and clip.embedded_b.weight are 0",
        ),
        (
            ["clip.embedded_a.weight=0", "prompt=[{text: tree, clips: [embedded_a]}, sun]"],
            "nothing follows the prompt tree: clip.embedded_a.weight is 0",
        ),
        (["prompt=a sun:-1"], "every prompt has a negative weight"),
        (["output=[]"], "output=[] keeps no picture; output=[still] does"),
        (["output=[progress,metrics]"], "output=[progress,metrics] keeps no picture"),
    ],
)
def test_what_makes_a_run_do_nothing_is_told_in_one_line(caplog, words, said):
    plan(*words)
    assert said in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["guide.clip.scale=[[0,0],[0.5,500]]"],
        ["guide.clip.scale=auto"],
        ["generator.clamp=null"],
        ["generator.clamp=auto"],
        ["clip.embedded_a.weight=0"],
        ["generator=pixels"],
        ["output=[video]", "output.video.format=gif"],
    ],
)
def test_nothing_is_told_of_what_works(caplog, words):
    plan(*words)
    assert caplog.text == ""


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (16, 12), "#4080c0").save(path)
    return path


def test_what_is_restored_is_drawn_from_noise_unless_strength_says_otherwise(photo):
    for kind in ("grey", "gray", "thumbnail"):
        restored = plan(f"init={photo}", f"restore={kind}")
        assert (restored.skip, len(restored.known)) == (0, 1)
        assert restored.files == [str(photo)]
    assert plan(f"init={photo}", "restore=grey", "strength=0.6").skip == 8
    assert plan(f"init={photo}").skip == 10


def test_a_kept_composition_is_a_file_that_the_picture_needs(photo):
    kept = plan(f"keep_composition={photo}", "composition_cells=4", "composition_until=0.5")
    assert (kept.skip, kept.files) == (0, [str(photo)])
    assert kept.known[0].facts == ("composition", 4, 0.5)


@pytest.mark.parametrize(
    "words, part",
    [
        (["restore=sepia", "init=PHOTO"], "restore=sepia is not one of grey, thumbnail"),
        (["restore=gren", "init=PHOTO"], "did you mean 'grey'"),
        (["restore=grey"], "restore=grey needs a picture to restore: init=photo.jpg"),
        (["restore=grey", "init=perlin"], "needs a picture to restore"),
        (["restore=thumbnail", "init=PHOTO", "size=8"], "16x12 pixels, which are not fewer"),
        (["keep_composition=none.png"], "keep_composition=none.png: the file is not there"),
        (["keep_composition=PHOTO", "composition_cells=0"], "from 1 to 32; the nearest is 1"),
        (["keep_composition=PHOTO", "composition_until=2"], "from 0 to 1; the nearest is 1"),
        (["composition_cells=4"], "composition_cells=4 needs a picture: keep_composition="),
        (["keep_composition=PHOTO", "generator=pixels"], "needs generator=diffusion"),
        (["restore=grey", "init=PHOTO", "generator=pixels"], "needs generator=diffusion"),
    ],
)
def test_what_cannot_be_kept_to_is_refused_by_name(words, part, photo):
    with pytest.raises(BadInput) as caught:
        plan(*(word.replace("PHOTO", str(photo)) for word in words))
    assert part in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words, part",
    [
        (["upscale=3"], "upscale=3 is not one of 2, 4, guided"),
        (["upscale=guidd"], "did you mean 'guided'"),
        (["upscale=2", "upscale_strength=0.3"], "upscale_strength=0.3 needs upscale=guided"),
        (["upscale=guided", "upscale_strength=2"], "the nearest is 1"),
        (["upscale=guided", "generator=pixels"], "upscale=guided needs generator=diffusion"),
        (["upscale=guided", "size=[8192,64]"], "upscale=guided draws 16384x128 pixels"),
        (
            ["upscale=2", "output=[metrics]"],
            "upscale=2 needs a picture to enlarge: output=[still]",
        ),
        (["upscale=4", "size=[8192,8192]"], "makes a picture of 32768x32768 pixels"),
        (["upscaler=none.pth"], "upscaler=./none.pth is not there"),
        (["upscaler=larger"], "upscaler=larger is not embedded, bicubic or a file"),
        (["output.still.sharpen=9"], "output.still.sharpen=9.0 must be a number from 0 to 3"),
    ],
)
def test_what_cannot_be_enlarged_is_refused_by_name(words, part):
    with pytest.raises(BadInput) as caught:
        plan(*words)
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_known_at_the_own_size_is_not_drawn_again_at_another(photo):
    with pytest.raises(BadInput, match="upscale=guided does not go with mask, restore"):
        plan("upscale=guided", f"init={photo}", "restore=grey")


def test_an_enlarged_picture_is_drawn_again_with_a_share_of_the_steps():
    assert (plan("upscale=guided").upscale, plan("upscale=guided").redraw) == (2, 0.1)
    assert plan("upscale=guided", "upscale_strength=0.5").redraw == 0.5
    assert plan("upscale=4").redraw is None


def test_every_model_has_an_upscaler_when_it_is_asked_for():
    assert plan("generator=pixels").upscaler == ""
    assert plan("generator=pixels", "upscale=2").upscaler == plan("upscale=2").upscaler != ""
    assert plan("upscale=2", "upscaler=bicubic").upscaler == ""


def test_a_plan_needs_no_torch():
    """Its import takes seconds, in which nothing is said of a wrong setting."""
    plan = "plan = Plan.read(compose(['prompt=a', 'seed=1'])); assert plan.clips"
    code = (
        "import sys; from guided.config.composition import compose; "
        f"from guided.config.plan import Plan; {plan}; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- regions -------------------------------------------------------------------------------


def regions_of(*words: str) -> list[tuple[str, object]]:
    found = Plan.read(compose(["steps=20", "seed=4", *words]))
    return [(one.text, one.region and one.region.box) for one in found.decided(4)]


def test_regions_and_layouts_are_typed_as_any_setting():
    typed = 'regions=[{box: [0,0,0.5,1], prompt: "a tree"}, {box: [0.5,0,1,1], prompt: a sun}]'
    left, right = (0, 0, 0.5, 1), (0.5, 0, 1, 1)
    expected = [("a tree", left), ("a sun", right)]
    assert regions_of(typed, "size=[64,32]") == expected
    assert regions_of("prompt=a tree | a sun", "layout=row") == expected
    assert regions_of("prompt=a {tree|tree} | a sun", "layout=row") == expected
    assert regions_of("prompt=a field:0.2", typed, "size=[64,32]") == [
        ("a field", None),
        *expected,
    ]


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["prompt=a cat | a tree | a sun", "layout=row"], (96, 32)),
        (["prompt=a cat | a tree | a sun", "layout=grid"], (64, 64)),
        (["prompt=a cat | a tree | a sun", "layout=scatter"], (64, 64)),
        (["prompt=a cat | a tree | a sun", "layout=row", "size=[48,48]"], (48, 48)),
        (["prompt=a cat | a tree | a sun"], (32, 32)),
    ],
)
def test_a_layout_has_a_canvas_with_room_for_each_object_that_the_model_draws(words, size):
    assert Plan.read(compose(["steps=20", *words])).size == size


def test_masks_are_files_of_the_plan_and_are_checked_before_anything_is_loaded(tmp_path):
    mask = tmp_path / "sky.png"
    Image.new("L", (40, 40), 255).save(mask)
    words = ["prompt=a tree", f"regions=[{{mask: {mask}, prompt: a sun}}]"]
    assert Plan.read(compose(words)).files == [str(mask)]
    with pytest.raises(
        BadInput, match=r"^regions: mask=.*sky.png is of 40x40 pixels, another shape"
    ):
        Plan.read(compose([*words, "size=[64,32]"]))
    Image.new("L", (40, 40), 0).save(mask)
    with pytest.raises(BadInput, match=r"^regions: mask=.*sky.png is black all over"):
        Plan.read(compose(words))
    mask.unlink()
    with pytest.raises(BadInput, match=r"^regions: mask=.*sky.png: the file is not there"):
        Plan.read(compose(words))


def test_regions_below_the_models_own_size_are_told(caplog):
    Plan.read(compose(["prompt=a cat | a tree | a sun", "layout=row", "size=[48,48]"]))
    assert "a region of 16x48 is small for the 32x32 objects that embedded draws" in caplog.text
    caplog.clear()
    Plan.read(compose(["prompt=a cat | a tree | a sun", "layout=scatter", "seed=1"]))
    assert "region" not in caplog.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["init={}"], "33% of init=wide.png is cropped off the canvas; 10% with size=[40,24]"),
        (["init={}", "outpaint=[0,0,32,0]"], "33% of init=wide.png is cropped"),  # 32x32 inside
        (["init={}", "size=[32,48]"], "56% of init=wide.png is cropped"),  # 4/9 are left
        (["init={}", "size=[40,24]"], ""),  # 10 %
        (["init={}", "size=[48,32]"], ""),
        (["init={}", "init_fit=stretch"], ""),
    ],
)
def test_an_init_picture_of_another_shape_is_told(words, told, tmp_path, caplog):
    Image.new("RGB", (300, 200)).save(tmp_path / "wide.png")
    words = [word.format(tmp_path / "wide.png") for word in words]
    Plan.read(compose(["prompt=a cat", *words]))
    assert told in caplog.text if told else "cropped" not in caplog.text


def test_weights_are_summed_within_each_region(caplog):
    words = ["prompt=a cat | a tree", "layout=row", "negative=fog:1", "guide.clip.weights=sum"]
    Plan.read(compose(["steps=20", *words]))
    assert "sum to 0" not in caplog.text
    box = "box: [0,0,1,1]"
    both = f"regions=[{{{box}, prompt: a cat}}, {{{box}, prompt: fog, weight: -1}}]"
    with pytest.raises(BadInput, match="divides by the sum of the prompts' weights, which is 0"):
        Plan.read(compose(["prompt=a sea", both, "guide.clip.weights=sum"]))


def test_a_size_at_which_a_small_model_draws_noise_is_refused(caplog):
    told = r"size=\[512, 512\] is far above the \[32, 32\] .*; size=\[32,32\] output.still"
    with pytest.raises(BadInput, match=told):
        plan("size=512")
    assert not caplog.records  # one line
    cfg = compose(["prompt=a sun", "size=512"])
    assert Plan.read(cfg, recorded=True).size == (512, 512)  # as it was drawn once
    assert "expect fragments and noise" in caplog.text
    caplog.clear()
    for words in (["size=2048", "model=imagenet512"], ["size=512", "generator.tiles=shift"]):
        Plan.read(compose(["prompt=a sun", *words]), weights=False)
    assert caplog.text.count("it is drawn in windows") == 2
    assert plan("size=512", "generator=pixels").size == (512, 512)


def test_windows_that_change_nothing_are_told(caplog):
    plan("size=32", "generator.tiles=blend")
    assert "generator.tiles=blend has no effect at size=[32, 32]" in caplog.text
    caplog.clear()
    plan("size=[96,32]", "generator.tiles=shift")
    large = ["prompt=a sun", "size=2048", "model=imagenet512", "clip=[vit_b32]"]
    Plan.read(compose(large), weights=False)
    assert "has no effect" not in caplog.text and "it is drawn in windows" in caplog.text
    Plan.read(compose([*large, "generator.tiles=off"]), weights=False)
    assert "expect fragments and noise" in caplog.text


@pytest.mark.parametrize("typed", ["[sun; blue:2]", "【sun；blue:2】", "['sun';'blue:2']"])
def test_semicolons_separate_prompts_where_no_comma_does(typed):
    found = Plan.read(compose([f"prompt={typed}"])).prompts
    assert [(one.text, one.weight) for one in found] == [("sun", 1), ("blue", 2)]
    [one] = Plan.read(compose(['prompt=["sun; blue"]'])).prompts
    assert one.text == "sun; blue"


def test_a_generator_draws_with_its_own_kind_of_models():
    class OtherCard(GeneratorCard):
        generator = "other"

    other = OtherCard(name="o", file="o.pt")
    check_model(Diffusion(), ModelCard(name="m", file="m.pt"))
    check_model(Pixels(), other)  # it uses none
    with pytest.raises(BadInput, match=r"^model=o is for generator=other, not for generator=diff"):
        check_model(Diffusion(), other)


def test_a_generator_takes_its_own_kind_of_secondary_models():
    class OtherCard(SecondaryCard):
        generator = "other"

    check_secondary(Diffusion(), SecondaryCard(name="s", file="s.pt"))
    with pytest.raises(BadInput, match=r"^secondary=o is for generator=other, not for generator="):
        check_secondary(Diffusion(), OtherCard(name="o", file="o.pt"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model=embedded", "clip=[vit_b32]"], False),  # the model recommends it
        (["model=imagenet256", "clip=[vit_b32]", "guide.clip.contrast=0.5"], True),
        (["model=imagenet256", "clip=embedded", "guide.clip.contrast=0.5"], False),
        (["model=imagenet256", "clip=[vit_b32]"], False),
    ],
)
def test_contrast_without_a_lexicon_is_told_to_have_no_effect(caplog, words, told):
    Plan.read(compose(["prompt=a sun", *words]), weights=False)
    assert ("guide.clip.contrast has no effect" in caplog.text) == told


def test_a_generator_that_reads_prompts_follows_them_without_the_guide_clip(caplog, monkeypatch):
    monkeypatch.setattr(Diffusion, "reads_prompts", True)
    plan("guide=[range]")
    plan("guide.clip.scale=0")
    assert "nothing follows the prompt" not in caplog.text
    plan("guide.clip.scale=7")
    assert "guide.clip.scale=7 hardly guides" in caplog.text


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpmpp_2m", "plms"])
def test_a_run_from_an_init_repeats_its_first_steps_as_one_from_noise_does(sampler, photo):
    """The embedded model's card repeats the first quarter, where an object is decided."""
    words = ["prompt=a sun", f"sampler={sampler}"]
    inits = [[f"init={one}", "strength=0.5"] for one in ("color:#102040", "perlin", photo)]
    whole = Plan.read(compose(words)).sampler
    for own in [*inits, ["skip=50%"]]:
        half = Plan.read(compose([*words, *own])).sampler
        for progress in (0, 0.2, 0.3, 0.9):
            assert half.repeats(0.5 + progress / 2) == whole.repeats(progress)


def texts_of(one: Plan) -> list[str]:
    return [asked.text for asked in one.prompts_of(one.seed)]


def test_the_prompts_of_many_images_are_not_all_kept() -> None:
    one = plan("prompt='a {red|blue|green} heart'", "seed=1")
    first = [texts[0].text for texts in map(one.prompts_of, range(MADE))]
    assert len(one.made) <= MADE
    assert [one.prompts_of(seed)[0].text for seed in range(MADE)] == first


def in_manner(prompt: str, *words: str) -> tuple[list[str], str]:
    """Return what the CLIPs read of a prompt, and the manner that a filter renders."""
    one = plan(f"prompt='{prompt}'", "seed=1", *words)
    return texts_of(one), one.manner_of(1)


def test_the_embedded_models_draw_the_thing_and_a_filter_its_manner():
    assert in_manner("watercolour of a cat") == (["a cat"], "watercolour")
    assert in_manner("a cat") == (["a cat"], "")
    assert in_manner("a cat", "artist=hokusai")[1] == "woodblock print"
    assert in_manner("a cat", "manner=neon") == (["a cat"], "neon")
    assert in_manner("watercolour of a cat", "manner=neon") == (["a cat"], "neon")


@pytest.mark.parametrize(
    ("prompt", "manner"),
    [
        ('["a cat", "a dog, neon:0.5"]', ""),  # most of it has none
        ('["a cat:0.5", "a dog, neon"]', "neon"),
        ('["a cat", "a dog, neon"]', "neon"),
        ('["a cat, neon", "a dog, sepia:2"]', "sepia"),
        ('["a cat", "a dog, neon:-2"]', ""),
    ],
)
def test_the_manner_is_that_of_most_of_what_is_wanted(prompt, manner):
    assert in_manner(prompt)[1] == manner


def test_what_is_avoided_keeps_its_manner():
    one = plan("prompt=a cat", "negative=watercolour of a cat", "seed=1")
    assert texts_of(one) == ["a cat", "watercolour of a cat"]
    assert one.understood(1) == {}  # it is read as it is typed


def test_a_manner_is_a_prompt_where_no_picture_is_saved():
    assert in_manner("watercolour of a cat", "output=[video]") == (["watercolour of a cat"], "")
    with pytest.raises(BadInput, match="manner=neon renders finished pictures, and output="):
        in_manner("a cat", "manner=neon", "output=[video]")


def test_all_frames_of_a_film_have_the_manner(photo):
    one = plan("prompt=watercolour of a cat", "animate=2d", "frames=3", "seed=1")
    uncovers = dataclasses.replace(one, mask=plan(f"init={photo}", "mask=[0,0,0.5,1]").mask)
    for frame in (one, uncovers):
        assert (texts_of(frame), frame.manner_of(1)) == (["a cat"], "watercolour")


@pytest.mark.parametrize("words", [["manner=none"], ["tile=both"], ["generator=pixels"]])
def test_a_manner_is_a_prompt_where_it_is_not_filtered(words):
    assert in_manner("watercolour of a cat", *words) == (["watercolour of a cat"], "")


def test_a_manner_is_a_prompt_of_large_clips_unless_it_is_chosen():
    cfg = compose(["prompt=watercolour of a cat", "clip=[vit_b32]", "seed=1"])
    one = Plan.read(cfg, weights=False)
    assert (texts_of(one), one.manner_of(1)) == (["watercolour of a cat"], "")
    chosen = Plan.read(compose(["prompt=a cat", "clip=[vit_b32]", "manner=neon"]), weights=False)
    assert chosen.manner_of(1) == "neon"


def test_a_manner_changes_nothing_that_is_kept(photo):
    half = [f"init={photo}", "mask=[0,0,0.5,1]"]
    assert in_manner("watercolour of a cat", *half) == (["watercolour of a cat"], "")
    with pytest.raises(
        BadInput, match=r"manner=neon renders the whole picture, .* mask: manner=no"
    ):
        in_manner("a cat", "manner=neon", *half)
    with pytest.raises(BadInput, match="does not go with tile: manner=none"):
        in_manner("a cat", "manner=neon", "tile=x")


def test_a_single_frame_of_a_film_is_not_rendered():
    film = ["animate=2d", "frames=1"]
    assert in_manner("watercolour of a cat", *film) == (["watercolour of a cat"], "")
    with pytest.raises(BadInput, match="manner=neon renders a film, which has several frames"):
        in_manner("a cat", "manner=neon", *film)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], True),
        (["restarts=0"], True),
        (["look=sepia"], True),
        (["steps=11"], False),
        (["size=64"], False),
        (["generator=pixels"], False),
        (["generator.symmetry=horizontal"], False),
        (["tile=both"], False),
        (["animate=morph", "frames=4"], False),
        (["init=perlin"], False),
    ],
)
def test_smears_are_told_of_single_things_that_are_drawn_from_noise(words, told):
    assert (Plan.read(compose(["prompt=a sun", *words])).smear > 0) == told


@pytest.mark.parametrize(
    ("words", "thing"),
    [
        (["prompt=a big red heart, neon"], "heart"),
        (["prompt=心"], "红心"),
        (["prompt=[a sun,a cat:-1]"], "sun"),
        (["prompt=[a sun,a cat]"], ""),
        (["prompt=xyzzy"], ""),
        (["prompt=a sun, neon", "manner=none"], ""),
        (["regions=[{box: [0,0,1,1], prompt: a sun}]"], ""),
        (["prompt=a sun", "clip.embedded_b.lexicon=''"], ""),
    ],
)
def test_the_thing_of_a_picture_is_the_one_that_is_known(words, thing):
    assert thing in Plan.read(compose(words)).thing_of(3)
    assert bool(Plan.read(compose(words)).thing_of(3)) == bool(thing)


@pytest.mark.parametrize(
    ("words", "expected"), [([], 2), (["restarts=0"], 0), (["restarts=20"], 20)]
)
def test_a_smear_is_drawn_again_as_often_as_the_model_recommends(words, expected):
    assert Plan.read(compose(["prompt=a sun", *words])).restarts == expected


@pytest.mark.parametrize("typed", ["-1", "21", "1.5", "often", "null"])
def test_other_numbers_of_restarts_are_refused(typed):
    with pytest.raises(BadInput, match=f"restarts={typed} must be"):
        Plan.read(compose(["prompt=a sun", f"restarts={typed}"]))


@pytest.mark.parametrize(
    ("words", "judges"),
    [
        ([], ["embedded_a.judge"]),
        (["~clip.embedded_a"], ["embedded_b.judge"]),
        (["rank=null"], []),
        (["clip.embedded_b.lexicon=''"], []),
    ],
)
def test_the_judge_of_small_clips_ranks_their_pictures(words, judges):
    assert list(Plan.read(compose(["prompt=a sun", *words])).judges) == judges


def test_a_judge_that_is_missing_is_told_before_anything_is_drawn():
    with pytest.raises(BadInput, match=r"embedded_a\.judge: there is no .* other/judge"):
        Plan.read(compose(["prompt=a sun", "clip.embedded_a.judge=other/judge"]))
