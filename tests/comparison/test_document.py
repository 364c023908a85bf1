"""The document, its page, and the costs that it lists."""

import csv

from fevgan_jax.comparison import costs, differences, document, figures, page
from fevgan_jax.metrics import statistics
from tests.comparison.evaluated import row_of


def test_a_number_on_its_own_is_not_marked(tmp_path):
    row = row_of(tmp_path, "noise", [1.0, 2.0], "vgan", metrics=("psnr", "acd", "acd_i"))
    table = document.quality([row], row, {})
    _, _, psnr, acd, acd_i = table.splitlines()[2].strip("| ").split(" | ")
    assert "†" in psnr and "†" in acd_i and "†" not in acd


def test_what_bounds_the_figures_stands_once_for_each_choice_of_frames(tmp_path):
    kinds = {"half": "0, 2 of each clip", "one": "all", "other": "all"}
    rows = [row_of(tmp_path, title, [1.0], frames=frames) for title, frames in kinds.items()]
    lines = document.quality(rows, rows[1], {}).splitlines()[5:]
    assert [line.split(" | ")[:2] for line in lines] == [
        ["| *copy-input*", "all"],
        ["| *real*", "all"],
        ["| *copy-input*", kinds["half"]],
        ["| *real*", kinds["half"]],
    ]
    table = csv.reader(document.as_csv(rows[1:] + rows[:1], {}).splitlines()[4:])
    assert [line[0] for line in table] == [
        "copy-input",
        "real",
        f"copy-input ({kinds['half']})",
        f"real ({kinds['half']})",
    ]


def test_an_unknown_number_of_a_table_for_programs_is_empty(tmp_path):
    nothing = statistics.Estimate(1.0, float("nan"), float("nan"), 1, 1)
    row = row_of(tmp_path, "a", [1.0])
    text = document.as_csv([row], {"a": {"psnr": differences.Difference(nothing, nothing)}})
    assert text.splitlines()[1] == "a,psnr,1.0,,,1,1,1.0,,"


def test_a_title_may_hold_any_sign(tmp_path):
    row = row_of(tmp_path, "a|b", [1.0, 2.0])
    table = document.quality([row], row, {})
    html = page.render(f"# 1 < 2\n\n{table}\n", [])
    assert "<title>1 &lt; 2</title>" in html and ">a|b</td>" in html


def test_a_zero_has_no_sign(tmp_path):
    row = row_of(tmp_path, "a", [-1e-5])
    assert "| 0.000 |" in document.quality([row], row, {})


def test_clips_seen_count_every_critic_step(tmp_path):
    row = row_of(tmp_path, "a", [1.0])
    row.config.batch_size, row.config.rule.critic_steps = 8, 3
    assert (costs.of_run(row).steps, costs.of_run(row).clips_seen) == (1, 24)


def test_pictures_of_another_page_are_left_alone():
    figure = figures.Figure("a.png", "A", b"1")
    html = page.render("# T\n\n![A](a.png) ![B](b.png)\n", [figure])
    assert 'src="data:image/webp;base64,MQ=="' in html and 'src="b.png"' in html
    assert "<title>T</title>" in html
