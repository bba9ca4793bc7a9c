"""Write the generated parts of the documentation: python -m docs.generate

A page's generated part stands between the lines `<!-- generated: NAME -->` and `<!-- end -->`;
everything else in a page is written by hand. tests/docs/test_generate.py compares the pages with
what is generated, so that no table differs from the program.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guided import errors
from guided.config import card_list, described, kinds, presets
from guided.config.composition import compose
from guided.config.described import allowed, help_of, source_comment
from guided.config.plan import Plan
from guided.config.schema import FIRST, NODES, Config, class_at
from guided.disco import table as disco_table
from guided.models.cards import ClipCard, GeneratorCard, WeightsCard
from guided.paths import EMBEDDED, conf_folder
from guided.prompts.lexicon import Lexicon, load

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
PROBED = (
    *(
        "seed",
        "count",
        "batch_size",
        "keep",
        "size",
        "steps",
        "checkpoint",
        "init_fit",
        "tile",
        "strength",
    ),
    *("skip", "device", "precision", "memory"),
)
GROUPS = ("generator", "cutouts", "sampler", "guide", "output")
CHOICES = {
    "cutouts": ("standard", "disco"),
    "sampler": ("ddim", "ddpm", "plms", "dpmpp_2m"),
    # Methods of guidance differ in values only.
    "generator": [kind.split("/")[1] for kind in kinds.KINDS if kind.startswith("generator/")],
}


def main() -> None:
    """Write every page whose generated parts have changed, and print its path."""
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = regenerated(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(path.relative_to(ROOT))


def pages() -> list[Path]:
    """Return every page that has a generated part."""
    found = sorted(DOCS.rglob("*.md"))
    return [path for path in found if PART.search(path.read_text(encoding="utf-8"))]


def regenerated(text: str) -> str:
    """Return the page's text with its generated parts made anew."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]().strip()}\n\n{part[3]}", text)


def rows(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; `|` and line breaks in cells are escaped."""
    cells = [
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    ]
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *cells])


# ---- models --------------------------------------------------------------------------------


def models() -> str:
    head = ("`model=`", "Character", "Size", "Download", "Parameters", "bfloat16", "Licence")
    return rows(
        (*head, "SHA-256"), (_model(name, card) for name, card in card_list.weights("model"))
    )


def _model(name: str, card: Any) -> tuple[str, ...]:
    count = parameters(card)
    return (
        f"`{name}`",
        card.character,
        "x".join(map(str, card.size)),
        download(card),
        f"{count / 1e6:.0f} M",
        f"{count * 2 / 1e9:.2f} GB",
        card.licence,
        checksum(card),
    )


def download(card: WeightsCard) -> str:
    return f"{card.megabytes} MB" if card.urls else f"{card.megabytes} MB, included"


def checksum(card: WeightsCard) -> str:
    if not card.urls:
        return ""
    return f"`{card.sha256[:12]}…`" if card.sha256 else "none known: `trust=true`"


def parameters(card: GeneratorCard) -> int:
    """Return the number of parameters of a model."""
    import torch

    draws = class_at(kinds.path_of(f"generator/{card.generator}"))()
    with torch.device("meta"):
        return sum(tensor.numel() for tensor in draws.network(card).parameters())


def secondary() -> str:
    lines = [
        (f"`{name}`", card.character, f"{card.megabytes} MB", card.licence, checksum(card))
        for name, card in card_list.weights("secondary")
    ]
    return rows(("`secondary=`", "Character", "Download", "Licence", "SHA-256"), lines)


def clips() -> str:
    head = ("`clip=`", "Character", "Architecture, tag", "Reads", "Download", "Licence")
    return rows(head, (_clip(name, card) for name, cards in card_list.clips() for card in cards))


def _clip(name: str, card: ClipCard) -> tuple[str, ...]:
    weights = card.hub if card.base else card.tag
    kind = " ".join(filter(None, (card.arch, weights))) or "included"
    size = f"{card.megabytes} MB" if card.megabytes else ""
    return (
        f"`{name}`", card.character, kind, ", ".join(card.reads), size, card.licence
    )  # fmt: skip


# ---- presets -------------------------------------------------------------------------------


def artists() -> str:
    lines = [
        (
            f"`{preset.choice}`",
            preset.says["name"]["en"],
            preset.says["name"].get("zh", ""),
            preset.says.get("place", ""),
            preset.says.get("years", ""),
            preset.says["words"]["en"].strip(),
            lexicon().manner(f"by {preset.says['name']['en']}, {preset.says['words']['en']}"),
        )
        for preset in presets.presets("artist")
    ]
    head = ("`artist=`", "Name", "中文", "Place", "Years", "Words", "Embedded pair")
    return rows(head, lines)


def looks() -> str:
    parts = []
    for kind in ("medium", "style", "mood"):
        lines = [
            (
                f"`{preset.choice}`",
                preset.says["name"].get("zh", ""),
                preset.says["words"]["en"].strip(),
                ", ".join(f"`{name}`" for name in sets(preset.choice)),
                ", ".join(f"`{name}`" for name in preset.says.get("models") or []),
                lexicon().manner(preset.says["words"]["en"]),
            )
            for preset in presets.presets("look")
            if preset.says.get("kind") == kind
        ]
        head = ("`look=`", "中文", "Words", "Sets", "Models trained on it", "Embedded pair")
        parts.append(f"### {PLURAL[kind]}\n\n{rows(head, lines)}")
    return "\n\n".join(parts)


@cache
def lexicon() -> Lexicon:
    return load(EMBEDDED / "lexicon.tsv")


PLURAL = {"medium": "Media", "style": "Styles", "mood": "Moods"}


def sets(look: str) -> list[str]:
    """Return what a look sets beside the words of the prompt, as names of settings."""
    text = (conf_folder() / "look" / f"{look}.yaml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    return [
        f"{group}.{name}" for group, inside in found.items() if group in GROUPS for name in inside
    ]


# ---- settings ------------------------------------------------------------------------------


@cache
def top_settings() -> str:
    lines = []
    for field in dataclasses.fields(Config):
        if (conf_folder() / field.name).is_dir():
            continue
        if cls := NODES.get(field.name):
            lines += settings_inside(field.name, cls)
            continue
        default = "null" if field.default is None else str(field.default).lower()
        lines.append((f"`{field.name}`", f"`{default}`", top_range(field), help_of(field)))
    return rows(("Setting", "Default", "Allowed values", "Meaning"), lines)


def settings_inside(name: str, cls: type) -> list[tuple[str, ...]]:
    """Return the rows of a node's settings, of which the first one is the node's own name."""
    lines = []
    for field in dataclasses.fields(cls):
        whole = name if field.name == FIRST[name] else f"{name}.{field.name}"
        meaning = source_comment(cls, field.name)
        lines.append((f"`{whole}`", default_text(field.default), range_of(cls, field), meaning))
    return lines


def top_range(field: dataclasses.Field[Any]) -> str:
    """Return the allowed values of a setting at the top as the program's message tells them."""
    if field.type in (bool, "bool"):
        return "true or false"
    for value in (-5, "?") if field.name in PROBED else ():
        cfg = OmegaConf.create(base())
        try:
            cfg[field.name] = value
            Plan.read(cfg)
        except (ValueError, OmegaConfBaseException) as error:
            if found := allowed(str(error), field.name):
                return found
    return ""


@cache
def base() -> DictConfig:
    """Return a configuration in which one setting at a time is replaced."""
    return compose(["prompt=x", "count=10000"])


@cache
def group_settings() -> str:
    """Return a table for each choice of the groups that have settings inside."""
    return "\n\n".join(_choice(group, name) for group in GROUPS for name in names(group))


def names(group: str) -> Sequence[str]:
    every = sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
    return CHOICES.get(group, every)


def _choice(group: str, name: str) -> str:
    several = group in ("guide", "output")
    node = compose([f"{group}=[{name}]" if several else f"{group}={name}"])[group]
    node = node[name] if several else node
    values = OmegaConf.to_container(node, resolve=False)
    cls = class_at(kinds.path_of(values.pop("_target_")))
    prefix = f"{group}.{name}" if several else group
    lines = []
    for field in dataclasses.fields(cls):
        meaning = help_of(field) or source_comment(cls, field.name)
        value = default_text(values.get(field.name, field.default))
        lines.append((f"`{prefix}.{field.name}`", value, range_of(cls, field), meaning))
    head = ("Setting", "Default", "Allowed values", "Meaning")
    first = title(conf_folder() / group / f"{name}.yaml")
    table = rows(head, lines) if lines else "It has no settings."
    return f"### `{group}={name}`\n\n{first}.\n\n{table}"


def default_text(value: Any) -> str:
    if isinstance(value, str) and value.startswith("${model.recommended."):
        return f"the model's `{value[2:-1].removeprefix('model.')}`"
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def range_of(cls: type, field: dataclasses.Field[Any]) -> str:
    """Return the allowed values of a setting as its class tells them in error messages."""
    if field.type in (bool, "bool"):
        return "true or false"
    said, varies = described.range_of(cls, field.name)
    return f"{said}; a schedule" if varies and "schedule" not in said else said


def title(path: Path) -> str:
    """Return the first comment of a YAML file without its command."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(line for line in lines if "python run.py" in line)
    return first.removeprefix("# ").partition(": python run.py")[0]


def choices() -> str:
    """Return the table of groups with every choice of theirs, but for the many presets."""
    lines = []
    for field in dataclasses.fields(Config):
        folder = conf_folder() / field.name
        if folder.is_dir():
            every = sorted(path.stem for path in folder.glob("*.yaml"))
            if len(every) > 30:
                said = f"{len(every)} choices"
            else:
                said = ", ".join(f"`{name}`" for name in every)
            lines.append((f"`{field.name}`", said, help_of(field)))
    return rows(("Group", "Choices", "Meaning"), lines)


@cache
def training_settings() -> str:
    """Return a table of the settings of each training command."""
    parts = []
    for module, about in TRAININGS.items():
        cls = class_at(f"{module}.Settings")
        lines = [
            (f"`{field.name}`", training_default(field.default), note(cls, field))
            for field in dataclasses.fields(cls)
        ]
        command = re.sub(r"\.train$|\.evaluate$", "", module)
        head = ("Setting", "Default", "Meaning")
        parts.append(f"### `python -m {command}`\n\n{about}\n\n{rows(head, lines)}")
    return "\n\n".join(parts)


TRAININGS = {
    "guided.training.diffusion.train": "A U-Net on pictures.",
    "guided.training.clip.train": "A CLIP on pictures and captions.",
    "guided.training.clip.text_training": "The text encoder of a CLIP alone.",
    "guided.training.clip.prediction_pool": "Blurred predictions of a U-Net, to train a CLIP on.",
    "guided.training.diffusion.upscaler": "The x4 upscaler.",
    "guided.training.autoencoder": "The small autoencoder of `generator=codes`.",
    "guided.training.evaluation.evaluate": "Draw the prompts and judge the pictures.",
    "guided.training.evaluation.examine": "The judge on real renderings.",
    "guided.training.evaluation.oracle_gap": "The U-Net beside the best possible predictions.",
}


def training_default(value: Any) -> str:
    """Return a default as code, a path inside the repository relative to it; "" if it is empty."""
    text = str(value).removeprefix(f"{ROOT}/")
    return f"`{text}`" if text else ""


def note(cls: type, field: dataclasses.Field[Any]) -> str:
    """Return the meaning of a training's setting, its own or that of the class it extends."""
    if found := help_of(field):
        return found
    for owner in cls.__mro__:
        own = field.name in vars(owner).get("__annotations__", {})
        if own and (found := source_comment(owner, field.name)):
            return found
    return ""


# ---- Disco Diffusion -----------------------------------------------------------------------


def disco() -> str:
    """Return the table of Disco Diffusion's and DiscoArt's settings and those of this program."""
    parts = []
    every = disco_table.rows()
    for section in dict.fromkeys(row.section for row in every):
        inside = [row for row in every if row.section == section]
        parts.append(f"### {section}")
        if settings := [row for row in inside if row.ours]:
            head = ("Disco", "DiscoArt", "Here", "Their default", "Meaning", "Range")
            parts.append(rows(head, map(_disco_row, settings)))
        if left := [row for row in inside if row.why]:
            lines = [f"- {_disco_names(row.disco or row.discoart)}: {row.why}" for row in left]
            parts.append("Without an equivalent here:\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _disco_row(row: disco_table.Row) -> tuple[str, ...]:
    meaning = f"{row.meaning}. **Kept**: {row.kept}" if row.kept else row.meaning
    ours = f"`{row.ours}={_value(row.legal if row.legal is not None else row.border)}`"
    names = (_disco_names(row.disco), _disco_names(row.discoart))
    return (*names, ours, _disco_default(row), meaning, row.range)


def _disco_names(names: str) -> str:
    """Return names as code, and descriptions as they are."""
    return ", ".join(n if " " in n or n == "..." else f"`{n}`" for n in names.split(", ") if n)


def _disco_default(row: disco_table.Row) -> str:
    theirs = [row.default] if row.disco else []
    if row.discoart and (not row.disco or row.discoart_default != row.default):
        theirs.append(row.discoart_default)
    return " / ".join(_value(value) for value in theirs)


def _value(value: Any) -> str:
    if isinstance(value, dict) and value and "text" not in value:
        return ", ".join(map(_value, value.values()))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# ---- Python --------------------------------------------------------------------------------


def api() -> str:
    """Return signature and docstring of what the package offers to callers."""
    import guided
    from guided import interfaces

    parts = [_object(f"guided.{name}", getattr(guided, name)) for name in ("generate", "frames")]
    parts.append(_object("guided.interfaces.Frame", interfaces.Frame))
    for name in ("BadInput", "Failed", "NoRoom"):
        parts.append(_object(f"guided.errors.{name}", getattr(errors, name)))
    return "\n\n".join(parts)


def protocols() -> str:
    """Return source and docstring of the protocols that a new part has to fulfil."""
    from guided import interfaces

    tree = ast.parse(inspect.getsource(interfaces))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    wanted = [name for name in names if getattr(getattr(interfaces, name), "_is_protocol", False)]
    lines = [(f"`{name}`", first_line(getattr(interfaces, name))) for name in wanted]
    return rows(("Protocol", "Meaning"), lines)


def first_line(thing: Any) -> str:
    """Return the first sentence of a docstring; of a class without one, its methods."""
    text = thing.__dict__.get("__doc__")
    if text:
        return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())
    members = [name for name in vars(thing) if not name.startswith("_")]
    return ", ".join(f"`{name}`" for name in members)


def _object(name: str, thing: Any) -> str:
    if inspect.isclass(thing):
        head = f"class {name}"
        fields = [] if not dataclasses.is_dataclass(thing) else [
            (f"`{f.name}`", f"`{f.type}`", source_comment(thing, f.name))
            for f in dataclasses.fields(thing)
        ]  # fmt: skip
    else:
        head, fields = name + str(inspect.signature(thing)).replace("'", ""), []
    parts = [f"### `{name}`", f"```python\n{head}\n```", as_markdown(inspect.getdoc(thing) or "")]
    if fields:
        parts.append(rows(("Field", "Type", "Meaning"), fields))
    return "\n\n".join(parts)


def as_markdown(doc: str) -> str:
    """Return a docstring with its indented examples as fenced Python."""
    parts = []
    for part in doc.split("\n\n"):
        indented = all(line.startswith("    ") for line in part.splitlines())
        parts.append(f"```python\n{textwrap.dedent(part)}\n```" if indented else part)
    return "\n\n".join(parts)


# ---- architecture --------------------------------------------------------------------------


def layers() -> str:
    """Return the layers as tests/test_architecture.py holds them, with each room's first line."""
    source = (ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS":
            found = ast.literal_eval(node.value)
    lines = [
        (str(k + 1), "<br>".join(f"`{name}`: {about(name)}" for name in layer))
        for k, layer in enumerate(found)
    ]
    return rows(("Layer", "Modules"), lines)


def about(room: str) -> str:
    """Return the first sentence of a module's or package's docstring."""
    package = ROOT / "guided"
    paths = (package / f"{room}.py", package / room / "__init__.py", package / room / "guided.py")
    path = next(path for path in paths if path.exists())
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=[.!?])\s|\n\n|:\s*\n", doc)[0].replace("\n", " ").rstrip(":")


PARTS: dict[str, Callable[[], str]] = {
    "models": models,
    "secondary": secondary,
    "clips": clips,
    "artists": artists,
    "looks": looks,
    "choices": choices,
    "top_settings": top_settings,
    "group_settings": group_settings,
    "training_settings": training_settings,
    "disco": disco,
    "api": api,
    "protocols": protocols,
    "layers": layers,
}

if __name__ == "__main__":
    main()
