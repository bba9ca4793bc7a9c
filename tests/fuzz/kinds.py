"""The kinds of files that the program reads."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from tests.fuzz import files, films, networks, studio
from tests.fuzz.trial import Case


@cache
def kinds() -> dict[str, st.SearchStrategy[Case]]:
    """Return the cases of every kind of file by its name."""
    return {
        **{f"prompts.{kind}": files.rows(kind) for kind in ("txt", "csv", "yaml", "json")},
        "wildcards": files.wildcards(),
        "card": files.cards(),
        "clip card": files.clip_cards(),
        "preset": files.presets(),
        "palette": files.palettes(),
        **{f"record.{kind}": files.pictures(kind) for kind in ("png", "webp", "jpeg")},
        **{one: files.run_files(one) for one in ("run.yaml", "manifest.json", "metrics.jsonl")},
        "import.json": files.imported_json(),
        "import.yaml": files.imported_yaml(),
        "import of others": files.imported_others(),
        "import of pictures": files.imported_pictures(),
        "clip folder": files.clip_folders(),
        "safetensors": files.safetensors(),
        "checkpoint": files.checkpoints(),
        "init": files.inits(),
        "mask": files.masks(),
        "svg": files.drawings(),
        "film preset": films.presets(),
        "key frames": films.key_frames(),
        "video": films.videos(),
        "depth maps": films.depth_maps(),
        "frame": films.frames(),
        "network": networks.networks(),
        "UNet2DModel": networks.folders(),
        "state": networks.states(),
        "studio": studio.folders(),
    }
