"""import= prints a command that works when it is pasted, and a preset that says the same."""

import json
import random
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided.cli import main
from guided.cli.import_settings import command as words_of
from guided.cli.import_settings import imported, run
from guided.config import plan, schema
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.paths import conf_folder
from tests.other_programs import samples

ECHO = "import sys, json; print(json.dumps(sys.argv[1:]))"
ROOT = Path(__file__).parent.parent.parent
DISCO = {
    "text_prompts": {"0": ['it\'s a "castle", ${HOME}: `x`', "fog:0.5"]},
    "clip_guidance_scale": 8000,
    "cut_overview": "[14]*200+[12]*200+[4]*400+[1]*200",
    "steps": 150,
    "seed": 7,
    "ViTB32": True,
    "ViTB16": True,
    "RN50": True,
    "max_frames": 10000,
    "oddity": "a\nb\x1b[31m",
}


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "TimeToDisco(0)_settings.txt"
    path.write_text(json.dumps(DISCO), encoding="utf-8")
    return path


def printed(capsys, *words) -> list[str]:
    run(words)
    return capsys.readouterr().out.splitlines()


def test_what_is_printed_is_a_script_of_comments_and_one_command(settings, tmp_path, capsys):
    lines = printed(capsys, f"import={settings}", f"folder={tmp_path}/out")
    (line,) = [line for line in lines if not line.startswith("#")]
    words = shlex.split(line)
    assert words[:3] == ["python", "run.py", "look=disco"]
    assert words[3:] == words_of(imported(settings, "disco", DISCO))[1:]
    assert any("max_frames" in line for line in lines)
    assert any("oddity" in line for line in lines)
    assert "\x1b" not in "".join(lines)


def test_a_shell_passes_the_command_on_unharmed(settings):
    words = words_of(imported(settings, "disco", DISCO))
    script = shlex.join([sys.executable, "-c", ECHO])
    done = subprocess.run(
        ["sh", "-c", f"{script} {shlex.join(words)}"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == words


def test_only_what_differs_from_the_look_is_said(settings):
    words = words_of(imported(settings, "disco", {"tv_scale": 0, "eta": 0.8, "sat_scale": 5}))
    assert words == ["look=disco", "guide.saturation.scale=5"]


def test_a_preset_is_never_overwritten(settings, tmp_path, capsys):
    for _ in range(2):
        printed(capsys, f"import={settings}", f"folder={tmp_path}")
    look = tmp_path / "presets" / "look"
    found = sorted(path.name for path in look.iterdir())
    assert found == ["timetodisco-0-settings-2.yaml", "timetodisco-0-settings.yaml"]
    first = yaml.safe_load((look / found[1]).read_text(encoding="utf-8"))
    assert first["defaults"] == ["disco", "_self_"]
    assert first["steps"] == 150


def test_a_preset_does_not_hide_behind_a_look_that_there_is(tmp_path, capsys):
    path = tmp_path / "disco.json"
    path.write_text(json.dumps(DISCO), encoding="utf-8")
    printed(capsys, f"import={path}", f"folder={tmp_path}")
    assert (tmp_path / "presets" / "look" / "disco-2.yaml").exists()


@pytest.mark.parametrize(
    ("change", "part"),
    [({"cut_overview": "9**9**9"}, "cut_overview"), ({"eta": "lots"}, "eta=lots")],
)
def test_a_value_that_makes_no_sense_is_bad_input(settings, change, part):
    with pytest.raises(BadInput, match=part) as caught:
        imported(settings, "disco", DISCO | change)
    assert "\n" not in str(caught.value)


def test_import_stands_alone(settings):
    with pytest.raises(BadInput, match="steps=3"):
        run([f"import={settings}", "steps=3"])


def test_the_program_says_in_one_line_what_it_cannot_read(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), f"import={tmp_path}/none.txt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == main.BAD_INPUT
    assert done.stderr.count("\n") == 1
    assert "none.txt" in done.stderr


def test_help_tells_of_it():
    from guided.config import choices

    assert "import=" in choices.text([])


CARDLESS = {"text_prompts": {"0": ["???", "by __artist__"]}, "ViTB16": False, "RN50": 0,
            "ViTB32_laion2b_e16": True, "RN50_quickgelu_cc12m": True}  # fmt: skip


def test_a_prompt_of_question_marks_and_clips_without_a_card_are_drawn(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(plan, "check_models", lambda *cards: None)
    path = tmp_path / "odd.txt"
    path.write_text(json.dumps(CARDLESS), encoding="utf-8")
    lines = printed(capsys, f"import={path}", f"folder={tmp_path}")
    (line,) = [line for line in lines if not line.startswith("#")]
    found = Plan.read(compose(shlex.split(line)[2:]))
    assert [prompt.text for prompt in found.prompts_of(7)] == ["???", "by __artist__"]
    clips = ["vit_b32", "ViT-B-32::laion2b_e16", "RN50-quickgelu::cc12m"]
    assert list(found.clips) == clips
    # The preset cannot name them, so clip= stands beside it.
    assert any(f"clip=[{','.join(clips)}]" in line for line in lines if "note" in line)
    preset = yaml.safe_load((tmp_path / "presets" / "look" / "odd.yaml").read_text("utf-8"))
    assert preset["defaults"] == ["disco", "_self_"]


# ---- and back ------------------------------------------------------------------------------


EVERYTHING = {
    "text_prompts": {"0": ['it\'s a "castle", ${HOME}: {a|b}', "fog:0.5"]},
    "clip_guidance_scale": 8000,
    "tv_scale": 20,
    "sat_scale": 3,
    "cutn_batches": 2,
    "cut_overview": "[14]*200+[12]*200+[4]*400+[1]*200",
    "cut_innercut": "[2]*200+[4]*200+[12]*400+[12]*200",
    "cut_ic_pow": "[12]*500+[10]*500",
    "cut_icgray_p": "[0.7]*100+[0.6]*100+[0]*800",
    "clamp_max": 0.1,
    "eta": 0.5,
    "skip_steps": 15,
    "steps": 150,
    "seed": 7,
    "width": 512,
    "height": 448,
    "diffusion_model": "pixel_art_diffusion_hard_256",
    "use_secondary_model": False,
    "perlin_init": True,
    "init_scale": 0,
    "use_horizontal_symmetry": True,
    "ViTB32": True,
    "ViTB16": False,
    "RN50": False,
}


def by_command(path, root) -> Plan:
    return Plan.read(compose(words_of(imported(path, "disco", EVERYTHING))))


def by_preset(path, root) -> Plan:
    run([f"import={path}", f"folder={root}"])
    schema.register()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        place = f"hydra.searchpath=[file://{root / 'presets'}]"
        return Plan.read(hydra_compose("config", overrides=[place, "look=everything"]))


@pytest.mark.parametrize("way", [by_command, by_preset])
def test_what_is_drawn_is_what_disco_would_have_drawn(tmp_path, monkeypatch, way):
    monkeypatch.setattr(plan, "check_models", lambda *cards: None)
    path = tmp_path / "everything.txt"
    path.write_text(json.dumps(EVERYTHING), encoding="utf-8")
    found = way(path, tmp_path)
    # At entry 999 - t of Disco's lists.
    expected = {
        0.05: (14, 2, 12, 0.7),
        0.15: (14, 2, 12, 0.6),
        0.3: (12, 4, 12, 0),
        0.5: (4, 12, 10, 0),
        0.9: (1, 12, 10, 0),
    }
    cutouts = found.cutouts
    for at, values in expected.items():
        assert (cutouts.overview(at), cutouts.inner(at)) == values[:2]
        assert (cutouts.power(at), cutouts.gray(at)) == values[2:]
        assert (cutouts.batches(at), found.sampler.eta(at)) == (2, 0.5)
        assert found.guides["clip"].scale(at) == 8000
        assert found.guides["smooth"].scale(at) == 20
        assert found.guides["saturation"].scale(at) == 3
        assert found.guides["range"].scale(at) == 0
        assert found.generator.clamp(at) == 0.1
    castle, fog = found.prompts_of(7)
    assert (castle.text, fog.text) == ('it\'s a "castle", ${HOME}: {a|b}', "fog")
    assert (castle.at(0.5), fog.at(0.5)) == (1, 0.5)
    assert (found.steps, found.skip, found.seed, found.size) == (150, 15, 7, (512, 448))
    assert (found.model.name, list(found.clips)) == ("pixelart_hard", ["vit_b32"])
    assert found.secondary is None
    assert found.init is not None
    assert (found.generator.symmetry, found.generator.sees) == ("horizontal", "blend")


# ---- other programs ----------------------------------------------------------------------------


def png(path: Path, texts: dict[str, str]) -> Path:
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.new("RGB", (8, 8)).save(path, "PNG", pnginfo=info)
    return path


def commented(path: Path, text: str) -> Path:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    Image.new("RGB", (8, 8)).save(path, exif=exif.tobytes())
    return path


def drawn(lines: list[str]) -> Plan:
    (line,) = [line for line in lines if not line.startswith("#")]
    return Plan.read(compose(shlex.split(line)[2:]))


@pytest.mark.parametrize(("program", "texts", "expected"), samples.TEXTS)
def test_pictures_of_other_programs_give_a_command_that_draws(
    program, texts, expected, tmp_path, capsys
):
    path = png(tmp_path / "picture.png", texts)
    lines = printed(capsys, f"import={path}", f"folder={tmp_path}")
    assert lines[0] == f"# picture.png: {lines[0].split()[2]} settings of {program}"
    found = drawn(lines)
    texts_and_weights = [(one.text, one.weight) for one in found.prompts]
    assert texts_and_weights[0] == (samples.PROMPT, 1)
    assert (samples.NEGATIVE, -0.5) in texts_and_weights or "negative" not in expected
    for name in {"seed", "steps"} & expected.keys():
        assert getattr(found, name) == expected[name]
    # The usual model draws a small picture that is enlarged; its sides are multiples of 8.
    times = found.outputs["still"].enlarge
    for side, asked in zip(found.size, expected.get("size", ()), strict=False):
        assert abs(side * times - asked) <= 4 * times
    assert sum("draws by another method" in line for line in lines) == 1


@pytest.mark.parametrize("name", ["picture.jpg", "picture.webp", "picture.png"])
@pytest.mark.parametrize(
    ("text", "program"),
    [
        (samples.A1111, "AUTOMATIC1111's web UI"),
        (json.dumps(samples.FOOOCUS), "Fooocus"),
        (json.dumps(samples.SWARM), "SwarmUI"),
    ],
    ids=["A1111", "Fooocus", "Swarm"],
)
def test_settings_in_exif_are_found(name, text, program, tmp_path, capsys):
    lines = printed(capsys, f"import={commented(tmp_path / name, text)}", f"folder={tmp_path}")
    assert program in lines[0]
    assert (drawn(lines).seed, drawn(lines).prompts[0].text) == (7, samples.PROMPT)


@pytest.mark.parametrize(
    ("name", "text", "program"),
    [
        ("a1111.txt", samples.A1111, "AUTOMATIC1111's web UI"),
        ("pytti.yaml", yaml.safe_dump(samples.PYTTI), "PyTTI"),
        ("deforum.txt", "/* mine */" + json.dumps(samples.DEFORUM), "Deforum"),
        ("workflow.json", json.dumps(samples.WORKFLOW), "ComfyUI"),
    ],
)
def test_files_of_other_programs_are_recognised_by_name(name, text, program, tmp_path, capsys):
    (tmp_path / name).write_text(text, encoding="utf-8")
    lines = printed(capsys, f"import={tmp_path / name}", f"folder={tmp_path}")
    assert lines[0].endswith(f"settings of {program}")
    if program == "Deforum":  # prompts by frame
        assert samples.PROMPT in lines[1]
    else:
        assert drawn(lines).prompts[0].text == samples.PROMPT
    (preset,) = (tmp_path / "presets" / "look").iterdir()
    film = [{"override /animate": "2d"}] if program == "Deforum" else []
    assert yaml.safe_load(preset.read_text("utf-8"))["defaults"] == [*film, "_self_"]


def test_discos_settings_in_a_picture_are_discos(tmp_path, capsys):
    path = png(
        tmp_path / "x.png", {"text_prompts": '{"0": ["a star"]}', "steps": "60", "seed": "7"}
    )
    lines = printed(capsys, f"import={path}", f"folder={tmp_path}")
    assert lines[0] == "# x.png: 3 settings of Disco Diffusion"
    assert {"prompt=a star", "steps=60", "seed=7"} <= set(shlex.split(lines[1]))


def test_a_picture_of_this_program_is_drawn_again_otherwise(tmp_path):
    path = png(tmp_path / "x.png", {"guided": "prompt: a", "parameters": samples.A1111})
    with pytest.raises(BadInput, match=r"from=.*x\.png draws it again"):
        run([f"import={path}", f"folder={tmp_path}"])


@pytest.mark.parametrize("name", ["run.yaml", "manifest.json"])
def test_a_run_of_this_program_is_drawn_again_otherwise(name):
    path = ROOT / "tests" / "fixtures" / "v0.1" / "run" / name
    with pytest.raises(BadInput, match=r"from=.*run draws it again"):
        run([f"import={path}"])


def test_a_picture_without_settings_is_told(tmp_path):
    path = png(tmp_path / "x.png", {"Comment": "Created with GIMP"})
    with pytest.raises(
        BadInput, match=r"x\.png has no known settings in it.*Midjourney"
    ) as caught:
        run([f"import={path}", f"folder={tmp_path}"])
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(BadInput, match=r"x\.png is no PNG, WebP, AVIF, JPEG, GIF or MP4"):
        run([f"import={path}", f"folder={tmp_path}"])


# ---- cases from the field ----------------------------------------------------------------------

A_TEAPOT = '{"text_prompts": {"0": ["a clay teapot"]}, "steps": 250, %s}'
TEAPOT = "prompt=a clay teapot"
CASES = [
    ("B01", A_TEAPOT % '"diffusion_model": "watercolordiffusion", "seed": 7',
     ["model=watercolor", TEAPOT, "seed=7"]),
    ("B01", A_TEAPOT % '"diffusion_model": "watercolordiffusion_2"',
     ["model=watercolor2", TEAPOT]),
    ("B02", "text_prompts:\n  0: [a clay teapot]\nRN50: false\n",
     ["clip=[vit_b32,vit_b16]", TEAPOT]),
    ("B03", A_TEAPOT % '"ViTB32": false, "ViTB16": false, "RN50": false, "ViTL14_336": true',
     ["clip=[vit_l14_336]", TEAPOT]),
    ("B05", A_TEAPOT % '"init_image": "none", "init_scale": 1000', [TEAPOT]),
    ("B06", A_TEAPOT % '"n_batches": true, "batch_size": true, "skip_steps": false, '
     '"cut_ic_pow": true, "sat_scale": false', [TEAPOT, "count=1", "skip=0"]),
    ("B07", '{"text_prompts": {"0": []}, "steps": 250, "seed": 3}', ["seed=3"]),
    ("B08", '{ /* mine */ "text_prompts": {"0": ["a clay teapot"]}, "steps": 250 }', [TEAPOT]),
    ("B08", '// x\n{"text_prompts": {"0": ["a clay teapot"]}, // y\n\t"steps": 250,\n}', [TEAPOT]),
    ("B09", A_TEAPOT % '"clip_guidance_scale": "auto", "eta": "auto", "clamp_max": "auto"',
     ["guide.clip.scale=auto", TEAPOT, "sampler.eta=auto", "generator.clamp=auto"]),
    ("B10", A_TEAPOT % '"use_vertical_symmetry": true, "transformation_percent": "[0.09]"',
     [TEAPOT, "generator.symmetry=vertical", "generator.symmetry_at=[0.127]"]),
    ("B10", A_TEAPOT % '"width_height": "[1280, 704]"', [TEAPOT, "size=[1280,704]"]),
    ("B11", A_TEAPOT % '"diffusion_model": "portrait_generator_v002"',
     ["model=portrait15", TEAPOT]),
    ("B11", A_TEAPOT % '"diffusion_model": "portrait_generator_v1.5_ema_0.9999_165000"',
     ["model=portrait15", TEAPOT]),
    ("B12", A_TEAPOT % '"seed": -5', [TEAPOT]),
    ("B12", A_TEAPOT % '"width": 60, "height": 60', [TEAPOT]),
    ("B12", A_TEAPOT.replace("250", "0") % '"tv_scale": 0', [TEAPOT]),
]  # fmt: skip
NOTES = {"B07": 'prompt="..." must stand beside it', "B12": "left out: "}


@pytest.mark.parametrize(("case", "text", "expected"), CASES)
def test_cases_from_the_field(case, text, expected, tmp_path, capsys):
    path = tmp_path / "settings.txt"
    path.write_text(text, encoding="utf-8")
    lines = printed(capsys, f"import={path}", f"folder={tmp_path}")
    (line,) = [line for line in lines if not line.startswith("#")]
    assert shlex.split(line)[2:] == ["look=disco", *expected]
    notes = [line for line in lines if line.startswith("# note:")]
    for name, part in NOTES.items():
        assert any(part in note for note in notes) is (name == case)
    assert not any("every CLIP" in note for note in notes)


# ---- an oracle of schedules --------------------------------------------------------------------

# What the notebook of Disco Diffusion 5.7 has, worked out by Python.
NOTEBOOK = {
    "cut_overview": [12] * 400 + [4] * 600,
    "cut_innercut": [4] * 400 + [12] * 600,
    "cut_ic_pow": [1] * 1000,
    "cut_icgray_p": [0.2] * 400 + [0] * 600,
    "cutn_batches": [4] * 1000,
    "clip_guidance_scale": [5000] * 1000,
    "tv_scale": [0] * 1000,
    "sat_scale": [0] * 1000,
    "clamp_max": [0.05] * 1000,
    "eta": [0.8] * 1000,
}
RANGES = {
    "cut_overview": (0, 40, int), "cut_innercut": (0, 40, int), "cut_ic_pow": (0, 100, float),
    "cut_icgray_p": (0, 1, float), "cutn_batches": (1, 16, int), "tv_scale": (0, 9000, float),
    "clip_guidance_scale": (0, 90_000, float), "sat_scale": (0, 90_000, float),
    "clamp_max": (0, 1, float), "range_scale": (0, 9000, float),
}  # fmt: skip


def acting(found: Plan) -> dict[str, Any]:
    """The schedules of a plan by Disco's names."""
    return {
        "cut_overview": found.cutouts.overview,
        "cut_innercut": found.cutouts.inner,
        "cut_ic_pow": found.cutouts.power,
        "cut_icgray_p": found.cutouts.gray,
        "cutn_batches": found.cutouts.batches,
        "clip_guidance_scale": found.guides["clip"].scale,
        "tv_scale": found.guides["smooth"].scale,
        "sat_scale": found.guides["saturation"].scale,
        "range_scale": found.guides["range"].scale,
        "clamp_max": found.generator.clamp,
        "eta": found.sampler.eta,
    }


def some_list(rng: random.Random, low: float, high: float, kind: type) -> tuple[str, list[float]]:
    """A schedule as people write it, and the list that Python makes of it."""
    lengths = [1000]
    while rng.random() < 0.7 and lengths[-1] > 1:
        first = rng.randint(1, lengths[-1] - 1)
        lengths[-1:] = [first, lengths[-1] - first]
    values = [rng.randint(low, high) if kind is int else round(rng.uniform(low, high), 3)
              for _ in lengths]  # fmt: skip
    runs = zip(values, lengths, strict=True)
    parts = [rng.choice(["[{}]*{}", "[{}] * {}", "([{}]*{})"]).format(v, n) for v, n in runs]
    entries = [v for v, n in zip(values, lengths, strict=True) for _ in range(n)]
    if rng.random() < 0.2:  # what Disco never comes to
        parts.append(f"[{values[0]}]*{rng.randint(1, 500)}")
    return rng.choice(["+", " + "]).join(parts), entries


@pytest.mark.parametrize("seed", range(12))
def test_schedules_are_the_lists_that_python_makes_at_every_thousandth(
    seed, tmp_path, monkeypatch
):
    monkeypatch.setattr(plan, "check_models", lambda *cards: None)
    rng = random.Random(seed)
    program = rng.choice(["disco", "discoart"])
    lists = {name: some_list(rng, *limits) for name, limits in RANGES.items()
             if rng.random() < 0.7 or name == "range_scale"}  # fmt: skip
    settings: dict[str, Any] = {name: text for name, (text, _) in lists.items()}
    settings["text_prompts"] = {"0": ["a star"]} if program == "disco" else ["a star"]
    found = Plan.read(compose(words_of(imported(tmp_path / "x", program, settings))))
    expected = NOTEBOOK | {name: entries for name, (_, entries) in lists.items()}
    if program == "disco":
        expected["range_scale"] = [0] * 1000  # it never acted
    for name, ours in acting(found).items():
        assert [ours(k / 1000) for k in range(1000)] == expected[name], name


def test_the_look_has_the_notebooks_values(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "check_models", lambda *cards: None)
    found = Plan.read(compose([*words_of(imported(tmp_path / "x", "disco", {})), "prompt=a star"]))
    for name, expected in NOTEBOOK.items():
        assert [acting(found)[name](k / 1000) for k in range(1000)] == expected, name
    assert (found.steps, found.skip, found.size) == (250, 10, (1280, 768))
    assert list(found.clips) == ["vit_b32", "vit_b16", "rn50"]
    assert (found.model.name, found.secondary.name) == ("imagenet512", "imagenet2")
