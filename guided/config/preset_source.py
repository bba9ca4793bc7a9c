"""The sources from which Hydra reads conf/ and the user's own presets: `--config-dir mine` is
presets://mine.

Both complete the nodes that they read with the defaults of their classes. conf/ is part of the
program. The user's files may come from anyone: each is read by untrusted.yaml_reader, and none may
set anything of Hydra's own, whose settings name code that it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, ListConfig, OmegaConf

from guided.config import choices, schema
from guided.config.defaults import completed
from guided.errors import BadInput, as_integer, shown
from guided.paths import conf_folder
from guided.untrusted import yaml_reader

CONF, SCHEME = "conf", "presets"


class ConfSource(FileConfigSource):
    """The program's own folder conf/."""

    @staticmethod
    def scheme() -> str:
        return CONF

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a file with its nodes completed, read in a tenth of the time that OmegaConf
        takes. Raises BadInput for a path out of the folder, to a file that nobody checks."""
        if ".." in Path(config_path).parts:
            raise BadInput(f"{config_path} lies outside of the program's choices")
        path = Path(self.path) / self._normalize_file_name(config_path)
        text = path.read_text(encoding="utf-8")
        settings = completed(yaml.load(text, yaml_reader.LOADER) or {}, "")
        header = ConfigSource._get_header_dict(text[:512])
        place = f"{CONF}://{self.path}"
        return ConfigResult(self.provider, place, OmegaConf.create(settings), header)


class ConfFolder(SearchPathPlugin):
    """Has Hydra read conf/ by ConfSource, and no other program's folder."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        root = str(conf_folder())
        for element in search_path.get_path():
            if element.path == root:
                element.path = f"{CONF}://{root}"


class PresetSource(FileConfigSource):
    """A folder of presets, each checked when it is loaded."""

    @staticmethod
    def scheme() -> str:
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """Return a preset. Raises BadInput with file and line if it cannot be read, or sets
        anything of Hydra's own."""
        root = Path(self.path).resolve()
        path = (root / self._normalize_file_name(config_path)).resolve()
        if not path.is_relative_to(root):
            raise BadInput(f"{path} lies outside of --config-dir {root}")
        found = yaml_reader.read_config(path)
        header = ConfigSource._get_header_dict(yaml_reader.text_of(path, str(path))[:512])
        check_is_preset(config_path, header, found, path)
        settings = OmegaConf.to_container(found)
        assert isinstance(settings, dict)
        whole = {key: settings[key] for key in schema.typed_as(int) if key in settings}
        settings |= {key: as_integer(value) for key, value in whole.items()}
        group = config_path.partition("/")[0]
        if header.get("package") is None:
            check_package(config_path, settings, path)
        if header.get("package") != "_global_":
            settings = completed(settings, group)
        elif group in settings:
            # Nodes of other groups may change some settings of what is chosen there.
            settings[group] = completed(settings[group], group)
        return ConfigResult(
            provider=self.provider,
            path=f"{SCHEME}://{self.path}",
            config=OmegaConf.create(settings),
            header=header,
        )


def check_is_preset(
    name: str, header: Mapping[str, str | None], found: DictConfig | ListConfig, path: Path
) -> None:
    """Raise BadInput if the file sets or chooses anything of Hydra's own."""
    settings = OmegaConf.to_container(found)
    if not isinstance(settings, dict):
        raise BadInput(f"{path} is a list; a preset has names of settings and their values")
    listed = settings.get("defaults", [])
    if not isinstance(listed, list):
        raise BadInput(
            f"{path}: defaults={shown(listed)} must be a list, as in defaults: [{{override "
            "/sampler: ddim}, _self_]"
        )
    chosen = [key for item in listed if isinstance(item, dict) for key in item]
    packages = [str(key).rpartition("@")[2] for key in chosen if "@" in str(key)]
    names = [name, header.get("package") or "", *settings, *chosen, *packages]
    names += [item for item in listed if isinstance(item, str)]
    for typed in map(str, names):
        plain = typed.removeprefix("override ").removeprefix("optional ").lstrip("/ ")
        if plain.replace("@", "/").replace(".", "/").split("/")[0] == "hydra":
            raise BadInput(f"{path} sets what is Hydra's own, which no preset can: {typed}")


def check_package(name: str, settings: Mapping[Any, Any], path: Path) -> None:
    """Raise BadInput if a file without a line `# @package` has settings outside of its group."""
    group, _, choice = name.partition("/")
    groups, several = schema.having("group"), group in schema.groups(several=True)
    inside = {*choices.names(group), choice, "defaults"} if several else {"defaults"}
    known = schema.known_names() if several or group not in groups else ()
    for key, value in settings.items():
        if key in inside or (isinstance(value, dict) and "_target_" in value):
            continue
        if key in known or (key in groups and isinstance(value, dict)):
            raise BadInput(
                f"{path} sets {shown(key)}, which is no part of {group}: its first line must be "
                "`# @package _global_`"
            )
        if group in ("artist", "look"):
            raise BadInput(
                f"{path} must have `{shown(choice)}:` at its top, `_target_: {group}` in it and "
                f"{shown(key)} beside that; or, to set other settings, the first line "
                "`# @package _global_`"
            )


def register() -> None:
    """Have Hydra read conf/ and folders of presets by these sources."""
    for plugin in (ConfSource, ConfFolder, PresetSource):
        Plugins.instance().register(plugin)


def searchpath(folder: str) -> str:
    """Return the folder as an element of Hydra's search path."""
    return f"{SCHEME}://{folder}"
