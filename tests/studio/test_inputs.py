"""What an input may say: names of the form, plain values, pictures by their ids."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.config.composition import compose
from guided.errors import BadInput
from guided.studio import form, inputs

PHOTO = Path("/runs/.studio/uploads/abc.png")


def find(value: str) -> Path:
    if value not in ("upload:abc", "picture:abc"):
        raise BadInput(f"{value} is no picture")
    return PHOTO


def words(given: dict) -> list[str]:
    return [word.raw for word in inputs.read(given, find).words]


def composed(given: dict):
    return compose(inputs.read(given, find).words)


def test_plain_values_are_what_the_program_reads():
    cfg = composed(
        {
            "prompt": "a cat, sitting: [not a list",
            "negative": ["people:2", {"text": "fog", "weight": 0.5}],
            "seed": 7,
            "size": [64, 48],
            "steps": 50,
            "artist": {"hokusai": 2, "turner": 0.5},
            "look": ["draft"],
            "guide.clip.scale": [[0, 1000], [1, 500]],
            "sampler": "ddim",
            "sampler.eta": 0.5,
            "deterministic": True,
        }
    )
    assert cfg.prompt == "a cat, sitting: [not a list" and cfg.seed == 7
    assert list(cfg.size) == [64, 48] and cfg.sampler.eta == 0.5 and cfg.deterministic is True
    assert cfg.artist.hokusai.weight == 2 and cfg.artist.turner.weight == 0.5
    assert cfg.guide.clip.scale == [[0, 1000], [1, 500]]


@given(st.text(min_size=1, max_size=40))
def test_a_prompt_is_text_whatever_is_in_it(text):
    """No look-up, no sweep: OmegaConf resolves the prompt to the very text, or it is refused."""
    try:
        found = composed({"prompt": {"text": text, "weight": 1}})
    except BadInput:
        return
    assert found.prompt["text"] == (text + " " if text == "???" else text)


@pytest.mark.parametrize(
    "text", ["${oc.env:HOME}", "$\\{oc.env:HOME}", "${cache}", "\\\\${oc.env:HOME}", "a ${seed} b"]
)
def test_nothing_is_looked_up(text, monkeypatch):
    monkeypatch.setenv("HOME", "a-secret")
    for prompt in (text, [text], {"text": text}):
        assert "a-secret" not in str(composed({"prompt": prompt}).prompt)


HOSTILE = [
    {"_target_": "os.system"},
    {"model._target_": "guided.x"},
    {"guide.clip._target_": "x"},
    {"model.file": "/etc/passwd"},
    {"model.urls": ["http://evil.example/"]},
    {"clip.embedded.path": "/etc"},
    {"clip.embedded.hub": "evil/repository"},
    {"folder": "/tmp"},
    {"cache": "/tmp"},
    {"device": "cuda"},
    {"threads": 64},
    {"memory": "off"},
    {"trust": True},
    {"prompts": "/etc/passwd"},
    {"resume": "latest"},
    {"gallery": "/"},
    {"wildcards": "/etc"},
    {"debug": True},
    {"hydra.run.dir": "/tmp"},
    {"hydra/launcher": "joblib"},
    {"+seed": 1},
    {"~guide": None},
    {"model": "/etc/passwd"},
    {"model": "../../x.pt"},
    {"model": "card.yaml"},
    {"clip": ["ViT-B-32::openai"]},
    {"clip": ["hf-hub:evil/x"]},
    {"clip": ["/tmp/clip"]},
    {"clip": "[embedded]"},
    {"rank": "/tmp/x"},
    {"look": ["../x"]},
    {"look": "list"},
    {"artist": {"hokusai": "2"}},
    {"init": "/etc/passwd"},
    {"init": "photo.png"},
    {"init": "http://evil.example/a.png"},
    {"init": 5},
    {"init": ["upload:abc"]},
    {"image_prompt": "photo.png"},
    {"image_prompt": [{"image": "/etc/passwd"}]},
    {"image_prompt": [{"text": "/etc/passwd"}]},
    {"image_prompt": [{"path": "/etc/passwd"}]},
    {"prompt": {"image": "/etc/passwd"}},
    {"prompt": [{"image": "photo.png", "weight": 1}]},
    {"prompt": "{image: /etc/passwd}"},
    {"prompt": '[{"image": "/etc/passwd"}]'},
    {"negative": "{image: photo.png}"},
    {"prompt": ["{image: /etc/passwd}"]},
    {"prompt": {"0": "{image: photo.png}"}},
    {"prompt": "a cat | {image: /etc/passwd}", "layout": "row"},
    {"prompt": ["a cat | {image: photo.png}"], "layout": "row"},
    {"negative": "{image: photo.png}|fog"},
    {"regions": "[{box: [0,0,1,1], prompt: x, mask: /etc/passwd}]"},
    {"regions": [{"mask": "/etc/passwd", "prompt": "x"}]},
    {"regions": [{"mask": "photo.png", "prompt": "x"}]},
    {"regions": [{"box": [0, 0, 1, 1], "image": "/etc/passwd"}]},
    {"regions": [{"box": "${cache}", "prompt": "x"}]},
    {"regions": ["{image: photo.png}"]},
    {"keep_composition": "photo.jpg"},
    {"keep_composition": "/etc/passwd"},
    {"upscaler": "network.pth"},
    {"upscaler": "esrgan"},
    {"init": "gradient:/etc/passwd"},
    {"init": "drawing.svg"},
    {"mask": "photo.png"},
    {"mask": "/etc/passwd"},
    {"mask": ["/etc/passwd"]},
    {"mask.area": "/etc/passwd"},
    {"mask": {"area": "/etc/passwd"}},
    {"from": "/etc/passwd"},
    {"from": 5},
    {"seed": "1,2,3"},
    {"seed": "range(9)"},
    {"seed": True},
    {"seed": 1.5},
    {"seed": [1, 2]},
    {"steps": {"a": 1}},
    {"guide.clip.scale": "${cache}"},
    {"guide.clip.scale": "/etc"},
    {"guide.clip.combine": "${oc.env:HOME}"},
    {"guide.palette.colours": ["~/.ssh"]},
    {"output.still.format": "../png"},
    {"size": [[[[[[[[64]]]]]]]]},
    {"prompt": "x" * 20_001},
    {"guide.clip.scale": float("nan")},
    {"guide.palette.colours": ["#000000"] * 3000},
    {"steps ": 5},
    {"": 5},
    {"steps\n": 5},
    {"hydra": {}},
    {"batch": "seeds"},
]


@pytest.mark.parametrize("given", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_not_whitelisted_is_refused_in_one_line(given):
    with pytest.raises(BadInput) as error:
        words({"prompt": "a heart", **given})
    assert "\n" not in str(error.value)


def test_pictures_are_named_by_their_ids():
    found = inputs.read(
        {
            "prompt": "a heart",
            "init": "upload:abc",
            "image_prompt": ["picture:abc", {"image": "upload:abc", "weight": 0.5}],
            "from": "abc",
        },
        find,
    )
    cfg = compose(found.words)
    assert cfg.init == str(PHOTO) and found.recorded == PHOTO
    assert cfg.image_prompt[1] == {"image": str(PHOTO), "weight": 0.5}
    assert words({"init": "perlin"}) == ["init=perlin"]
    assert composed({"init": "gradient:#102040-#f0c080:90"}).init == "gradient:#102040-#f0c080:90"
    cfg = composed({"init": "upload:abc", "mask": "upload:abc", "mask.blur": 3})
    assert cfg.mask.area == str(PHOTO) and cfg.mask.blur == 3
    assert list(composed({"mask": [0, 0, 0.5, 1]}).mask.area) == [0, 0, 0.5, 1]
    region = {"mask": "upload:abc", "prompt": "a tree", "weight": 2}
    cfg = composed({"prompt": "a hill", "regions": [region], "keep_composition": "upload:abc"})
    assert cfg.regions[0].mask == str(PHOTO) and cfg.keep_composition == str(PHOTO)


def test_a_seed_is_drawn_once_and_is_visible():
    assert 0 <= inputs.with_seed({"prompt": "x"})["seed"] < 2**32
    assert inputs.with_seed({"prompt": "x", "seed": 0})["seed"] == 0
    assert inputs.with_seed({"prompt": "x", "seed": -1})["seed"] >= 0  # as other programs write it
    assert "seed" not in inputs.with_seed({"from": "abc"})  # the picture's own
    assert inputs.with_seed({"from": "abc", "seed": None})["seed"] is not None


NUMBERS = [
    one
    for listed in form.by_name().values()
    for one in listed
    if one.type in ("integer", "number", "boolean")
]


@given(st.sampled_from(NUMBERS), st.text(max_size=20) | st.dictionaries(st.text(), st.text()))
def test_texts_and_mappings_in_the_place_of_numbers_reach_no_interpreter(item, value):
    try:
        found = words({item.name: value})
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        assert "${" not in found[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("animate.zoom", "1.02 + 0.02*sin(2*pi*t/60)"),
        ("animate.angle", "0: (0), 30s: (15), max_f-1: (0)"),
        ("animate.angle", {"hold": "0: (0), 3: (15)"}),
        ("animate.prompts", {"0": "a rose. Red/white", "40": "a sunflower"}),
    ],
)
def test_films_have_expressions_key_frames_and_prompts(name, value):
    read = inputs.read({"prompt": "a rose", "animate": "2d", name: value}, find)
    assert [word.name for word in read.words] == ["prompt", "animate", name]


@pytest.mark.parametrize(
    "given",
    [
        {"animate.zoom": "${oc.env:HOME}"},
        {"animate.zoom": {"hold": "~/a"}},
        {"animate.depth": "/etc"},
        {"animate.video": "a.mp4"},
        {"animate": "video"},
        {"animate.before": "a.png"},
    ],
)
def test_films_name_no_file_and_no_reference(given):
    with pytest.raises(BadInput):
        inputs.read({"prompt": "a rose", **given}, find)
