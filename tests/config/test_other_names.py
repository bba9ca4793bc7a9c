"""Names that users of other programs type get the setting of that meaning, with their value."""

import shlex

import pytest

from guided.batch.prompt_files import read as read_rows
from guided.config import choices, other_names
from guided.config.command_line import read_arguments
from guided.config.composer import Composer
from guided.config.composition import compose
from guided.config.messages import words_for
from guided.config.overrides import parse
from guided.config.schema import known_names
from guided.errors import BadInput
from guided.generators.sizes import Sizes
from tests.composing import composed

# What the manuals of the other programs say of the name, and the setting here that does it.
MEANINGS = [
    ("num_images=4", "count=4"),
    ("n=4", "count=4"),
    ("n_iter=2", "count=2"),
    ("numImages=4", "count=4"),
    ("num_inference_steps=30", "steps=30"),
    ("ddim_steps=30", "steps=30"),
    ("negative_prompt=fog", "negative=fog"),
    ("negative_prompt=fog and rain", "negative='fog and rain'"),
    ("outdir=pictures", "folder=pictures"),
    ("out=pictures", "folder=pictures"),
    ("denoising_strength=0.4", "strength=0.4"),
    ("init_img=a.png", "init=a.png"),
    ("ckpt=a.pt", "model=a.pt"),
    ("noise_seed=9", "seed=9"),
    ("ddim_eta=0.5", "sampler.eta=0.5"),
    ("width=64", "size=[64,HEIGHT]"),
    ("H=48", "size=[WIDTH,48]"),
    ("cfg_scale=7", "guide.clip.scale"),
    ("guidance_scale=7.5", "guide.clip.scale"),
    ("cfg=7", "guide.clip.scale"),
    ("upscale_by=4", "upscale=4"),
    ("video=true", "output=[still,video]"),
    ("max_frames=100", "frames=100"),
    ("zoom=1.02", "animate.zoom=1.02"),
    ("translation_x=3", "animate.translation_x=3"),
    ("strength_schedule=0: (0.65)", "animate.strength='0: (0.65)'"),
    ("animation_mode=2D", "animate=2d"),
    ("camera=orbit", "animate=3d"),
    ("depth=maps", "animate.depth=FOLDER"),
    ("turbo_steps=3", "animate.cadence=3"),
    ("turbo=3", "animate.cadence=3"),
    ("perspective=1", "animate.rotation_3d_x=1"),
    ("vr_mode=true", "animate.stereo=side_by_side"),
    ("optical_flow=raft", "animate.flow=dis"),
    ("loop=true", "animate.loop=true"),
    ("vqgan_checkpoint=a.ckpt", "generator=codes"),
    ("stylegan=true", "generator=stylegan"),
    ("learning_rate=0.1", "generator.rate"),
    ("port=7860", "studio=7860"),
    ("animation=true", "output=[still,video]"),
    ("gpu=1", "device=cuda:1"),
    ("device_id=0", "device=cuda:0"),
    ("gpu=true", "device=cuda:0"),
    ("fast=true", "look=draft"),
    ("width=768", "is size=[48,HEIGHT] output.still.enlarge=16 here"),
    ("aspect=16:9", "size=[40,24]"),
    ("aspect_ratio=2:3", "size=[24,40]"),
    ("style=nonsense", "look=list"),
    ("style=oil", "look=oil"),
    ("style=Van Gogh", "artist=van_gogh"),
    ("sampler_name=euler_a", "sampler=ddpm is the nearest"),
    ("sampler_name=DPM++ 2M Karras", "sampler=dpmpp_2m here"),
    ("scheduler=DDIM", "sampler=ddim here"),
    ("sampler_index=unknown", "ddim, ddpm, dpmpp_2m"),
    ("fp16=true", "precision=float16"),
    ("mask_image=a.png", "mask=a.png"),
    ("mask_blur=4", "mask.blur=4"),
    ("inpaint=true", "mask=sky.png"),
    ("seeds=4", "seed=1,2,3 with -m"),
    ("ui=true", "gallery=FOLDER"),
    ("help=true", "--help"),
    ("V=true", "--version"),
]
MISSING = ["v=6", "text_mask=a", "lora=a", "restore_faces=true", "controlnet=a", "nsfw=1"]


@pytest.mark.parametrize(("typed", "told"), MEANINGS)
def test_a_name_of_another_program_is_told_the_setting_of_its_meaning(typed, told):
    with pytest.raises(BadInput) as caught:
        compose(["prompt=x", typed])
    line = str(caught.value)
    assert line.startswith(typed) and told in line and "\n" not in line
    assert "did you mean" not in line


@pytest.mark.parametrize("typed", MISSING)
def test_what_is_not_here_is_said_to_be_not_here_and_nothing_like_it_is_named(typed):
    with pytest.raises(BadInput, match=r"is not here \(yet\): there is no ") as caught:
        compose(["prompt=x", typed])
    assert str(caught.value).startswith(typed) and "did you mean" not in str(caught.value)


def test_both_sides_are_one_size_in_whatever_names():
    with pytest.raises(BadInput, match=r"width=64 is size=\[64,48\] here"):
        compose(["prompt=x", "width=64", "H=48"])


LARGE = ["model=imagenet512"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["width=768", "height=512"], "width=768 is size=[48,32] output.still.enlarge=16 here"),
        (["height=512", "width=768"], "height=512 is size=[48,32] output.still.enlarge=16 here"),
        ([*LARGE, "width=768", "height=512"], "width=768 is size=[768,512] here"),
        (["look=disco", "width=768"], "width=768 is size=[768,HEIGHT] here"),  # the 512 model
        (["generator=pixels", "width=768"], "width=768 is size=[768,HEIGHT] here"),
        ([*LARGE, "aspect=16:9"], "size=[1344,768]"),
        ([*LARGE, "ratio=2:3"], "size=[832,1216]"),
        (["size=[8,8]", "nosuch=1", "width=768", "model=nosuch"], "size=[768,HEIGHT]"),
    ],
)
def test_sizes_are_those_that_the_chosen_model_draws(words, told):
    for typed in ([], ["seed=3"]):
        with pytest.raises(BadInput) as caught:
            compose(["prompt=x", *typed, *words])
        assert told in str(caught.value)


def test_a_row_is_told_of_the_model_beside_it():
    with pytest.raises(BadInput) as caught, Composer(["prompt=x", *LARGE]).row(["width=768"]):
        pass
    assert str(caught.value) == "width=768 is size=[768,HEIGHT] here"
    with pytest.raises(BadInput, match=r"width=768 is size=\[768,HEIGHT\] here"):
        words_for("x", LARGE, {"width": 768})


def test_rows_and_python_are_told_the_same(tmp_path):
    with pytest.raises(BadInput, match="n=4 is count=4 here"), Composer(["prompt=x"]).row(["n=4"]):
        pass
    with pytest.raises(BadInput, match=r"width=64 is size=\[64,48\] here"):
        words_for("x", [], {"width": 64, "height": 48})
    table = tmp_path / "rows.csv"
    table.write_text("prompt,negative_prompt\na cat,fog\n", encoding="utf-8")
    [row] = read_rows(str(table), [])
    told = pytest.raises(BadInput, match="negative_prompt=fog is negative=fog here")
    with told, Composer([]).row(row.words):
        pass


def test_settings_inside_of_choices_are_none_of_another_program():
    for name in ("model.file", "output.size", "sampler/name"):
        assert not other_names.has(name)


def test_no_name_here_is_in_the_table_and_none_twice():
    assert not {name for name in known_names() if other_names.has(name)}
    meant = [
        name
        for kind in ("same", "instead", "missing")
        for names in other_names.data()[kind].values()
        for name in map(other_names.key, names)
    ]
    meant += [
        other_names.key(one) for kind in other_names.LISTS for one in other_names.data()[kind]
    ]
    spelt = [name for name in set(meant) if meant.count(name) > 1]
    assert sorted(spelt) == []


def test_every_setting_and_sampler_of_the_table_is_one():
    for name in other_names.data()["same"]:
        assert name.split(".")[0] in known_names()
    for kind in ("samplers", "near"):
        assert set(other_names.data()[kind]) <= set(choices.names("sampler"))


FLAGS = [
    (["-n", "4"], "-n 4 is not a flag of this program; it is count=4"),
    (["-p", "a cat"], "it is prompt='a cat'"),
    (["--prompt", "a", "cat"], "written without dashes here: prompt='a cat'"),
    (["--seed", "5", "prompt=x"], "--seed 5 is written without dashes here: seed=5"),
    (["--W", "64", "--H", "48"], "it is size=[64,48]"),
    (["--num-images=4"], "it is count=4"),
    (["--n_samples", "3"], "it is count=3"),
    (["--scale", "7.5"], "guide.clip.scale"),
    (["a cat", "--ar", "3:2"], "size=[40,24]"),
    (["a cat", "model=imagenet512", "--ar", "3:2"], "size=[1216,832]"),
    (["a cat", "--width", "768", "--height", "512"], "size=[48,32] output.still.enlarge=16"),
    (["a cat", "--no", "text", "trees"], "it is negative='text trees'"),
    (["a cat", "--stylize", "500"], "look=NAME"),
    (["a cat", "--v", "6"], "--v 6 is not here (yet)"),
    (["a cat", "--lora"], "--lora is not here (yet)"),
    (["-S", "7"], "it is seed=7"),
    (["-s", "30"], "it is steps=30"),
    (["--ui"], "gallery=FOLDER"),
]


@pytest.mark.parametrize(("arguments", "told"), FLAGS)
def test_a_flag_of_another_program_is_told_the_setting(arguments, told):
    with pytest.raises(BadInput) as caught:
        read_arguments(arguments)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [("cfg scale=7", "guide.clip.scale"), ("Negative prompt=fog, rain", "negative='fog, rain'")],
)
def test_a_name_with_blanks_in_it_is_no_prompt(text, told):
    with pytest.raises(BadInput, match=told):
        read_arguments([text])
    assert read_arguments(["energy mass c2 = E"])[1]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("sampler=euler_a", "sampler=ddpm is the nearest here"),
        ("sampler=k_lms", "sampler=plms is the nearest here"),
        ("sampler=dpmsolver++", "it is sampler=dpmpp_2m here"),
        ("model=sdxl", r"model=sdxl is not here: .* there are model=sd15 and model=sd21_base"),
        ("model=stable-diffusion-v1-5", "there are model=sd15"),
        ("sampler=dimm", "did you mean 'ddim'"),
        ("model=imagnet512", "did you mean 'imagenet512'"),
    ],
)
def test_a_sampler_or_model_of_another_program_is_told_so(word, told):
    with pytest.raises(BadInput, match=told):
        composed(["prompt=x", word])


@pytest.mark.parametrize("word", ["help", "list", "ui", "version", "models", "Help"])
def test_a_command_that_stands_alone_is_no_prompt(word):
    with pytest.raises(BadInput, match=f"to draw the word: prompt={word}"):
        read_arguments([word])


@pytest.mark.parametrize("words", [["a", "list"], ["help the cat"], ["cat"]])
def test_a_prompt_is_still_a_prompt(words):
    _, settings = read_arguments(words)
    assert [one.text for one in settings] == [" ".join(words)]


def test_python_has_random_seeds_too():
    for value in (-1, "random", "Random", None):
        assert words_for("x", [], {"seed": value})[0].value is None


def test_what_is_told_is_what_a_shell_takes():
    line = other_names.remark("negative_prompt", {"negative_prompt": "it's fog"})
    [word] = shlex.split(line.partition(" is ")[2].removesuffix(" here"))
    assert parse(word).text == "it's fog"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a cat --ar 16:9 --v 5", ["size=[40,24]", "--v 5 is not here"]),
        ("a cat --no text, trees --seed 5", ["negative='text, trees'"]),
        ("a road -- no one on it", []),
        ("a cat --purring", []),
    ],
)
def test_flags_in_a_prompts_text_are_found(text, told):
    lines = list(other_names.flags_in(text, Sizes(8, (32, 32), (32, 32))))
    assert len(lines) == len(told)
    assert all(part in line for part, line in zip(told, lines, strict=True))
