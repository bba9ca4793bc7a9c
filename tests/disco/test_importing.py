"""import= prints a command that works when it is pasted, and a preset that says the same."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from guided import command
from guided.disco.importing import command as words_of
from guided.disco.importing import imported, run
from guided.errors import BadInput

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
    assert done.returncode == command.BAD_INPUT
    assert done.stderr.count("\n") == 1
    assert "none.txt" in done.stderr


def test_help_tells_of_it():
    from guided import help

    assert "import=" in help.text([])
