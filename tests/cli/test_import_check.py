"""What import= prints composes, whatever the file says, and what is left out is told."""

import json
import random
import shlex

import pytest

from guided.cli import import_settings
from guided.cli.import_check import runnable
from guided.cli.import_settings import imported
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.disco.table import data, defaults, rows
from guided.disco.translation import Translation
from guided.errors import BadInput
from tests.other_programs import samples

ODD = [True, False, -1, 0, 1, 0.5, 7, 2**63, -(2**70), 1e300, float("nan"), "auto", "none", "x",
       "???", "${seed}", "", [], [1], "[0.09]", "[12]*400+[4]*600", "[0]*1000", "[900]*1000", {},
       {"0": ["fog:-1", "a star"]}, {"0": ["a:1", "b:-1"]}, "no/such/picture.png", "../x.pt",
       "50%", "100%", None, ["RN50::openai"], "https://a.b/c.png", "a/b\n\x1b[31m'\""]  # fmt: skip


def settings_of(program: str, rng: random.Random) -> dict:
    """Some settings of a program, with values of its own and odd ones."""
    usual = defaults(program)
    names = [name for row in rows() if row.ours for name in row.names(program) if " " not in name]
    names += ["width", "height", "seed", *data()["clips"]] if program == "disco" else []
    chosen = rng.sample(names, rng.randint(1, 12)) + ["text_prompts"] * (rng.random() < 0.8)
    odd = {name: rng.choice(ODD) for name in chosen}
    return {name: usual.get(name) if rng.random() < 0.3 else odd[name] for name in chosen}


def drawn(line: str) -> Plan:
    """The plan of a printed command, given a prompt where it has none."""
    words = shlex.split(line)[2:]
    given = [] if any(word.startswith(("prompt=", "image_prompt=")) for word in words) else ["a"]
    flags = [words.pop(0), words.pop(0)] if words[:1] == ["--config-dir"] else []
    words = [*words, *(f"prompt={word}" for word in given)]
    return Plan.read(compose(words, flags), weights=False)


@pytest.mark.parametrize("seed", range(25))
def test_every_command_that_is_printed_composes(seed, tmp_path, capsys):
    rng = random.Random(seed)
    program = rng.choice(["disco", "discoart"])
    path = tmp_path / "some.json"
    while True:
        settings = settings_of(program, rng)
        path.write_text(json.dumps(settings), encoding="utf-8")
        try:
            import_settings.run([f"import={path}", f"folder={tmp_path}"])
        except BadInput as error:
            assert "\n" not in str(error)
            continue  # a value that makes no sense at all
        break
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if not line.startswith("#")]
    (preset,) = [line for line in lines if "--config-dir" in line]
    by_command, by_preset = drawn(line), drawn(preset.removeprefix("# "))
    for one in ("steps", "size", "skip", "guides", "sampler", "generator", "clips", "cutouts"):
        assert getattr(by_command, one) == getattr(by_preset, one), one


@pytest.mark.parametrize(("program", "data", "expected"), samples.DATA)
def test_every_command_of_other_programs_composes(program, data, expected, tmp_path, capsys):
    rng = random.Random(f"{program} {len(data)}")
    path = tmp_path / "some.json"
    odd = dict(data)
    for name in rng.sample(sorted(data), min(2, len(data))):
        odd[name] = rng.choice(ODD)
    path.write_text(json.dumps(odd), encoding="utf-8")
    try:
        import_settings.run([f"import={path}", f"folder={tmp_path}"])
    except BadInput as error:  # what tells the program is gone
        assert "no setting of Disco Diffusion" in str(error)
        return
    lines = capsys.readouterr().out.splitlines()
    drawn(next(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize(
    ("settings", "left", "kept"),
    [
        ({"seed": -5}, "seed=-5", {}),
        ({"width": 60, "height": 60}, "size=[0, 0]", {}),
        ({"steps": 0}, "steps=0", {}),
        ({"steps": 50, "skip_steps": 60}, "skip=60", {"steps": 50}),
        ({"n_batches": 0}, "count=0", {}),
        ({"eta": 1.5}, "sampler.eta=1.5", {}),
        ({"clamp_max": -0.1, "tv_scale": 7}, "generator.clamp=-0.1", {"guide.smooth.scale": 7}),
        ({"cut_overview": "[900]*1000"}, "cutouts.overview=900", {}),
        ({"seed": 2**70}, "seed=", {}),
        ({"init_image": "https://a.b/c.png"}, "init=https://a.b/c.png is a link", {}),
        ({"init_image": "no/such.png"}, "init=no/such.png: the file is not there", {}),
        ({"diffusion_model": "no/such.pt"}, "model=no/such.pt: the file is not there", {}),
        ({"ViTB32": 0, "ViTB16": 0, "RN50": 0}, "clip=[] chooses no CLIP", {}),
        ({"text_prompts": {"0": ["a", "b:-1"]}}, "guide.clip.weights=sum", {}),
    ],
    ids=str,
)  # fmt: skip
def test_what_the_program_refuses_is_left_out_and_told_in_one_line(settings, left, kept, tmp_path):
    found = imported(tmp_path / "x", "disco", {"text_prompts": {"0": ["a star"]}} | settings)
    (note,) = [note for note in found.notes if note.startswith("left out: ") and left in note]
    assert "\n" not in note
    assert {k: v for k, v in found.settings.items() if k != "prompt"} == kept
    assert "clip" not in found.choices and "model" not in found.choices


def test_clips_that_are_known_guide_beside_one_that_is_not(tmp_path):
    theirs = ["ViT-B-32::openai", "ViT-B-32::nobody"]
    found = imported(tmp_path / "x", "discoart", {"text_prompts": "a", "clip_models": theirs})
    assert found.choices["clip"] == ["vit_b32"]
    assert "left out: clip=ViT-B-32::nobody" in found.notes


def test_the_likeness_to_a_picture_that_is_not_there_is_left_out_with_it(tmp_path):
    from PIL import Image

    picture = tmp_path / "here.png"
    Image.new("RGB", (8, 8)).save(picture)
    prompt = {"text_prompts": {"0": ["a star"]}, "init_scale": 500}
    for path, there in ((picture, True), (tmp_path / "gone.png", False)):
        found = imported(tmp_path / "x", "disco", prompt | {"init_image": str(path)})
        assert ("init" in found.settings) is there
        assert ("guide" in found.choices) is there
        assert ("guide.likeness.scale" in found.settings) is there


def test_a_size_that_is_not_drawn_becomes_the_nearest_that_is():
    found = runnable(Translation("", settings={"prompt": "a star", "size": [181, 112]}))
    width, height = found.settings["size"]
    assert (height, abs(width - 181) <= 4) == (112, True)
    assert any("size=[181, 112]" in note for note in found.notes)


def test_a_size_of_noise_becomes_a_small_one_that_is_enlarged():
    found = runnable(Translation("", settings={"prompt": "a star", "size": [1152, 896]}))
    assert found.settings == {"prompt": "a star", "size": [72, 56], "output.still.enlarge": 16}
    told = (
        "size=[1152, 896] is not drawn here: the nearest is size=[72,56] output.still.enlarge=16"
    )
    assert told in found.notes
    found = runnable(Translation("disco", settings={"prompt": "a star", "size": [1152, 896]}))
    assert found.settings["size"] == [1152, 896]  # of a large model


def test_what_is_missing_is_told(tmp_path):
    notes = imported(tmp_path / "x", "disco", {"steps": 50}).notes
    assert any('prompt="..." must stand beside it' in note for note in notes)
    assert any("models=download model=imagenet512" in note for note in notes)
    assert runnable(Translation("", settings={"prompt": "a star"})).notes == []


def test_warnings_are_notes_and_not_printed(capsys, caplog):
    found = runnable(Translation("", settings={"prompt": "a star", "size": [128, 128]}))
    assert any("size=[128, 128] is far above" in note for note in found.notes)
    assert capsys.readouterr().err == ""
    assert not caplog.records


def test_nothing_is_noted_of_a_prompt_that_the_file_does_not_have(tmp_path, capsys):
    """Settings are tried one by one, some before the file's prompt."""
    path = tmp_path / "deforum.json"
    film = {"animation_mode": "3D", "max_frames": 10, "W": 64, "H": 64, "prompts": {"0": "a sun"}}
    for settings in (film, {"text_prompts": {"0": []}, "steps": 250, "cut_ic_pow": 1}):
        path.write_text(json.dumps(settings))
        import_settings.run([f"import={path}", f"folder={tmp_path}"])
        assert "nothing in it says what to draw" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [{"max_frames": "many"}, {"fps": [1]}, {"diffusion_cadence": "x"},
     {"animation_mode": "Video Input", "video_init_path": ["a"]}],
)  # fmt: skip
def test_a_film_of_another_program_is_left_without_what_makes_no_sense(wrong, tmp_path, capsys):
    film = {"animation_mode": "2D", "max_frames": 10, "W": 64, "H": 64, "prompts": {"0": "a sun"}}
    path = tmp_path / "deforum.json"
    path.write_text(json.dumps(film | wrong))
    import_settings.run([f"import={path}", f"folder={tmp_path}"])
    assert f"left out: {list(wrong)[-1]}" in capsys.readouterr().out
