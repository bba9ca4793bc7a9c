"""The words of studio=."""

import pytest

from guided.config.overrides import parse_all
from guided.errors import BadInput
from guided.studio import settings


def read(*words):
    return settings.read(parse_all(words))


def test_open_serve_and_a_port():
    assert read("studio=open")[0].opens and not read("studio=serve")[0].opens
    assert read("studio=8190")[0].port == 8190 and not read("studio=8190")[0].opens
    assert read("studio=serve")[0].is_local


def test_settings_of_the_machine_hold_for_all_predictions():
    _, base = read("studio=serve", "folder=mine", "device=[cuda:0,cuda:1]", "memory=8")
    assert [word.raw for word in base] == ["folder=mine", "device=[cuda:0,cuda:1]", "memory=8"]


@pytest.mark.parametrize(
    "words",
    [
        ["studio=yes"],
        ["studio=0"],
        ["studio=65536"],
        ["studio=-1"],
        ["studio=8188.5"],
        ["studio=٣"],
        ["studio=serve", "prompt=a heart"],
        ["studio=serve", "steps=5"],
        ["studio=serve", "studio.port=5"],
        ["studio=serve", "studio.host=a b"],
        ["studio=serve", "studio.names=[a/b]"],
    ],
)
def test_whatever_is_wrong_is_told_in_one_line(words):
    with pytest.raises(BadInput) as error:
        read(*words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("studio.example", False)],
)  # fmt: skip
def test_what_only_this_machine_can_reach(host, local):
    assert read("studio=serve", f"studio.host={host}")[0].is_local is local


def test_lists():
    chosen, _ = read("studio=serve", "studio.webhooks=[https://a.example/x,https://b.example/]")
    assert chosen.webhooks == ("https://a.example/x", "https://b.example/")


def test_tokens_are_long_random_or_given(monkeypatch):
    monkeypatch.delenv(settings.TOKEN, raising=False)
    assert settings.token() != settings.token() and len(settings.token()) >= 32
    monkeypatch.setenv(settings.TOKEN, "a" * 16)
    assert settings.token() == "a" * 16
    for wrong in ("short", "ä" * 20, "a\n" * 20):
        monkeypatch.setenv(settings.TOKEN, wrong)
        with pytest.raises(BadInput, match=settings.TOKEN):
            settings.token()


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    with pytest.raises(BadInput, match=r"needs no_such_package, .*: pip install no_such_package"):
        settings.check_installed(("json", "no_such_package"), "studio=")
    settings.check_installed(("json",), "studio=")
