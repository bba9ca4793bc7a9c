"""Bad input: one line that names the setting, before torch is imported; and the exit code."""

import logging
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from guided.cli import main as cli_main
from guided.config.composition import compose
from guided.config.overrides import raws
from guided.config.plan import Plan
from guided.config.schema import Config
from guided.errors import BadInput
from guided.runs.files import make_root

ROOT = Path(__file__).parents[2]


def complaint(*words: str) -> str:
    """What run.py would say of these words."""
    with pytest.raises(Exception) as caught:
        Plan.read(compose(["prompt=x", *words]))
    assert cli_main.report(caught.value, debug=False) == cli_main.BAD_INPUT
    return cli_main.say(caught.value)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["steps=abc"], ["steps=abc", "whole number", "null: the model's recommended number"]),
        (["seed=rand"], ["seed=rand", "whole number", "random, -1 or null"]),
        (["debug=2"], ["debug=2", "true or false"]),
        (["animate=true"], ["animate=true", "animate=list", "'slow_zoom'"]),
        (["device=GPU"], ["device=GPU", "auto, cpu, cuda", "'cuda'"]),
        (["steps=1,000"], ["steps=1,000", "without the comma it is steps=1000"]),
        (["steps=0"], ["steps=0", "nearest is 1"]),
        (["stepz=3"], ["stepz", "'steps'"]),
        (["+stepz=3"], ["stepz", "'steps'"]),
        (["count=0"], ["count=0"]),
        (["seed=-2"], ["seed=-2", "from 0 to 9223372036854775806", "nearest is 0", "seed=random"]),
        (["sampler=dimm"], ["sampler=dimm", "ddim, ddpm", "'ddim'"]),
        (["sampler.etaa=1"], ["sampler.etaa", "'sampler.eta'"]),
        (["+sampler.etaa=1"], ["sampler.etaa", "'eta'"]),
        (["sampler.eta=2"], ["sampler.eta=2", "from 0 to 1", "nearest is 1"]),
        (["sampler.eta=lots"], ["sampler.eta=lots", "number"]),
        (["guide=[clip,smoth]"], ["guide=smoth", "'smooth'"]),
        (["guide.clip.scale=-5"], ["guide.clip.scale=-5", "0 or more"]),
        (["model=imagnet512"], ["model=imagnet512", "'imagenet512'"]),
        (["size=30"], ["size=[30, 30]", "multiples of", "nearest is size=[32,32]"]),
        (["size=[64]"], ["size=[64]", "[width, height]"]),
        (["size=big"], ["size=big", "[width, height]"]),
        (["device=gpu"], ["device=gpu", "cuda"]),
        (["precision=fp8"], ["precision=fp8", "bfloat16"]),
        (["cutouts.overview=[[0.5,3],[0.1,2]]"], ["cutouts.overview", "progress must rise"]),
        (["cutouts.overview=0", "cutouts.inner=0"], ["cutouts.overview", "nothing"]),
        (["cutouts.flip=2"], ["cutouts.flip=2", "from 0 to 1"]),
        (["guide.clip=5"], ["guide.clip=5", "no choice"]),
        (["prompt=[a,null]"], ["prompt", "null", "no text"]),
        (["model.unet.num_channels=100"], ["model.", "num_channels=100", "multiple of 32"]),
        (["model.unet.attention_resolutions=[0]"], ["attention_resolutions=[0]"]),
        (["prompt=''"], ["prompt", "empty"]),
        (["prompt=['a:0']"], ["prompt", "every weight is 0"]),
        (["clip=[]"], ["clip", "guide"]),
        (["sampler=plms", "sampler.eta=0.5"], ["sampler.eta=0.5", "must be 0", "PLMS"]),
        (["sampler=dpmpp_2m", "sampler.eta=2"], ["sampler.eta=2", "from 0 to 1"]),
        (["secondary=imagnet"], ["secondary=imagnet", "imagenet2"]),
        (["secondary=imagenet2", "size=[40,32]"], ["size=[40, 32]", "multiples of 32"]),
        (["guide=[clip,likeness]"], ["guide=likeness", "init=photo.jpg"]),
        (["guide=[likeness]", "guide.likeness.metric=ssim"], ["metric=ssim", "pixels, lpips"]),
        (["init=none.jpg"], ["init=none.jpg", "not there"]),
        (["init=README.md"], ["init=README.md", "no picture"]),
        (["init=perlin:red"], ["init=perlin:red", "perlin:gray"]),
        (["init_fit=fit"], ["init_fit=fit", "cover, stretch"]),
        (["skip=50", "steps=50"], ["skip=50", "nothing to draw"]),
        (["skip=half"], ["skip=half", "50%"]),
        (["tv_scale=150"], ["Disco Diffusion", "guide.smooth.scale"]),
        (["text_prompts=a sun"], ["Disco Diffusion", "is prompt here"]),
        (["fuzzy_prompt=true"], ["fuzzy_prompt", "not here"]),
        (["clip=[ViTB32]"], ["clip=ViTB32", "clip=vit_b32"]),
        (
            ["model=512x512_diffusion_uncond_finetune_008100"],
            ["512x512_diffusion_uncond_finetune_008100", "model=imagenet512"],
        ),
        (["guide.smooth.scale=5"], ["smooth is not chosen", "guide=[clip,range,palette,smooth]"]),
        (["output.cuts.every=5"], ["cuts is not chosen"]),
        (["guide.clip.sclae=5"], ["guide.clip.sclae", "did you mean 'guide.clip.scale'"]),
        (["skip=nan"], ["skip=nan must be"]),
        (["keep=1", "output=[]"], ["keep=1", "output=[still]"]),
        (["rank=[embedded]"], ["rank=", "one name"]),
        (["strength=0.5"], ["strength=0.5", "init=photo.jpg"]),
        (["mask=[0,0,1,1]"], ["mask=[0, 0, 1, 1]", "init=photo.jpg"]),
        (["init=perlin", "mask=[0,0,3,1]"], ["mask=[0, 0, 3, 1]", "from 0 to 1", "[0,0,1,1]"]),
        (["init=perlin", "mask=no.png"], ["mask=no.png", "not there"]),
        (["init=perlin", "mask=alpha"], ["mask=alpha", "transparency"]),
        (["init=perlin", "mask.grow=999"], ["mask.grow=999", "nearest is 512"]),
        (["init=perlin", "mask.feather=9"], ["mask.feather", "not a setting", "blur"]),
        (["init=perlin", "mask.blur=2"], ["mask.blur", "mask=sky.png"]),
        (["init=perlin", "mask=[0,0,1,1]", "mask.jumps=0"], ["mask.jumps=0", "nearest is 1"]),
        (["outpaint=8"], ["outpaint=8", "init=photo.jpg"]),
        (["init=perlin", "outpaint=[8,8]"], ["outpaint=[8, 8]", "[left,top,right,bottom]"]),
        (["init=perlin", "outpaint=90000%"], ["outpaint=90000%", "8192"]),
        (["init=perlin", "strength=2"], ["strength=2", "from 0 to 1"]),
        (["generator.sees=all"], ["generator.sees=all", "pred, blend"]),
        (["generator.symmetry=left"], ["generator.symmetry=left", "horizontal"]),
        (["generator.symmetry_at=[2]"], ["generator.symmetry_at=2", "from 0 to 1"]),
        (["generator.compile=maybe"], ["generator.compile=maybe", "true or false"]),
        (["generator.every=0"], ["generator.every=0", "from 1 to 1000", "the nearest is 1"]),
        (["generator.through=strait"], ["generator.through=strait", "unet, straight"]),
        (["generator.between=none"], ["generator.between=none", "again, nothing"]),
        (["generator.secondary=2"], ["generator.secondary=2", "from 0 to 1"]),
        (["generator.clamp=much"], ["generator.clamp=much"]),
        (["sampler._target_=os.system"], ["sampler._target_=os.system", "guided."]),
        (["output.still.enlarge=99"], ["output.still.enlarge=99", "from 1 to 16"]),
    ],
)
def test_bad_input_is_named_in_one_line(words, parts):
    said = complaint(*words)
    assert "\n" not in said
    for part in parts:
        assert part in said


def test_without_a_compiler_nothing_can_be_compiled(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert "generator.compile=true needs a C++ compiler" in complaint("generator.compile=true")


def test_what_was_typed_says_what_is_chosen(monkeypatch):
    words = ["output=[still]", "output.steps.every=5"]
    monkeypatch.setattr("sys.argv", ["run.py", *words])
    assert "output=[still,steps]" in complaint(*words)


def test_a_model_that_is_not_there_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path))
    said = complaint("model=imagenet256")
    what = "objects and animals"
    for part in (what, "2211 MB", "https://", "models=download model=imagenet256", str(tmp_path)):
        assert part in said


@pytest.mark.parametrize("words", [["--cfg", "job"], ["models=download"], ["models=list"]])
def test_what_composes_without_drawing_names_the_file_of_a_wrong_value(words, tmp_path):
    path = tmp_path / "look" / "dusk.yaml"
    path.parent.mkdir()
    path.write_text("# @package _global_\nsteps: many\n")
    command = ["run.py", "--config-dir", str(tmp_path), "look=dusk", *words]
    with pytest.raises(BadInput) as caught:
        cli_main.obey(lambda: None, command)
    assert cli_main.say(caught.value).startswith(f"{path}: steps=many must be a whole number")


def test_a_secondary_model_that_is_not_there_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path))
    said = complaint("secondary=imagenet2")
    for part in ("secondary=imagenet2", "55 MB", "models=download secondary=imagenet2"):
        assert part in said


def test_a_clip_that_is_not_there_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    said = complaint("clip=[vit_b32,rn50]")
    for part in ("clip=vit_b32", "clip=rn50", "MB", "huggingface.co", "clip=[vit_b32,rn50]"):
        assert part in said


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(BadInput, match="cannot be written"):
        make_root(tmp_path / "new")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"folder=.*file"):
        make_root(tmp_path / "file" / "new")


def test_prompts_that_cancel_are_explained_and_drawn(caplog):
    Plan.read(compose(["prompt=['a cat','a dog:-1']"]))
    assert "sum to 0" in caplog.text


def test_nothing_is_written_when_the_input_is_bad(tmp_path):
    complaint(f"folder={tmp_path}/kept", "steps=0")
    assert not (tmp_path / "kept").exists()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run.py"), *words], capture_output=True, text=True, check=False
    )


def test_the_program_leaves_with_2_and_one_line():
    done = run("prompt=x", "sampler.eta=7")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback():
    done = run("prompt=x", "sampler.eta=7", "debug=true")
    assert "Traceback" in done.stderr
    assert done.returncode == 2


def test_a_server_gets_the_settings_and_flags_of_its_command(monkeypatch):
    asked = []
    for name in ("studio", "mcp"):
        serve = partial(lambda name, words, flags: asked.append((name, raws(words), flags)), name)
        monkeypatch.setitem(cli_main.SERVERS, name, serve)
    words = ["folder=x", "--config-dir", "conf"]
    for command in (["studio=serve", *words], ["mcp", *words]):
        cli_main.obey(lambda: None, ["run.py", *command])
    flags = ["--config-dir", "conf"]
    assert asked == [("studio", ["studio=serve", "folder=x"], flags), ("mcp", ["folder=x"], flags)]


def test_without_servers_the_studio_is_refused(monkeypatch):
    monkeypatch.setattr(cli_main, "SERVERS", {})
    with pytest.raises(BadInput, match="studio=open"):
        cli_main.do(["studio=open"], [])


@pytest.mark.parametrize("word", ["model=null", "a=b=c", "sampler=[ddim,ddpm]", "size=3,4"])
def test_what_hydra_cannot_compose_is_bad_input_too(word, capsys):
    argv = ["run.py", "prompt=x", word]

    def main():
        Plan.read(compose(argv[1:]))

    assert cli_main.guard(main, argv) == cli_main.BAD_INPUT
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["promt=a star"], ["promt", "'prompt'"]),
        (["--seed", "7"], ["--seed 7", "seed=7"]),
        (["guide=clip,range", "prompt=x"], ["guide=[clip,range]", "-m"]),
    ],
)
def test_slips_of_the_pen_are_told(words, parts):
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def test_flags_may_stand_anywhere(tmp_path):
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "mine.yaml").write_text("# @package _global_\nsteps: 0\n")
    assert "steps=0" in run("prompt=x", "--config-dir", str(tmp_path), "look=mine").stderr


def test_completion_of_an_unfinished_line_says_nothing_wrong():
    line = 'python run.py prompt="a star'
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "-sc", "query=bash"],
        env={"COMP_LINE": line, "COMP_POINT": str(len(line)), "PATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""


def test_two_prompts_are_refused():
    assert "twice" in run("a cat", "prompt=dog").stderr


def test_help_survives_a_console_that_knows_no_chinese():
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--help"],
        env={"PYTHONIOENCODING": "cp1252"}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert b"Draw pictures from text" in done.stdout


def test_help_shows_examples_groups_choices_and_settings():
    done = run("--help")
    assert done.returncode == 0
    for word in ("python run.py prompt=", "imagenet512", "ddpm", "saturation", "vit_b32"):
        assert word in done.stdout
    for name in Config.__dataclass_fields__:
        assert name in done.stdout


def test_help_shows_ones_own_presets(tmp_path):
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "mine.yaml").write_text("# @package _global_\nsteps: 7\n")
    assert "mine" in run("--config-dir", str(tmp_path), "--help").stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("sampler=dd", {"sampler=ddim", "sampler=ddpm"}), ("generator.thr", {"generator.through="})],
)
def test_shell_completion_offers_choices_and_settings(typed, offered):
    line = f"python run.py {typed}"
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "-sc", "query=bash"],
        env={"COMP_LINE": line, "COMP_POINT": str(len(line)), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert offered <= set(done.stdout.split())


def test_what_went_wrong_while_drawing_leaves_with_1():
    assert cli_main.report(RuntimeError("out of paint"), debug=False) == cli_main.FAILED


def test_a_broken_yaml_is_bad_input_and_named():
    import yaml

    with pytest.raises(yaml.YAMLError) as caught:
        yaml.safe_load("a: b: c")
    assert cli_main.report(caught.value, debug=False) == cli_main.BAD_INPUT


def test_a_thousand_warnings_of_one_kind_are_twenty_lines(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    cli_main.log_to_terminal()
    log = logging.getLogger("guided.test")
    for number in range(1000):
        log.warning("row %d has %s", number // 2, "a slip")
        log.warning("another kind")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21 and "WARNING: row 0 has a slip" in lines
    assert lines[-1] == "WARNING: row 19 has a slip (more of this kind are not shown)"


def test_what_pillow_logs_of_a_damaged_file_is_no_second_line(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    before = logging.getLogger("PIL").level
    cli_main.log_to_terminal()
    logging.getLogger("PIL.TiffImagePlugin").error("More samples per pixel than can be decoded")
    logging.getLogger("PIL").setLevel(before)
    assert capsys.readouterr().err == ""
