"""Texts of odd values: numbers, scripts, interpolations, nested lists, sweeps, paths."""

from __future__ import annotations

from hypothesis import strategies as st

HUGE = "9" * 400
NUMBERS = (
    "0", "-0", "1", "-1", "2", "7", "0.5", "1e-3", "-0.5", "1.0", "3.7", "100", "1e3", "1E2",
    "nan", "inf", "-inf", "NaN", "Infinity", "1e308", "1e309", "-1e308", "1e-320", "5e-324",
    HUGE, f"-{HUGE}", f"0.{HUGE}", f"1e{HUGE}", "2147483648", "4294967296",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e19", "1e25",
    "0x10", "0b1", "0o7", "1_000", "007", "1,5", "1.5.2", "50%", "-50%", "1e", "e5", ".5", "5.",
    "１２", "٣", "½", "²", "+1", "--1", "1 000", "1:30", "12:30:45", "1/2", "1j", "10k",
)  # fmt: skip
WORDS = (
    "", " ", "null", "Null", "~", "true", "True", "TRUE", "false", "yes", "no", "on", "off",
    "auto", "none", "None", "list", "random", "latest", "???", "undefined", "cpu", "cuda",
    "cuda:99", "meta", "*", "?", "'", '"', "''", "\\", "\\'", "a'b", "=", "a=b", "==", ":", ",",
    "#", "a#b", "%", "&", "|", ";", "@", "!", "`", "$", "$$", "{", "}", "[", "]", "(", ")", "<",
    "{}", "[]", "()", "[,]", "[a,]", "{a}", "{a:}", "{:a}", "[[]]", "{{}}", "[null]", "[nan]",
    "__animal__", "__nosuch__", "{a|b}", "{|}", "a:2", "a:-1", "a:0", "a:nan", ":2", "a::2",
    "!!python/object:os.system", "!!int x", "&a [*a]", "*a", "2026-01-01", "- a", "? a", "<<",
)  # fmt: skip
SCRIPTS = (
    "一只猫", "《山水》，雾：二", "ａｂｃ", "قطة حمراء", "חתול", "кошка", "γάτα", "แมว",
    "बिल्ली", "猫、犬", "“a”, “b”", "«a»", "„a“", "👩\u200d🚀", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇪🇺", "e\u0301" * 5,
    "a" + "\u0300" * 60, "ﷺ", "a\u202eb", "\u2066x\u2069", "\u200f", "a\u2028b", "a\u2029b",
    "a\u0085b", "\ufeffa", "\u00ad", "\x1b[31mred\x1b[0m", "\x1b]0;t\x07", "a\rb", "a\nb",
    "a\tb", "\x7f", "\x01", "\x9b31m", "\udc80", "a\udcffb", "\ufffe", "\U0010ffff", "\u3000",
    "\xa0", "İ", "ß", "ŉ", "ﬁ",
)  # fmt: skip
INTERPOLATIONS = (
    "${seed}", "${steps}", "${size}", "${prompt}", "${nosuch}", "${.}", "${..}", "${...}",
    "${}", "${oc.env:HOME}", "${oc.env:PATH,x}", "${oc.create:3}", "${oc.decode:'1'}",
    "${now:%Y}", "${hydra:runtime.cwd}", "${oc.dict.keys:model}", "${model}", "${model.unet}",
    "${guide.clip}", "${model.size[0]}", "${model.size.0}", "${${seed}}", "${", "$\\{seed}",
    "\\${seed}", "\\\\${seed}", "a${seed}b", "${seed}${seed}", "${seed", "$seed", "${clip}",
    "${.scale}",
)  # fmt: skip
SWEEPS = (
    "1,2", "a,b", "1,2,3,", ",1", ",", "range(1,3)", "range(3)", "range(0,1,0)", "range(1,1)",
    "range(0,1000000000)", "range(0,nan)", "range(3,0)", "choice(1,2)", "choice(a)", "choice()",
    "glob(*)", "glob(x*)", "glob([a*,b*],exclude=c)", "sort(3,1)", "sort(b,a,reverse=true)",
    "shuffle(1,2)", "shuffle([1,2])", "tag(a,choice(1,2))", "interval(0,1)", "int(3.7)",
    "float(1)", "str(1)", "bool(yes)", "int(x)", "extend_list(1)", "json_str({a:1})",
    "nosuch(1)", "[1,2],[3,4]", "'a','b'", "{a:1},{b:2}", "null,null", "1 ,2",
    "choice(range(1,2))",
)  # fmt: skip
SCHEDULES = (
    "[[0,12],[0.4,4]]", "{linear:[[0,12],[1,4]]}", "{cosine:[[0,1],[1,0]]}", "[12]*400+[4]*600",
    "'[12]*400+[4]*600'", "'0: (12), 40: (4)'", "[[0,1]]", "[[0.5,1],[0.2,2]]", "[[0,1],[0,2]]",
    "[[0,nan]]", "[[nan,0]]", "[[-1,0]]", "[[2,0]]", "{linear:[]}", "{step:[[0,1]]}",
    "{a:[[0,1]]}", "{linear:[[0,1]],cosine:[[0,1]]}", "'[1]*1000000000'", "'[1]*-1'", "'[1]*0'",
    "[[0,1,2]]", f"[[0,{HUGE}]]", "{0:a,0.5:b}", "{0:1,0.5:2}", "'0:(1)'", "'0:(1),0:(2)'",
    "'200:(1)'",
)  # fmt: skip
KEY_FRAMES = (
    "0: (1.02)", "0: (0), 30: (15)", "0:(1),10:(1.05),", "0: (1.02+0.02*sin(2*3.14*t/15))",
    "{0: 1, 10: 1.1}", "{cubic: {0: 1, 20: 1.2}}", "{hold: {0: a rose, 10: a moon}}", "2s: (1)",
    "max_f-1: (1)", "0: (t)", "0: (1/0)", "0: (t**t**t**t)", "0: (9**9**9**9)", "0: (1/(t-3))",
    "0: (sqrt(-1))", "0: (where(t>3,1,2))", "0: (__import__('os').system('x'))",
    "0: (t.__class__)",
    "0: (lambda: 1)", "0: (min(1))", "0: (exp(1000))", "0: (floor(1e308*10))", "0: ([1])", "0: ()",
    "0: (" + "(" * 90 + "1" + ")" * 90 + ")", "0: (1)), 5: (2", "-3: (1)", "1e9: (1)",
    "0: (1), 0: (2)",
    "0: (sin(t)), 5: (cos(t))", "t: (1)", "0: (1), 5: ('a')", "0 (1)", ": (1)", "0: (0x1f)",
    "0: (1j)",
    "{0: a castle, 60: a forest}", "{0: [a, b], 5: {text: c}}", "{a: b}", "{0: null}", "{: }",
)  # fmt: skip
PATHS = (
    "heart.png", "init.png", "solver.webp", "styles.jpg", "film.gif", "settings.txt",
    "prompts.txt", "rows.csv", "rows.yaml", "run", "half", "mine", "lists", "run/run.yaml",
    "run/manifest.json", "mine/model/own.yaml", "mine/look/dusk.yaml", "./heart.png",
    "heart.png/", "./run/../init.png", "", ".", "..", "/", "/dev/null", "/dev/zero",
    "/proc/self/mem", "/proc/self/environ", "/etc", "/etc/passwd", "nosuch.png",
    "nosuch/a/b.yaml", "./nosuch.pt", "./nosuch.safetensors", "-", "~", "~nosuchuser/x",
    "~root", "a" * 300, "a/" * 2100, "https://example.org/a.png", "file:///etc/passwd", "C:\\x",
    "a:0.5", "heart.png:0.5", "heart.png:nan", "heart.png:-1", "一.png", "a b.png", "perlin",
    "perlin:color", "perlin:gray", "perlin:x", "latest", "ViT-B/32", "ViT-B-32::openai",
    "ViT-B-32", "RN50::nosuch", "openai/clip-vit-base-patch32", "https://huggingface.co/a/b",
    "hf-hub:a/b", "::", "a::", "::a", "ViT-B-32::./nosuch.pt",
)  # fmt: skip
LETTERS = st.characters(min_codepoint=1) | st.sampled_from("$\\{}[]()'\",:=|_*~ \n\t%#&")


def nested(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return lists and mappings of texts, a few levels deep."""
    keys = st.sampled_from(
        ("a", "0", "0.5", "text", "weight", "prompt", "50%", "null", "seed", "一")
    )
    return st.recursive(
        leaves,
        lambda inside: (
            st.lists(inside, max_size=3).map(lambda items: f"[{','.join(items)}]")
            | st.lists(st.tuples(keys, inside), max_size=3).map(
                lambda items: f"{{{','.join(f'{key}:{value}' for key, value in items)}}}"
            )
        ),
        max_leaves=6,
    )


DEEP = st.integers(1, 400).map(lambda deep: "[" * deep + "]" * deep) | st.integers(1, 400).map(
    lambda deep: "{a:" * deep + "1" + "}" * deep
)
SINGLE = st.one_of(
    *(st.sampled_from(texts) for texts in (NUMBERS, WORDS, SCRIPTS, INTERPOLATIONS, SWEEPS)),
    st.integers().map(str),
    st.floats().map(str),
    st.text(LETTERS, max_size=12),
)
ODD = st.one_of(
    *(st.sampled_from(texts) for texts in (NUMBERS, WORDS, SCRIPTS, INTERPOLATIONS)),
    *(st.sampled_from(texts) for texts in (SWEEPS, SCHEDULES, KEY_FRAMES, PATHS)),
    nested(SINGLE),
    DEEP,
    st.text(LETTERS, max_size=40),
    st.tuples(SINGLE, SINGLE).map("".join),
    st.tuples(SINGLE, st.integers(2, 3000)).map(lambda both: (both[0] * both[1])[:20_000]),
    SINGLE.map(lambda text: "'" + text + "'") | SINGLE.map(lambda text: '"' + text + '"'),
)
KEYFRAMES = st.sampled_from(KEY_FRAMES) | st.tuples(
    st.integers(0, 60), SINGLE | st.sampled_from(KEY_FRAMES)
).map(lambda pair: f"{pair[0]}: ({pair[1]})")
