"""`compare` on untrained runs, from their evaluations to its page."""

import csv
import json
import re
import shutil

import jax
import ml_collections
import numpy as np
import pytest

from fevgan_jax.comparison import costs, differences, figures, page, rows
from fevgan_jax.comparison.compare import compare
from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.metrics import statistics
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.runtime.errors import UserError
from tests import experiments


def narrow(tiny_data, family="fevgan"):
    config = experiments.without_frozen_nets()
    if family != "fevgan":
        config.model = ml_collections.ConfigDict(
            {"name": f"fevgan_jax.models.{family}", "identity_encoder": None}
        )
        config.model.generator, config.model.discriminator = {}, {}
        config.generator_loss = {"adversarial": 1.0}
        experiments.narrow(config)
        config.data.clip_shape = (16, 64, 64, 3)
        config.data.frames = tuple(range(16))
    config.data.dataset, config.data.data_dir = "synthetic_faces/tiny", str(tiny_data)
    config.eval.metrics = ("psnr", "psnr_face", "motion")
    config.eval.classifier_steps, config.eval.max_clips, config.eval.batch_size = 0, 12, 8
    return config


@pytest.fixture(scope="module")
def runs(tiny_data, tmp_path_factory):
    """A full model, one of another seed, one of half the clips' frames, and one not evaluated."""
    folder = tmp_path_factory.mktemp("runs")
    for name, family in (("full", "fevgan"), ("other", "fevgan"), ("noise", "mocogan")):
        config = narrow(tiny_data, family)
        config.seed = len(name)
        experiments.untrained_run(config, folder / name)
        evaluate(folder / name)
    with Summaries(folder / "full") as summaries:
        for step, pace in enumerate((2.0, 4.0, 5.0)):
            summaries.timings(step, {"steps_per_second": pace, "peak_memory_gib": 1.0 + step})
    experiments.untrained_run(narrow(tiny_data), folder / "waiting")
    return folder


@pytest.fixture(scope="module")
def made(runs, tmp_path_factory):
    output = tmp_path_factory.mktemp("report")
    notes = output / "notes.md"
    notes.write_text("What contradicts the paper: *nothing*.")
    workdirs = [runs / name for name in ("full", "other", "noise", "waiting")]
    paths = compare(workdirs, output / "page", notes=notes)
    assert {path.name for path in (output / "page").iterdir()} == {path.name for path in paths}
    return output / "page"


def lines_of(text, title):
    """The cells of the table below a heading."""
    part = text.split(f"## {title}")[1].split("##")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.splitlines()
        if line.startswith("|")
    ]


def test_a_row_for_each_system_and_for_what_bounds_them(made):
    text = (made / "report.md").read_text()
    head, _, *table = lines_of(text, "Systems")
    assert head == ["system", "given; frames", "psnr", "psnr_face", "motion"]
    assert [line[0] for line in table] == ["full", "noise", "*copy-input*", "*real*"]
    _, _, *variants = lines_of(text, "Variants of full")
    assert [line[0] for line in variants] == [
        "full",
        "other",
        "waiting",
        *("*copy-input*", "*real*"),
    ]
    assert re.fullmatch(r"[\d.]+ \([\d.]+ to [\d.]+\)", table[0][2])
    assert table[-1][2].startswith("60.00")
    assert "12 clips of 2 subjects" in text


def test_what_is_missing_is_a_row_with_the_command_that_makes_it(made, runs):
    text = (made / "report.md").read_text()
    (waiting,) = [line for line in lines_of(text, "Variants of full") if line[0] == "waiting"]
    assert waiting[1] == (
        f"not evaluated: run `python -m fevgan_jax.evaluate --workdir={runs / 'waiting'}`"
    )
    assert waiting[2:] == ["-", "-", "-"]


def test_a_system_is_described_by_what_it_is_given_and_makes(made):
    text = (made / "report.md").read_text()
    about = {line[0]: line[1] for line in lines_of(text, "Systems")}
    assert about["full"].startswith("a photo and a label; all 32")
    assert about["noise"].startswith("a label; 0, 1, 2")


def test_costs_are_counted_and_read_from_the_run(made, runs):
    text = (made / "report.md").read_text()
    cells = {line[0]: line for line in lines_of(text, "Cost")}
    state = experiments.start(rows.load([runs / "full"])[0].config)[1]
    sizes = [
        sum(leaf.size for leaf in jax.tree.leaves(player.params))
        for player in (state.generator, state.discriminator)
    ]
    assert cells["full"][1:4] == [*(f"{size:,}" for size in sizes), "0"]
    found = costs.of_run(rows.load([runs / "full"])[0])
    assert (found.step_ms, found.memory_gib, found.clips_seen) == (250.0, 3.0, 0)
    assert cells["full"][4:6] == ["250", "3.00"]
    assert cells["other"][4:6] == ["-", "-"]
    assert float(cells["noise"][6]) > 0


def test_the_page_needs_no_other_file_and_shows_every_picture(made):
    html = (made / "index.html").read_text()
    sources = re.findall(r'<img[^>]*src="([^"]*)"', html)
    pictures = [path for path in made.iterdir() if path.suffix in (".png", ".gif")]
    assert len(sources) == len(pictures) >= 12
    assert all(source.startswith("data:image/") for source in sources)
    assert "<em>nothing</em>" in html and "27.10" in html
    assert not re.findall(r'(?:href|src)="http', html)


def test_the_table_for_programs_has_every_number(made, runs):
    with open(made / "table.csv", newline="") as file:
        table = {(line["system"], line["metric"]): line for line in csv.DictReader(file)}
    summary = rows.load([runs / "other"])[0].summary
    stored = summary["rows"]["model"]["overall"]["psnr"]
    line = table["other", "psnr"]
    assert [float(line[name]) for name in ("mean", "low", "high")] == [
        stored[name] for name in ("mean", "low", "high")
    ]
    full = float(table["full", "psnr"]["mean"])
    assert float(line["difference_mean"]) == pytest.approx(float(line["mean"]) - full)
    assert (
        table["full", "psnr"]["difference_mean"] == table["noise", "psnr"]["difference_mean"] == ""
    )
    assert float(table["real", "motion"]["mean"]) == 1.0


def test_another_protocol_is_refused_and_nothing_written(runs, tiny_data, tmp_path):
    shutil.copytree(runs / "other", tmp_path / "other")
    (path,) = (tmp_path / "other" / "eval").glob("*.json")
    summary = json.loads(path.read_text())
    summary["protocol"]["noise"] = "seed 7"
    path.write_text(json.dumps(summary))
    with pytest.raises(UserError, match=r"full and .*other cannot be compared.*'noise'.*seed 7"):
        compare([runs / "full", tmp_path / "other"], tmp_path / "page")
    summary["dataset"] = "mug/paper"
    path.write_text(json.dumps(summary))
    with pytest.raises(UserError, match=r"their dataset differs \(\"synthetic_faces/tiny\" and"):
        compare([runs / "full", tmp_path / "other"], tmp_path / "page")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize(
    ("names", "options", "sentence"),
    [
        (["waiting"], {}, "none of these workdirs has an evaluation"),
        (["full"], {"reference": "best"}, "no evaluated system is called 'best': give one of full"),
        (["full", "other"], {"names": ["a"]}, "give --names, as many as"),
        (["full", "full"], {}, "all different"),
        (["full"], {"notes": "nowhere.md"}, "nowhere.md cannot be read"),
        (["nowhere"], {}, "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(runs, tmp_path, names, options, sentence):
    with pytest.raises(UserError, match=sentence):
        compare([runs / name for name in names], tmp_path / "page", **options)
    assert not (tmp_path / "page").exists()


def row_of(tmp_path, title, psnr, family="fevgan", frames="all"):
    """A row whose evaluation has these values of psnr, a clip a person."""
    config = experiments.without_frozen_nets()
    config.eval.metrics, config.eval.classifier_steps = ("psnr",), 0
    config.model = {"name": f"fevgan_jax.models.{family}", "identity_encoder": None}
    config.model.generator, config.model.discriminator = {}, {}
    folder = tmp_path / title / "eval"
    folder.mkdir(parents=True)
    text = "row,subject,clip,expression,psnr\n"
    text += "".join(f"model,{i},c{i},fear,{value}\n" for i, value in enumerate(psnr))
    (folder / "x.csv").write_text(text)
    summary = {
        "dataset": "d", "split": "test", "step": 1, "protocol_hash": "h", "metrics": ["psnr"],
        "protocol": {"frames": frames},
        "rows": {"model": {"overall": {"psnr": {"mean": float(np.mean(psnr))}}}},
    }  # fmt: skip
    (folder / "x.json").write_text(json.dumps(summary))
    (result,) = rows.results.find(tmp_path / title)
    return rows.Row(title, tmp_path / title, config, result)


def test_a_difference_is_marked_by_its_interval_and_its_direction(tmp_path):
    random = np.random.default_rng(0)
    people = random.normal(25, 5, 40)
    reference = row_of(tmp_path, "reference", people)
    better = row_of(tmp_path, "better", people + 1 + random.normal(0, 0.5, 40))
    worse = row_of(tmp_path, "worse", people - 1 + random.normal(0, 0.5, 40))
    equal = row_of(tmp_path, "equal", people + random.normal(0, 0.5, 40) - 0.02)
    marks = [differences.of_row(row, reference)["psnr"].mark for row in (better, worse, equal)]
    assert marks == ["▲", "▼", ""]
    assert differences.of_row(reference, reference) == {}


def test_systems_that_make_other_clips_are_not_paired(tmp_path):
    people = np.linspace(20, 30, 10)
    reference = row_of(tmp_path, "reference", people)
    assert differences.of_row(row_of(tmp_path, "half", people + 1, frames="16"), reference) == {}
    assert differences.of_row(row_of(tmp_path, "noise", people + 1, "vgan"), reference) == {}


def test_a_mark_needs_an_interval():
    alone = statistics.Estimate(1.0, float("nan"), float("nan"), 1, 1)
    assert differences.Difference(alone, True).mark == ""


def test_failures_are_the_worst_clips_by_each_metric(tmp_path):
    row = row_of(tmp_path, "a", [3.0, 1.0, float("nan"), 2.0])
    text = row.result.path.with_suffix(".csv").read_text()
    row.result.path.with_suffix(".csv").write_text(
        text.replace("psnr", "psnr_face").replace("nan", "")
    )
    worst = figures.failures(row)
    assert [(metric, value, clip.name) for metric, value, clip in worst] == [
        ("psnr_face", 1.0, "c1"),
        ("psnr_face", 2.0, "c3"),
    ]


def test_pictures_of_another_page_are_left_alone():
    figure = figures.Figure("a.png", "A", b"1")
    html = page.render("# T\n\n![A](a.png) ![B](b.png)\n", [figure])
    assert 'src="data:image/png;base64,MQ=="' in html and 'src="b.png"' in html
    assert "<title>T</title>" in html


def test_every_system_is_shown_with_as_many_frames(tmp_path):
    videos = {frames: np.zeros((frames, 8, 8, 3), np.uint8) for frames in (16, 32)}
    systems = [
        figures.Shown(str(frames), {"c": videos[32]}, {"c": video}, 1.0)
        for frames, video in videos.items()
    ]
    still, moving = figures.columns("f", "F", systems, [figures.Clip("s", "c", "fear")])
    assert (still.file, moving.file) == ("f.png", "f.gif")
    assert still.data[:4] == b"\x89PNG" and moving.data[:3] == b"GIF"
