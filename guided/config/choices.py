"""The text of --help: examples, every group with its choices, every setting at the top.

It is read from conf/'s first lines and from Config, not composed by Hydra, whose own help takes
seconds over this many files.
"""

import itertools
import re
import textwrap
from collections.abc import Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path

from guided.config import flags, schema
from guided.errors import shown
from guided.paths import conf_folder, program
from guided.untrusted.typed_paths import expand, impossible

EXAMPLES = """\
Draw pictures from text.

  python run.py prompt="a red heart"
  python run.py "a cat, sitting: 一只猫"
  python run.py prompt="a sun" negative="a smiling face" seed=7 count=4 steps=60
  python run.py prompt='["a castle:2", "fog", "people:-0.5"]' model=imagenet512 clip=[vit_b32,rn50]
  python run.py from=picture.png seed=9  the same picture again, varied
  python run.py "a cat" show=true         what was understood of any command, and what it will take
  python run.py prompt="a lighthouse" artist=[hokusai:2,turner] look=[draft,ink_wash]
  python run.py artist=list              so for every group, models=list, words=list
  python run.py gallery=outputs          the gallery's pages anew; each run makes its own
  python run.py studio=open              draw in a browser: queue, previews, every picture
  python run.py import=settings.txt      what Disco Diffusion or DiscoArt saved, as a command here
"""
MORE = """\
Settings inside a choice: name.of.setting=value, as in guide.clip.scale=2000 sampler.eta=0;
  all of them with their values: python run.py --cfg job
Your own model: model=path/to/file.pt; any CLIP that open_clip has: clip=[ViT-B-32::laion400m_e32]
Your own presets: python run.py --config-dir mine look=dusk artist=me (mine/look/dusk.yaml, ...)
Batches: python run.py -m prompt="a sun" seed=1,2,3; prompts=prompts.txt (.csv, .yaml); batch=seeds
Continue a stopped run, and retry failed pictures: python run.py resume=latest
Completion: eval "$(python run.py -sc install=bash)" (also zsh, fish)
Traceback when something fails: debug=true. Flags: {flags}"""


def text(arguments: Sequence[str]) -> str:
    """Return the text of --help."""
    page = (
        f"{EXAMPLES}\n{settings()}\n\n{choices(arguments)}\n\n{MORE.format(flags=flags.SUMMARY)}"
    )
    return page.replace("python run.py", program())


def settings() -> str:
    """Return the part of --help that lists the settings at the top."""
    lines, traits = ["Settings (default):"], schema.settings()
    for setting in fields(schema.Config):
        if not folders(setting.name):
            default = None if setting.name in schema.NODES else setting.default
            lines.append(f"  {setting.name:<10} {traits[setting.name].help} ({default})")
    return "\n".join(lines)


def choices(arguments: Sequence[str]) -> str:
    """Return the part of --help that lists the groups: in Config's order, then those that only
    presets have."""
    meanings = {f.name: schema.settings()[f.name].help for f in fields(schema.Config)}
    root = conf_folder()
    found = {path.name for path in root.iterdir() if path.is_dir() and path.name != "local"}
    groups = [name for name in meanings if name in found] + sorted(found - meanings.keys())
    lines = ["Choices; several go together as [a,b]:"]
    for name in groups:
        meaning = meanings.get(name, "presets of several settings")
        lines.append(f"  {name}: {meaning}")
        lines += [f"    {line}" for line in options(name, arguments)]
    return "\n".join(lines)


def options(group: str, arguments: Sequence[str]) -> list[str]:
    """Return the choices of a group as lines."""
    return textwrap.wrap(", ".join(names(group, arguments)), 92, break_on_hyphens=False)


def names(group: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return the names of the choices of a group."""
    found = folders(group, arguments)
    return sorted({path.stem for folder in found for path in folder.glob("*.yaml")})


def in_other_folders(group: str, name: str, arguments: Sequence[str] = ()) -> str:
    """Return a hint at a preset of the user's that is not read: because no --config-dir names its
    folder, in or below the current one, or because its name ends in .yml; empty if there is
    none."""
    plain = re.fullmatch(r"[\w-]+|\*", name) and re.fullmatch(r"[\w-]+", group)
    if not plain or impossible(f"{name}.yaml") is not None:
        return ""
    for folder in folders(group, arguments):
        if (path := folder / f"{name}.yml").is_file():
            return f"; {path} is not read: the names of presets end in .yaml"
    own = {root.resolve() for root in (conf_folder(), conf_folder().parent)}
    for pattern in (f"{group}/{name}.yaml", f"*/{group}/{name}.yaml"):
        for path in islice(Path().glob(pattern), 10):
            root = path.parent.parent
            if root.resolve() not in own:
                return f"; {path} is chosen with --config-dir {shown(root)}"
    return ""


def folders(group: str, arguments: Sequence[str] = ()) -> list[Path]:
    """Return the folders of a group: in conf/, and in the user's own folders of presets."""
    if impossible(group) is not None:
        return []
    roots = [conf_folder(), *own_folders(arguments)]
    return [root / group for root in roots if (root / group).is_dir()]


def own_folders(arguments: Sequence[str]) -> list[Path]:
    """Return the user's own folders of presets, which --config-dir names."""
    pairs = itertools.pairwise(separated(arguments))
    return [expand(flag, value) for flag, value in pairs if flag in flags.FOLDERS]


def separated(arguments: Sequence[str]) -> list[str]:
    """Return arguments with each --flag=value as two words."""
    return [
        part for word in arguments for part in (word.split("=", 1) if word[:1] == "-" else [word])
    ]
