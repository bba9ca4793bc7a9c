"""Files and numbers as other programs and other countries write them: read as they are meant, or
refused in one line that says what to write instead."""

import argparse
import codecs
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from guided.__main__ import hydra_job
from guided.batch import run as batch_run
from guided.batch.planning import Batch
from guided.cli import main
from guided.config import plan, schema
from guided.paths import PACKAGE
from guided.untrusted import interpolation


class Planned(BaseException):
    """Stops a command before it makes a folder."""


@dataclass
class Outcome:
    """What a command line led to: a planned batch, or a line and an exit code."""

    batch: Batch | None
    code: int
    said: str

    def seeds(self) -> list[int]:
        assert self.batch is not None, self.said
        return [picture.seed for picture in self.batch.manifest.pictures]

    def refused(self) -> str:
        """Return the one line of a refusal."""
        assert self.batch is None and self.code == main.BAD_INPUT, self.said
        assert self.said.startswith("error: ") and self.said.count("\n") == 1
        assert self.said[:-1].isprintable()
        return self.said


Command = Callable[..., Outcome]


@pytest.fixture
def command(monkeypatch, capsys, tmp_path) -> Command:
    """Run a command line, in an empty folder, up to the moment when it would make a folder."""
    found: list[Batch] = []

    def begin(batch: Batch, *given: object) -> None:
        found.append(batch)
        raise Planned

    schema.register()
    interpolation.forget_environment()
    monkeypatch.setattr(batch_run, "begin", begin)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Outcome:
        found.clear()
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        try:
            code = main.guard(hydra_job(), sys.argv)
        except Planned:
            code = main.DONE
        assert list(tmp_path.glob("outputs")) == []
        return Outcome(found[0] if found else None, code, capsys.readouterr().err)

    return run


# ---- tables --------------------------------------------------------------------------------

TABLES = {
    "empty columns": b"prompt,seed,,\r\na heart,1,,\r\na sun,2,,\r\n",
    "empty cells at the end": b"prompt,seed\r\na heart,1,\r\na sun,2,,\r\n",
    "an empty column within": b"prompt,,seed\na heart,,1\na sun,,2\n",
    "empty rows": b"\n\nprompt,seed\n,\na heart,1\n\na sun,2\n,\n",
    "names with spaces": b"Prompt,Init Fit,Seed\na heart,cover,1\na sun,cover,2\n",
    "capitals": b"Prompt,SEED\r\na heart,1\r\na sun,2\r\n",
    "sep": b"sep=;\r\nPrompt;Seed\r\na heart;1\r\na sun;2\r\n",
    "sep of commas": b"SEP=,\nprompt,seed\na heart,1\na sun,2\n",
    "sep in quotes": b'"sep=;"\nprompt;seed\na heart;1\na sun;2\n',
    "sep behind a mark": codecs.BOM_UTF8 + b"sep=;\r\nprompt;seed\r\na heart;1\r\na sun;2",
    "a tab": b"sep=\t\nprompt\tseed\na heart\t1\na sun\t2\n",
    "tabs": b"prompt\tseed\na heart\t1\na sun\t2\n",
    "carriage returns": b"prompt,seed\ra heart,1\ra sun,2\r",
    "a mark": codecs.BOM_UTF8 + b"prompt,seed\na heart,1\na sun,2\n",
    "UTF-16": "prompt,seed\r\na heart,1\r\na sun,2\r\n".encode("utf-16"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE
    + "prompt\tseed\na heart\t1\na sun\t2\n".encode("utf-16-be"),
    "whole numbers with a point": b"prompt,seed\na heart,1.0\na sun,2.0\n",
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("name", ["table.csv", "TABLE.CSV"])
def test_a_table_as_spreadsheets_write_it(command, table, name):
    Path(name).write_bytes(table)
    drawn = command(f"prompts={name}")
    assert drawn.seeds() == [1, 2] and not drawn.said
    assert [picture.prompt for picture in drawn.batch.manifest.pictures] == ["a heart", "a sun"]


def test_a_table_of_tabs_may_have_commas_in_its_names_line(command):
    Path("t.tsv").write_text("prompt\tsize\na heart, red\t[32,64]\n")
    assert command("prompts=t.tsv").batch.first.plan.size == (32, 64)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("i.csv", b",prompt\n0,a heart\n1,a sun\n", ["i.csv:2", "column 1 has no name", "index"]),
        ("d.csv", b"prompt,Prompt\na,b\n", ["d.csv:1", "prompt is twice"]),
        ("n.csv", b"prompt,seed\na,1,x\n", ["n.csv:2", "3 values for 2 columns"]),
        ("l.csv", "prompt\ncafé\n".encode("latin-1"), ["l.csv:2", "UTF-8"]),
        ("l.csv", "prompt\na\n".encode("utf-16-le"), ["l.csv:1", "UTF-8"]),
        ("l.txt", "a heart\n".encode("utf-32"), ["l.txt:1", "UTF-8"]),
        ("h.csv", b"a red heart\na sun\n", ["h.csv:1", "a red heart is not the name"]),
        ("o.csv", b"Prompt,Negative Prompt\na,fog\n", ["o.csv:2", "negative=fog"]),
        ("q.tsv", b'prompt\tseed\n"hello" said\t1\n', ["q.tsv:2", "is doubled"]),
        ("m.yaml", b"prompt: a\nseed: 3\n", ["m.yaml must be a list", "from=m.yaml draws"]),
        ("t.xlsx", b"PK\3\4", [".csv", "save the sheet as CSV"]),
        ("s.csv", b"prompt;guide.clip.scale\na heart;0,5\n", ["s.csv:2", "clip.scale=0,5", "0.5"]),
        ("s.yaml", b"- {prompt: a, sampler.eta: '0,5'}\n", ["s.yaml:1", "sampler.eta=0,5", "0.5"]),
    ],
)
def test_a_table_that_is_refused_names_the_line(command, name, content, parts):
    Path(name).write_bytes(content)
    said = command(f"prompts={name}").refused()
    assert all(part in said for part in parts), said


def test_a_table_without_names_and_a_text_for_a_file_say_what_is_meant(command, tmp_path):
    (tmp_path / "t.csv").write_text("a heart,1\nb,2\n")
    assert "the first line names the columns, as prompt,seed" in command("prompts=t.csv").refused()
    assert "to draw a text: prompt='a heart'" in command("prompts=a heart").refused()


@pytest.mark.parametrize("name", ["p.txt", "p.yaml"])
def test_prompts_in_utf_16(command, name):
    lines = {"p.txt": "一颗红心\na sun\n", "p.yaml": "- 一颗红心\n- a sun\n"}
    Path(name).write_bytes(lines[name].encode("utf-16"))
    pictures = command(f"prompts={name}").batch.manifest.pictures
    assert [picture.prompt for picture in pictures] == ["一颗红心", "a sun"]


# ---- numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["steps=50.0", "seed=3.0"], (50, (32, 32), 3, 1)),
        (["steps=50", "seed=1e3"], (50, (32, 32), 1000, 1)),
        (["steps=2.5e1", "seed=3802092227123456789.0"], (25, (32, 32), 3802092227123456789, 1)),
        (["steps=50", "seed=3", "size=[64.0,32.0]", "count=2.0"], (50, (64, 32), 3, 2)),
        (["steps=50", "seed=3", "size=64.0"], (50, (64, 64), 3, 1)),
        (["steps=50", "seed=3", "model.size=[64.0,32]"], (50, (64, 32), 3, 1)),
    ],
)
def test_a_number_without_a_fraction_is_whole(command, words, expected):
    plan = command("prompt=a", *words).batch.first.plan
    assert (plan.steps, plan.size, plan.seed, plan.count) == expected
    assert type(plan.steps) is int and type(plan.seed) is int


def test_a_column_of_pandas_with_gaps(command):
    Path("p.csv").write_text("prompt,seed,steps\na heart,1.0,50.0\na sun,,25.0\n")
    drawn = command("prompts=p.csv")
    assert drawn.seeds()[0] == 1 and drawn.batch.first.plan.steps == 50
    assert not drawn.batch.wrong


def test_a_preset_with_a_whole_fraction(command, tmp_path):
    (tmp_path / "mine" / "look").mkdir(parents=True)
    (tmp_path / "mine" / "look" / "few.yaml").write_text("# @package _global_\nsteps: 30.0\n")
    assert command("--config-dir", "mine", "prompt=a", "look=few").batch.first.plan.steps == 30


@pytest.mark.parametrize(
    ("value", "told"), [("'\\e[31m\\u202e'", r"\x1b[31m\u202e"), ("x", "x")], ids=["escape", "x"]
)
def test_a_presets_value_of_another_kind(command, tmp_path, value, told):
    (tmp_path / "mine" / "look").mkdir(parents=True)
    value = value.replace("'", '"')
    (tmp_path / "mine" / "look" / "odd.yaml").write_text(f"# @package _global_\nsteps: {value}\n")
    said = command("--config-dir", "mine", "prompt=a", "look=odd").refused()
    assert f"odd.yaml: steps={told} must be a whole number" in said


def test_a_break_inside_a_value_is_shown_with_what_is_behind_it(command):
    assert r"keep=a\rb must be a whole number" in command("prompt=a", "keep=a\rb").refused()


@pytest.mark.parametrize(("value", "hint"), [("50,0", "it is 50.0"), ("5,5", "where one")])
def test_a_whole_number_with_a_decimal_comma_in_a_row(command, value, hint):
    Path("p.csv").write_text(f"prompt;steps\na heart;{value}\n")
    said = command("prompts=p.csv").refused()
    assert f"p.csv:2: steps={value}" in said and hint in said
    assert ("decimal point" in said) == (value == "50,0")


@pytest.mark.parametrize("word", ["steps=50.5", "seed=1.5", "count=2.5", "size=64.5", "seed=nan"])
def test_a_fraction_is_refused(command, word):
    assert word.partition("=")[0] in command("prompt=a", word).refused()


@pytest.mark.parametrize(
    "word",
    [
        *("sampler.eta=0,5", "strength=0,5", "guide.clip.scale=0,5", "++generator.clamp=0,5"),
        *("memory=0,5", "checkpoint=0,5", "clip.embedded.weight=0,5", "sampler.eta='0,5'"),
        *("strength='0,5'", "output.still.quality=0,5"),
    ],
)
def test_a_decimal_comma_is_named(command, word):
    said = command("prompt=a", "init=perlin", word).refused()
    assert word.lstrip("+").partition("=")[0] + "=0,5" in said
    assert "with a decimal point it is 0.5" in said


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("size=512,512", "size=[512,512]"),
        ("clip=vit_b32,rn50", "clip=[vit_b32,rn50]"),
        ("guide=clip,range", "guide=[clip,range]"),
        ("sampler=ddim,plms", "one is needed"),
        ("count=1,5", "one is needed"),
        ("init=a, b.png", "init='a, b.png'"),
    ],
)
def test_values_with_commas_name_what_the_setting_takes(command, word, part):
    said = command("prompt=a", word).refused()
    assert part in said and "-m" in said and "decimal" not in said


# ---- colours -------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["steps=1.000", "seed=1.234.567", "count=2.000"])
def test_points_between_thousands_are_named(command, word):
    said = command("prompt=a", word).refused()
    assert word in said and word.replace(".", "") in said


@pytest.mark.parametrize(
    "typed", ["[#0d3b82,#f2f7fc]", "[#0d3b82],[#f2f7fc]", '["#0d3b82",#f2f7fc]', "#0d3b82,#f2f7fc"]
)
def test_colours_without_quotes(command, typed):
    words = ["prompt=a", "guide=[clip,palette]"]
    said = command(*words, f"guide.palette.colours={typed}").refused()
    quoted = said.rstrip().removesuffix('"').rpartition('"')[2]
    assert quoted == "guide.palette.colours=['#0d3b82','#f2f7fc']"
    taken = command(*words, quoted)
    assert taken.batch.first.plan.guides["palette"].colours == ["#0d3b82", "#f2f7fc"]


def test_a_value_that_is_no_list_where_one_is_needed(command):
    assert 'model.size=[64]"' in command("prompt=a", "model.size=64").refused()
    assert "model.unet.NAME" in command("prompt=a", "model.unet=3").refused()


# ---- weights -------------------------------------------------------------------------------


def torchscript(path: Path) -> None:
    """Write a TorchScript archive, as OpenAI publishes its CLIPs."""

    class Nothing(torch.nn.Module):
        def forward(self, x):
            return x

    torch.jit.save(torch.jit.script(Nothing()), str(path))


def with_arguments(path: Path) -> None:
    """Write a checkpoint as training scripts do, with their arguments beside the tensors."""
    tensors = {"time_embed.0.weight": torch.zeros(4, 1)}
    torch.save({"state_dict": tensors, "args": argparse.Namespace(lr=1)}, path)


@pytest.mark.parametrize(
    ("write", "parts"),
    [
        (torchscript, ["TorchScript", "state_dict()"]),
        (with_arguments, ["argparse.Namespace", "torch.save(model.state_dict()"]),
        (lambda path: path.write_text("<html>"), ["does not begin as a file of weights"]),
        (lambda path: path.write_bytes(b"PK\3\4" + b"x" * 99), ["breaks off after"]),
    ],
)
@pytest.mark.parametrize(
    "word", ["clip=['ViT-B-32::ViT-B-32.pt']", "model=ViT-B-32.pt", "model.file={}/ViT-B-32.pt"]
)
def test_weights_of_another_kind_are_refused_before_a_folder_is_made(
    command, tmp_path, write, parts, word
):
    write(tmp_path / "ViT-B-32.pt")
    said = command("prompt=a", word.format(tmp_path)).refused()
    assert all(part in said for part in ["ViT-B-32.pt", *parts]), said
    assert ("clip=[ViT-B-32::openai]" in said) is word.startswith("clip")


def test_weights_of_a_diffusion_model_are_no_clip(command, tmp_path):
    shutil.copy(
        PACKAGE / "models" / "embedded" / "diffusion.safetensors", tmp_path / "x.safetensors"
    )
    said = command("prompt=a", "clip=['ViT-B-32::x.safetensors']").refused()
    assert "holds no CLIP" in said and "x.safetensors" in said


@pytest.mark.parametrize("word", ["model.file=/none/x.pt", "clip=['ViT-B-32::/none/x.pt']"])
def test_a_file_of_ones_own_that_is_missing_is_not_to_be_fetched(command, word):
    said = command("prompt=a", word).refused()
    assert "/none/x.pt" in said and "models=download" not in said


@pytest.mark.parametrize("suffix", [".SAFETENSORS", ".SafeTensors"])
def test_a_suffix_may_have_capitals(command, tmp_path, suffix):
    name = f"MODEL{suffix}"
    shutil.copy(PACKAGE / "models" / "embedded" / "diffusion.safetensors", tmp_path / name)
    assert command("prompt=a", f"model={name}").batch.first.plan.model.name == "MODEL"


def test_a_tower_of_timms_may_not_be_larger_than_its_weights(command, tmp_path):
    """Its name alone, in a file of a few bytes, stands for four billion numbers."""
    text = {"context_length": 12, "vocab_size": 514, "width": 32, "heads": 2, "layers": 1}
    vision = {"timm_model_name": "eva02_enormous_patch14_clip_224", "image_size": 224}
    model = {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text}
    (tmp_path / "eye").mkdir()
    (tmp_path / "eye" / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    save_file({"a": torch.zeros(99_999)}, tmp_path / "eye" / "open_clip_model.safetensors")
    said = command("prompt=a", "clip=[./eye]").refused()
    assert "4.35e+09 numbers" in said and "clip=./eye" in said
    vision["timm_model_name"] = "no_such"
    (tmp_path / "eye" / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    assert "no_such" in command("prompt=a", "clip=[./eye]").refused()


LINKS = [("model", "pt"), ("clip", "pt"), ("init", "png"), ("from", "png"), ("prompts", "csv")]
LINKS += [("import", "txt"), ("rank", "pt"), ("image_prompt", "jpg"), ("wildcards", "txt")]


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("clip=[hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K]", "ViT-B-32::laion2b_s34b_b79k"),
        ("clip=['https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K']", "the same"),
        ("clip=['hf://laion/CLIP-ViT-B-32-laion2B-s34B-b79K']", "the same"),
        ("clip=[openai/clip-vit-base-patch32]", "ARCHITECTURE::TAG"),
        ("model=foo/bar", "models=list"),
        ("rank=laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "rank=ViT-B-32::laion2b_s34b_b79k"),
        ("clip=['ViT-B-32::hf-hub:foo/bar']", "ARCHITECTURE::TAG"),
        ("secondary=foo/bar", "not one of imagenet2"),
        *((f"{name}=https://x.org/a/b/c.{kind}", "is a link: fetch it") for name, kind in LINKS),
    ],
)
def test_a_name_of_the_hub_names_what_is_taken(command, word, part):
    words = [word] if word.startswith(("from", "import")) else ["prompt=a", word]
    said = command(*words).refused()
    assert part in said and word.partition("=")[2].strip("[]'").rpartition("::")[2] in said


# ---- names and choices ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "part"),
    [
        (f"rank={'a' * 300}", "rank=aaa"),
        ("rank=../x", "rank=../x: there is no"),
        ("precision=[float32]", "without brackets"),
        ("init=[a.png]", "without brackets"),
        ("drawn=x", "drawn must be a list"),
        ("~clip", "clip=[] leaves"),
        ("~clip=embedded", "clip=[] leaves"),
        ("~model", "model=NAME"),
        ("~guide.nosuch", "guide.nosuch is not chosen"),
        ("+guide.clip.scale=3", "guide.clip.scale=VALUE"),
        ("~nosuch", "nosuch is not chosen"),
        ("output.steps.every=9999999999", "the nearest is 100000"),
    ],
)
def test_a_name_or_choice_that_cannot_be_is_refused(command, word, part):
    assert part in command("prompt=a", "output=[still,steps]", word).refused()


def test_choices_in_a_row_may_be_a_text_in_brackets(command):
    looks = "[draft,sepia]"
    Path("p.yaml").write_text(
        f"- {{prompt: a, look: '{looks}'}}\n- {{prompt: a, look: {looks}}}\n"
    )
    drawn = command("prompts=p.yaml")
    assert not drawn.batch.wrong and drawn.batch.first.plan.steps == 25
    assert set(drawn.batch.first.settings["look"]) == {"sepia"}


# ---- records -------------------------------------------------------------------------------


def test_a_short_record_is_drawn_with_what_is_usual(command, tmp_path, caplog):
    """As written by hand, or by another program that keeps some settings only."""
    (tmp_path / "mine.yaml").write_text("prompt: a red heart\nseed: 3.0\nsteps: 40.0\n")
    drawn, usual = command("from=mine.yaml"), command("prompt=a red heart", "seed=3", "steps=40")
    assert "does not say generator, model" in caplog.text and drawn.seeds() == [3]
    words = ("words", "version")
    assert {k: v for k, v in drawn.batch.first.settings.items() if k not in words} == {
        k: v for k, v in usual.batch.first.settings.items() if k not in words
    }
    assert command("from=mine.yaml", "steps=20").batch.first.plan.steps == 20


def test_a_picture_with_a_short_record_is_drawn(command, tmp_path):
    about = PngInfo()
    about.add_text(
        "guided", "prompt: a red heart\nseed: 3\nguide: {range: {_target_: guide/range}}\n"
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png", pnginfo=about)
    assert list(command("from=x.png").batch.first.plan.guides) == ["range"]


# ---- files that cannot be opened -----------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open all")
@pytest.mark.parametrize(
    "word",
    [
        *("prompts=no/p.txt", "init=no/i.png", "model=no/m.pt", "model=no/card.yaml"),
        *("clip=[./no/c]", "clip=['ViT-B-32::no/m.pt']", "rank=./no/c", "image_prompt=no/i.png"),
        *("from=no/run.yaml", "resume=no/run", "gallery=no/run", "import=no/s.txt"),
    ],
)
def test_a_folder_that_may_not_be_read_is_named(command, tmp_path, word):
    (tmp_path / "no").mkdir(mode=0)
    words = [] if word.startswith(("from", "resume", "gallery", "import")) else ["prompt=a"]
    said = command(*words, word).refused()
    assert "Permission denied" in said and "no/" in said and word.partition("=")[0] in said


def test_a_row_whose_file_may_not_be_opened_leaves_the_others(command, monkeypatch):
    def refused(place: str, fit: str, ring: object) -> None:
        if place:
            raise PermissionError(13, "Permission denied", place)

    monkeypatch.setattr(plan, "read_init", refused)
    Path("p.csv").write_text("prompt,init\na,secret.png\nb,\n")
    drawn = command("prompts=p.csv")
    assert drawn.batch.wrong == {0: "p.csv:2: secret.png: Permission denied"}
    assert drawn.batch.first.plan.prompts[0].text == "b"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize(
    "word", ["init=p", "image_prompt=p", "from=p", "prompts=p.csv", "model=p.pt"]
)
def test_a_pipe_is_named_as_one(command, word):
    os.mkfifo(word.partition("=")[2])
    words = [word] if word.startswith("from") else ["prompt=a", word]
    assert "a named pipe" in command(*words).refused()
