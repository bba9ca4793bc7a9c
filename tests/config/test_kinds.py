"""Names of settings' classes in YAML: today's kinds and the paths that older files have."""

import re
from pathlib import Path

import pytest
from hydra.utils import get_class
from hypothesis import given
from hypothesis import strategies as st

from guided.config import kinds
from guided.paths import conf_folder

TARGET = re.compile(r"_target_: *(\S+)")
V01 = Path(__file__).parents[1] / "fixtures" / "v0.1"
NAMES = st.sampled_from([*kinds.KINDS, *kinds.KIND_OF, "guided.own.Thing", "other.Thing", ""])


def targets(folder: Path) -> set[str]:
    """Return every `_target_` in the YAML files below a folder."""
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.yaml")]
    return {target for text in texts for target in TARGET.findall(text)}


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_is_the_class_at_its_path(kind: str) -> None:
    found = get_class(kinds.path_of(kind))
    assert f"{found.__module__}.{found.__qualname__}" == kinds.KINDS[kind]
    assert kinds.kind_of(kinds.KINDS[kind]) == kind


def test_conf_names_kinds_only_and_every_kind_is_named() -> None:
    assert targets(conf_folder()) == set(kinds.KINDS)


@pytest.mark.parametrize("target", (V01 / "targets.txt").read_text().split())
def test_every_class_path_of_version_0_1_has_a_kind(target: str) -> None:
    kind = kinds.kind_of(target)
    assert kind in kinds.KINDS
    name, today = (path.rpartition(".")[2] for path in (target, kinds.path_of(target)))
    assert today == ("DiscoCutouts" if name == "Dango" else name)


@given(NAMES)
def test_a_name_and_its_newer_ones_are_the_same_class(target: str) -> None:
    assert kinds.kind_of(kinds.kind_of(target)) == kinds.kind_of(target)
    assert kinds.path_of(kinds.kind_of(target)) == kinds.path_of(target)
    assert kinds.kind_of(kinds.path_of(target)) == kinds.kind_of(target)


DATA = st.recursive(
    NAMES | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["_target_", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(DATA)
def test_targets_alone_are_renamed_at_any_depth(data: object) -> None:
    def check(before: object, after: object) -> None:
        assert type(before) is type(after)
        if isinstance(before, dict):
            assert list(before) == list(after)
            for key, inside in before.items():
                if key == "_target_" and isinstance(inside, str):
                    assert after[key] == kinds.kind_of(inside)
                else:
                    check(inside, after[key])
        elif isinstance(before, list):
            assert len(before) == len(after)
            for pair in zip(before, after, strict=True):
                check(*pair)
        else:
            assert before == after

    check(data, kinds.renamed(data))
