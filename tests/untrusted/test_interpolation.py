"""Texts with `${` in them come out of OmegaConf as they went in, and look nothing up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from guided.untrusted.interpolation import escaped, inert

TEXTS = st.text(st.sampled_from("ab\\\\${}.:_ ")).filter(lambda text: text != "???")


def read(value: object) -> object:
    config = OmegaConf.create({"size": 64, "value": value})
    return OmegaConf.to_container(config, resolve=True)["value"]


@given(TEXTS)
def test_an_escaped_text_is_read_unchanged(text: str) -> None:
    assert read(escaped(text)) == text


@given(TEXTS)
def test_an_inert_text_resolves_without_any_look_up(text: str) -> None:
    OmegaConf.clear_resolvers()
    assert isinstance(read(inert(text)), str)


def test_every_text_of_lists_and_mappings_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    value = {"a": ["${oc.env:TOKEN}", 1, None], "b": {"c": "${size}"}}
    assert read(escaped(value)) == value
    assert read(inert(value)) == value


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("${size}", True),
        ("${guide.clip.scale}", True),
        ("${oc.env:TOKEN}", False),
        ("${size} ${oc.env:TOKEN}", False),
        ("${${oc.env:TOKEN}}", False),
    ],
)
def test_references_to_settings_may_remain(text: str, kept: bool) -> None:
    assert (inert(text, references=True) == text) == kept
