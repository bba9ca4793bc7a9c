"""Configurations composed from words."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import QuotedString
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guided.compat.omegaconf import quick_yaml
from guided.config import catalog, choices, other_names, preset_source, presets, schema
from guided.config.flags import FOLDERS
from guided.config.overrides import (
    Override,
    outside_quotes,
    parse_all,
    plain_value,
    raws,
    values_in,
    values_of,
)
from guided.config.unknown import no_settings_inside, unchosen, unknown_setting
from guided.config.values import spelt
from guided.errors import BadInput, first_line, nearest, not_one_of, shown
from guided.generators.sizes import Sizes
from guided.paths import conf_folder
from guided.untrusted import interpolation
from guided.untrusted.typed_paths import impossible, similar

log = logging.getLogger(__name__)
NO_SETTING = re.compile(r"Could not override '(?!hydra\b)([^']+)'")
ELSEWHERE = re.compile(r"^/|(^|/)\.\.?(/|$)|\\|\.ya?ml$")  # a path out of the group's folder
THOUSANDS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")  # 1.000, which is 1 or 1000


def compose(words: Sequence[Override | str], flags: Sequence[str] = ()) -> DictConfig:
    """Return the configuration that `python run.py *flags *words` would draw."""
    return composed(parse_all(words), flags)


def composed(overrides: Sequence[Override], flags: Sequence[str]) -> DictConfig:
    """Return the configuration as `compose`."""
    schema.register()
    preset_source.register()
    words = checked(overrides, flags)
    root = str(conf_folder())
    with quick_yaml(), outside_of_hydra(), initialize_config_dir(root, version_base="1.3"):
        try:
            return hydra_compose("config", overrides=[*words, *searched(flags)])
        except BadInput:
            raise
        except ConfigCompositionException as error:
            if (match := NO_SETTING.search(str(error))) is None:
                raise
            choosing = [one for one in overrides if choices.folders(one.name, flags)]
            nested = "." in match[1] and len(choosing) < len(overrides)
            cfg = composed(choosing, flags) if nested else None
            raise BadInput(unknown_setting(match[1], cfg, flags)) from error
        except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            # Hydra's and OmegaConf's own, about a value that they did not expect.
            typed = shown(" ".join(raws(overrides)))
            place = re.match(r"invalid literal for int\(\) .*: '(.*)'", first_line(error))
            names = [one.name for one in overrides if place and f".{place[1]}" in one.name]
            if place and names:
                whole = names[0].partition(f".{place[1]}")[0]
                raise BadInput(f"{names[0]}: {whole} is a list, as in {whole}=[a,b]") from error
            raise BadInput(f"{typed} cannot be composed: {first_line(error)}") from error


def checked(overrides: Sequence[Override], flags: Sequence[str]) -> list[str]:
    """Return the words for Hydra. Raises BadInput for values that no setting can have."""
    check_names(overrides, flags)
    check_presets(overrides, flags)
    for override in overrides:
        check_choice(override, flags)
        check_deletion(override)
        check_values(override)
    return [override.quoted for override in catalog.spelt_out(overrides, flags)]


def check_names(
    overrides: Sequence[Override], flags: Sequence[str], beside: Sequence[Override] = ()
) -> None:
    """Raise BadInput if one is a setting of another program, or no name at all. `beside`: words
    that hold as well."""
    known, values = schema.known_names(), {one.name: one.text for one in overrides}
    unknown = [name for name in values if name not in known and not choices.folders(name, flags)]
    if unknown:
        other_names.check_settings(unknown, values, lambda: sizes_of([*beside, *overrides], flags))
    for one in overrides:
        whole, dot, _ = one.name.partition(".")
        if dot and whole in schema.with_a_value():
            raise BadInput(no_settings_inside(one.name, whole))
        if one.hydra is None:  # its value is quoted where Hydra cannot read it
            near = nearest(re.sub(r"\W+", ".", one.name).strip("."), schema.settings(), 0.7)
            raise BadInput(
                f"'{shown(one.key)}' is not the name of a setting, as seed or "
                f"guide.clip.scale{near}"
            )


def sizes_of(words: Sequence[Override], flags: Sequence[str]) -> Sizes | None:
    """Return the sizes of the generator chosen by those of the words that are settings; None
    if they cannot be composed."""
    known = schema.known_names()
    with suppress(BadInput, HydraException, OmegaConfBaseException):
        cfg = compose([one for one in words if one.root in known], flags)
        return schema.build(cfg.generator, "generator").sizes(schema.build(cfg.model, "model"))
    return None


def check_presets(words: Sequence[Override], flags: Sequence[str]) -> None:
    """Raise BadInput for a setting of an artist or look that the words do not choose: in many
    rows, composing each would take long."""
    inside = [word for word in words if word.root in presets.GROUPS and "." in word.name]
    values = values_of(words) if inside else {}
    for word in inside:
        group = word.root
        if group in values and (found := presets.weighted(group, values[group], flags)):
            cfg = OmegaConf.create({group: {name: {} for name in found[0]}})
            if (line := unchosen(word.name, cfg, flags)) is not None:
                raise BadInput(line)


def check_choice(override: Override, flags: Sequence[str]) -> None:
    """Raise BadInput unless a group is given the name of a choice, or a list of names."""
    group = override.name
    if override.text is None or not choices.folders(group, flags):
        return
    if override.hydra is None or override.swept:
        return
    typed, value = shown(override.text), override.hydra.value()
    several = isinstance(value, list)
    if not typed.strip():
        none = f", or {group}=[] for none" if group in schema.groups(several=True) else ""
        raise BadInput(f"{group}= is empty: give the name of a choice{none}; --help lists them")
    if value is None and group in presets.GROUPS:
        return  # none of them
    single = group in schema.groups(several=False)
    if override.raw.startswith("+" if single else "++"):
        raise BadInput(f"{shown(override.raw)} is written without +: {group}={typed}")
    for name in value if isinstance(value, list) else [value]:
        if not isinstance(name, str | QuotedString):
            raise BadInput(
                f"{group}={typed}: {shown(name)} is not the name of a choice; {group}=list shows "
                f"the names{nearest(shown(name), choices.names(group, flags))}"
            )
        if (wrong := impossible(str(plain_value(name)))) is not None:  # Hydra looks for a file
            raise BadInput(f"{group}={typed}: a name {wrong}")
        if group not in schema.having("own_names") and ELSEWHERE.search(str(plain_value(name))):
            raise BadInput(not_one_of(group, plain_value(name), choices.names(group, flags)))
    if several and group in schema.groups(several=False):
        raise BadInput(f"{group}={typed}: it has one choice, which stands without brackets")


def check_deletion(override: Override) -> None:
    """Raise BadInput if `~` stands before anything but a group or one of its choices."""
    if not override.raw.startswith("~") or override.is_hydras:
        return
    traits = schema.settings().get(override.root)
    levels = 1 if traits is None or not traits.several else 2
    if (traits and not traits.group) or override.name.count(".") >= levels:
        raise BadInput(
            f"{shown(override.raw)}: ~ leaves out a group or one of its choices; a setting is "
            f"set, as in {shown(override.name)}=VALUE"
        )
    if override.text is not None and override.name != override.root:
        raise BadInput(f"{shown(override.raw)}: ~{override.name} leaves it out, without a value")
    if (
        traits
        and override.name == override.root
        and override.name not in ("batch", *schema.OPTIONAL)
    ):
        none = f"{override.name}=[] leaves all of it out"
        one = f"there is always one; {override.name}=NAME chooses another"
        raise BadInput(f"{shown(override.raw)}: {none if traits.several else one}")


def check_values(override: Override) -> None:
    """Raise BadInput for numbers that no setting can have, and for look-ups of anything but other
    settings. Of prose, any text is right."""
    if override.hydra is None or override.swept or not override.is_grammar:
        return
    name, value = override.hydra.key_or_group, override.value
    if name in schema.typed_as(int) and THOUSANDS.fullmatch(text := override.text or ""):
        whole = text.replace(".", "")
        raise BadInput(
            f"{name}={text} must be a whole number without points, as in {name}={whole}"
        )
    if isinstance(value, dict | list) and repeats_key(override.text or "", value):
        raise BadInput(f"{name}={shown(override.text)} has a key twice; each key has one value")
    if name in schema.typed_as(bool) and type(value) is int and value not in (0, 1):
        raise BadInput(f"{name}={value} must be true or false")
    for inside in values_in(value):
        if inside == "???" and not override.is_prose:
            raise BadInput(f"{name}={shown(value)}: ??? stands for a value that is missing")
        if isinstance(inside, int) and not -(2**63) <= inside < 2**63:
            limits = f"a seed is from 0 to {2**63 - 2}, or random"
            limits = limits if name == "seed" else f"they are from {-(2**63)} to {2**63 - 1}"
            raise BadInput(
                f"{name}={shown(value)}: {shown(inside)} is larger than any setting; {limits}"
            )
    if repr(interpolation.inert(value, references=True)) != repr(value):  # nan is not nan
        raise BadInput(
            f"{name}={shown(value)} may refer to other settings only, as ${{size}} does"
        )


def repeats_key(text: str, value: dict[str, Any] | list[Any]) -> bool:
    """Return whether the text of lists and mappings has more items than the value that was read
    from it, in which later values replaced earlier ones."""
    return outside_quotes(text).count(",") > commas(value)


def commas(value: Any) -> int:
    """Return the number of commas that separate the items of lists and mappings."""
    if not isinstance(value, dict | list):
        return 0
    items = value.values() if isinstance(value, dict) else value
    return max(len(items) - 1, 0) + sum(map(commas, items))


def searched(flags: Sequence[str]) -> list[str]:
    """Return the word that tells Hydra of the user's own folders of presets."""
    for folder in sources(flags):
        warn_of_unused(Path(folder))
    folders = [preset_source.searchpath(folder) for folder in sources(flags)]
    return [f"hydra.searchpath={spelt(folders)}"] if folders else []


def warn_of_unused(folder: Path) -> None:
    """Warn of presets of the user's own that are not used, because conf/ has their names."""
    root = conf_folder()
    paths = sorted(path.relative_to(folder) for path in folder.glob("*/*.yaml"))
    if unused := [str(path) for path in paths if (root / path).is_file() and folder != root]:
        more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
        log.warning(
            "--config-dir %s: %s%s not used, because conf/ has choices of these names; give "
            "yours other names",
            *(folder, ", ".join(unused[:3]) + more, " is" if len(unused) == 1 else " are"),
        )


@contextmanager
def outside_of_hydra() -> Iterator[None]:
    """Enable composing in a job that Hydra itself runs."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = running


def sources(flags: Sequence[str]) -> list[str]:
    """Return the user's own folders of presets; BadInput if one is no folder."""
    folders = choices.own_folders(flags)
    for folder in folders:
        if not folder.is_dir():
            hint = similar(folder.absolute())
            raise BadInput(f"--config-dir {shown(folder)} is no folder{hint}")
    return [str(folder.absolute()) for folder in folders]


def own_folders(flags: Sequence[str]) -> list[Path]:
    """Return the folders of the user's own configuration in which models may be named."""
    folders: list[Path | str] = [conf_folder(), *sources(flags)]
    groups = ("", "local", *schema.having("paths"))  # the root too
    return [Path(place) / group for place in folders for group in groups]


def lasting(flags: Sequence[str]) -> list[str]:
    """Return the flags that name folders of presets, from wherever they are read again; all
    others are of one command only."""
    return [part for folder in sources(flags) for part in (FOLDERS[0], folder)]


def fingerprint_of(cfg: DictConfig) -> str:
    """Return a hash of all settings that a picture depends on but the device, which may be another
    when it is resumed."""
    left_out = ("device", *schema.unrecorded())
    container = OmegaConf.to_container(cfg)
    assert isinstance(container, dict)
    settings = {k: v for k, v in container.items() if k not in left_out}
    return hashlib.sha256(repr(settings).encode(errors="replace")).hexdigest()[:16]
