"""What a batch says at its end."""

import pytest

from guided.batch.run import summary
from guided.runs.manifest import FAILED, Manifest, Picture, Row


def failed(*rows):
    pictures = [Picture(k, k, 7, state=FAILED, why=f"{row.where}: no") for k, row in
                enumerate(rows)]  # fmt: skip
    return Manifest("x", {"words": []}, list(rows), pictures)


def test_rows_that_could_not_be_read_are_not_promised_to_be_tried_again(tmp_path):
    said = summary(tmp_path, failed(Row(where="p.csv:3", wrong="3 values for 2 columns")))
    assert "p.csv:3 itself, mend there and draw those rows with prompts= again" in said
    assert "python run.py" not in said


@pytest.mark.parametrize("other", [Row(where="p.csv:4"), Row()])
def test_what_may_go_well_the_next_time_has_its_command(tmp_path, other):
    said = summary(tmp_path, failed(Row(where="p.csv:3", wrong="3 values"), other))
    assert "p.csv:3" in said
    assert said.splitlines()[-1].endswith(f"python run.py resume={tmp_path}")
