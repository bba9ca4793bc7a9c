"""The tests mirror the source: guided/room/file.py has tests/room/test_file.py."""

from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "guided"
# Files without behaviour of their own, and the loader, which tests/test_search_path.py tests.
EXEMPT = {"interfaces.py", "loader/guided.py", "version.py"}
# Files that have no test file yet. Only ever made shorter.
MISSING = {
    "batch/device_process.py",
    "batch/interrupts.py",
    "batch/launchers.py",
    "batch/row_presets.py",
    "batch/rows.py",
    "canvas/upscaler.py",
    "clip/folder.py",
    "compat/open_clip.py",
    "config/card_list.py",
    "config/choices.py",
    "config/composition.py",
    "config/flags.py",
    "config/kinds.py",
    "config/messages.py",
    "config/plan.py",
    "config/preset_source.py",
    "config/replay_known.py",
    "config/replay_reading.py",
    "config/schema.py",
    "cutouts/resize.py",
    "cutouts/resize_right.py",
    "diffusion/gradients.py",
    "diffusion/parametrisation.py",
    "diffusion/unet_config.py",
    "disco/clip_rules.py",
    "disco/model_names.py",
    "disco/prompt_rules.py",
    "disco/setting_names.py",
    "disco/translation.py",
    "gallery/overview.py",
    "gallery/page.py",
    "generators/diffusion/settings.py",
    "generators/pixels/basis.py",
    "generators/pixels/generator.py",
    "generators/pixels/settings.py",
    "generators/settings.py",
    "guides/clip.py",
    "guides/lpips.py",
    "guides/regularisers.py",
    "memory/allocations.py",
    "memory/meta_copies.py",
    "memory/meta_kernels.py",
    "memory/planner.py",
    "models/load.py",
    "models/pickle_check.py",
    "models/weights_file.py",
    "outputs/cuts.py",
    "outputs/film.py",
    "outputs/metrics.py",
    "outputs/picture.py",
    "outputs/progress.py",
    "outputs/sheet.py",
    "outputs/steps.py",
    "outputs/still.py",
    "pipeline.py",
    "rng.py",
    "runs/layout.py",
    "runs/manifest.py",
    "timeline.py",
    "training/clip/architectures.py",
    "training/clip/batches.py",
    "training/clip/bpe.py",
    "training/clip/judge.py",
    "training/clip/prediction_pool.py",
    "training/common/checkpoint.py",
    "training/common/settings.py",
    "training/data/pictures.py",
    "training/data/sources.py",
    "training/data/subjects.py",
    "training/diffusion/upscaler.py",
    "training/evaluation/contact_sheet.py",
    "training/evaluation/judging.py",
    "training/evaluation/questions.py",
    "untrusted/interpolation.py",
}


def untested() -> set[str]:
    """Return the source files, relative to guided/, that have no test file of their own."""
    sources = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")}
    mirrored = {
        path for path in sources if not (TESTS / path.parent / f"test_{path.name}").exists()
    }
    names = {path.as_posix() for path in mirrored if not path.name.startswith("__")}
    return names - EXEMPT


def test_every_new_source_file_has_a_test_file():
    assert untested() - MISSING == set()


def test_the_list_of_missing_test_files_only_shrinks():
    assert MISSING - untested() == set()  # these have one now, or are gone: take them off the list
