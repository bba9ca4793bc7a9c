"""import= prints a command that works when it is pasted, and a preset that says the same."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided.cli import main
from guided.cli.import_settings import command as words_of
from guided.cli.import_settings import imported, run
from guided.cli.main import compose
from guided.config import plan, schema
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
    for name in {"seed", "steps", "size"} & expected.keys():
        value = getattr(found, name)
        assert (list(value) if name == "size" else value) == expected[name]
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
    assert drawn(lines).prompts[0].text == samples.PROMPT
    (preset,) = (tmp_path / "presets" / "look").iterdir()
    assert yaml.safe_load(preset.read_text("utf-8"))["defaults"] == ["_self_"]


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


def test_a_picture_without_settings_is_told(tmp_path):
    path = png(tmp_path / "x.png", {"Comment": "Created with GIMP"})
    with pytest.raises(
        BadInput, match=r"x\.png has no known settings in it.*Midjourney"
    ) as caught:
        run([f"import={path}", f"folder={tmp_path}"])
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(BadInput, match=r"x\.png is no PNG, WebP, JPEG, GIF or MP4"):
        run([f"import={path}", f"folder={tmp_path}"])
