"""The Dockerfile agrees with pyproject.toml and with what the wheel is built from."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def sent() -> list[str]:
    """Return the paths that .dockerignore lets through."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line[1:] for line in lines if line.startswith("!")]


def test_pytorch_has_the_bounds_of_the_package():
    installed = set(re.findall(r'"(torch(?:vision)?[<>=][^"]+)"', DOCKERFILE))
    assert installed == {
        text for text in PROJECT["project"]["dependencies"] if text.startswith("torch")
    }


def test_the_build_gets_all_that_the_wheel_is_made_of():
    project, wheel = PROJECT["project"], PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {project["readme"], *project["license-files"], *wheel["packages"], "pyproject.toml"}
    needed |= {place.split("/")[0] for place in wheel["force-include"]}
    assert needed <= set(sent())
    assert all((ROOT / place).exists() for place in sent())


def test_it_runs_as_an_ordinary_user_and_downloads_no_model():
    (user,) = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0
    built = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)
    assert "models=download" not in built
