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

from guided.cli import main
from guided.cli.import_settings import command as words_of
from guided.cli.import_settings import imported, run
from guided.cli.main import compose
from guided.config import plan, schema
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.paths import conf_folder

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
