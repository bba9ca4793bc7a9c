"""Reading settings in lines of text, as AUTOMATIC1111's web UI, InvokeAI's commands, Midjourney's
descriptions and files of `name = value` have them."""

import re
from typing import Any

# "Steps: 20, Sampler: Euler a, Seed: 7, Size: 512x512, Hashes: "...", ..." of A1111 and others.
PARAMETERS = re.compile(r"^Steps: *\d+, \w", re.MULTILINE)
PARAMETER = re.compile(r'\s*(\w[\w \-/]*):\s*("(?:\\.|[^\\"])*+"|[^,]*)(?:,|$)')
NEGATIVE = re.compile(r"^Negative prompt:\s?", re.MULTILINE)
FLAG = re.compile(
    r"\s--(?P<name>[a-z]\w*)(?=\s|$)(?:\s+(?!--)(?P<value>\S(?:(?!\s--[a-z]).)*))?", re.DOTALL
)
MIDJOURNEYS = {
    "ar",
    "v",
    "s",
    "no",
    "style",
    "stylize",
    "niji",
    "chaos",
    "c",
    "seed",
    "q",
    "iw",
    "weird",
    "aspect",
}
COMMAND = re.compile(r"^\s*/imagine\b(\s*prompt\s*:)?\s*", re.IGNORECASE)
JOB = re.compile(r"\s*Job ID:\s*\S+\s*$")
OPTIONS = {"s": "steps", "S": "seed", "W": "width", "H": "height"}  # of InvokeAI's commands
ASSIGNMENT = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)


def parameters(text: str) -> dict[str, Any] | None:
    """Return the settings of A1111's text: the prompt, `Negative prompt: ...`, and a line that
    begins with `Steps: `. None if it is no such text."""
    text = text.replace("\r\n", "\n").strip()
    lines = list(PARAMETERS.finditer(text))
    if not lines:
        return None
    prompts, facts = text[: lines[-1].start()], text[lines[-1].start() :]
    prompt, *negative = NEGATIVE.split(prompts, maxsplit=1)
    found = {name.strip(): value.strip('"') for name, value in PARAMETER.findall(facts)}
    return {"prompt": prompt.strip(), "Negative prompt": "".join(negative).strip()} | found


def dream(text: str) -> dict[str, Any] | None:
    """Return the settings of InvokeAI's `"a prompt" -s 50 -S 7 -W 512 -H 512`; None if it is no
    such text. Words in [brackets] are negative."""
    found = re.fullmatch(r'\s*"(?P<prompt>[^"\n]+)"(?P<options>(?:\s+-\w[^\n]*)?)\s*', text)
    if found is None or not re.search(r"\s-[sSWHCA]\s*[\w.]", found["options"]):
        return None
    options = re.findall(r"\s-(\w)\s*([^\s-]\S*)?", found["options"])
    return bracketed(found["prompt"]) | {OPTIONS.get(name, f"-{name}"): v for name, v in options}


def bracketed(prompt: str) -> dict[str, Any]:
    """Return prompt and negative prompt of InvokeAI's former `a castle [blurry]`."""
    negative = re.findall(r"\[([^\[\]]*)\]", prompt)
    bare = " ".join(re.sub(r"\[[^\[\]]*\]", " ", prompt).split())
    return {"prompt": bare, "negative_prompt": ", ".join(negative)}


def flags(text: str) -> dict[str, Any] | None:
    """Return the settings of Midjourney's `a castle --ar 3:2 --no fog --seed 7 Job ID: ...`; None
    if none of its flags and no job stands there."""
    bare = JOB.sub("", text)
    found = [(flag["name"], (flag["value"] or "").strip()) for flag in FLAG.finditer(bare)]
    if bare == text and not MIDJOURNEYS & {name for name, _ in found}:
        return None
    ours = {"no": "negative_prompt", "seed": "seed"}
    settings = {ours.get(name, f"--{name}"): value for name, value in found}
    return {"prompt": COMMAND.sub("", FLAG.sub("", bare)).strip()} | settings


def assignments(text: str) -> dict[str, Any]:
    """Return the names and texts of lines `name = value`."""
    return dict(ASSIGNMENT.findall(text))
