"""`compare` on untrained runs, from their evaluations to its page."""

import csv
import json
import re
import shlex
import shutil

import jax
import ml_collections
import pytest

from fevgan_jax.comparison import costs, rows
from fevgan_jax.comparison.compare import compare
from fevgan_jax.evaluation.evaluate import evaluate
from fevgan_jax.run.summaries import Summaries
from fevgan_jax.run.workdir import keep_config
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
    keep_config(narrow(tiny_data, "mocogan"), folder / "begun")
    shutil.copytree(folder / "other", folder / "moved on")
    (folder / "moved on" / "checkpoints" / "0").rename(folder / "moved on" / "checkpoints" / "7")
    return folder


@pytest.fixture(scope="module")
def made(runs, tmp_path_factory):
    output = tmp_path_factory.mktemp("report")
    notes = output / "notes.md"
    notes.write_text("What contradicts the paper: *nothing*.")
    workdirs = [runs / name for name in ("full", "other", "noise", "waiting", "begun", "moved on")]
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
    bounds = ["*copy-input*", "*real*"]
    assert [line[0] for line in table] == ["full", "noise", "begun", *bounds, *bounds]
    assert [line[1][:6] for line in table[-4:]] == ["all 32", "all 32", "16 of ", "16 of "]
    _, _, *variants = lines_of(text, "Variants of full")
    assert [line[0] for line in variants] == [
        "full",
        "other",
        "waiting",
        "moved on",
        *bounds,
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
    (begun,) = [line for line in lines_of(text, "Systems") if line[0] == "begun"]
    assert begun[1] == (
        f"not trained: run `python -m fevgan_jax.main --config=... --workdir={runs / 'begun'}`, "
        f"then `python -m fevgan_jax.evaluate --workdir={runs / 'begun'}`"
    )
    assert [line[4:6] for line in lines_of(text, "Cost") if line[0] == "begun"] == [["-", "-"]]


def test_pictures_of_another_step_than_the_figures_are_said_to_be(made, runs):
    text = (made / "report.md").read_text().split("## Pictures")[1].split("![")[0]
    assert text.strip() == (
        "*moved on* is shown at step 7, its figures are of step 0: run "
        f"`python -m fevgan_jax.evaluate --workdir={runs / 'moved on'}`"
    )


def test_an_evaluated_system_without_a_checkpoint_keeps_its_figures(runs, tmp_path):
    shutil.copytree(runs / "full", tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone" / "checkpoints")
    paths = compare([tmp_path / "gone"], tmp_path / "page")
    assert [path.name for path in paths] == ["index.html", "report.md", "table.csv"]
    text = paths[1].read_text()
    assert re.match(r"[\d.]+ \(", lines_of(text, "Systems")[2][2])
    assert (
        "*gone* is not shown, because it has no checkpoint: run `python -m fevgan_jax.main" in text
    )


def test_the_page_gives_the_command_that_makes_it_also_from_python(made, runs):
    text = (made / "report.md").read_text()
    named = ",".join(
        str(runs / name) for name in ("full", "other", "noise", "waiting", "begun", "moved on")
    )
    asked = [f"--workdirs={named}", f"--output={made}", f"--notes={made.parent / 'notes.md'}"]
    command = shlex.join(["python", "-m", "fevgan_jax.compare", *asked])
    assert f"Made by `{command}` with fevgan_jax" in text


def test_numbers_of_other_people_are_marked_where_they_compare_with_a_photo_or_clip(made):
    text = (made / "report.md").read_text()
    head, _, *table = lines_of(text, "Systems")
    marked = {line[0]: [head[i] for i, cell in enumerate(line) if "†" in cell] for line in table}
    assert marked["noise"] == ["psnr", "psnr_face", "motion"]
    assert not marked["full"] and not marked["*real*"]
    assert "†: a number that compares with the real clip or the photo" in text


def test_a_system_is_described_by_what_it_is_given_and_makes(made):
    text = (made / "report.md").read_text()
    about = {line[0]: line[1] for line in lines_of(text, "Systems")}
    assert about["full"].startswith("a photo and a label; all 32")
    assert about["noise"] == "a label; 16 of each clip's frames"
    said = text.split("## How the numbers were made")[1]
    assert "* **frames of noise**: 0, 1, 2, 3," in said and "frames of other" not in said


def test_costs_are_counted_and_read_from_the_run(made, runs):
    text = (made / "report.md").read_text()
    cells = {line[0]: line for line in lines_of(text, "Cost")}
    state = experiments.start(rows.load([runs / "full"])[0].config)[1]
    sizes = [
        sum(leaf.size for leaf in jax.tree.leaves(player.params))
        for player in (state.generator, state.discriminator)
    ]
    assert cells["full"][1:5] == [*(f"{size:,}" for size in sizes), "0", "0"]
    found = costs.of_run(rows.load([runs / "full"])[0])
    assert (found.step_ms, found.memory_gib, found.clips_seen) == (250.0, 3.0, 0)
    assert cells["full"][5:7] == ["250", "3.00"]
    assert cells["other"][5:7] == ["-", "-"]
    assert float(cells["noise"][7]) > 0


def test_the_page_needs_no_other_file_and_shows_every_picture(made):
    html = (made / "index.html").read_text()
    sources = re.findall(r'<img[^>]*src="([^"]*)"', html)
    pictures = [path for path in made.iterdir() if path.suffix == ".webp"]
    assert len(sources) == len(pictures) >= 12
    assert all(source.startswith("data:image/webp;") for source in sources)
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
        (["full"], {"split": "train"}, r"evaluate --workdir=\S+/full --split=train`"),
        (["full"], {"reference": "best"}, "no evaluated system is called 'best': give one of full"),
        (["full", "other"], {"names": ["a"]}, "give --names, as many as"),
        (["full", "full"], {}, "all different"),
        (["full"], {"notes": "nowhere.md"}, "nowhere.md cannot be read"),
        (["nowhere"], {}, "nowhere"),
        (["full"], {"output": "config.json"}, "config.json is a file; name a folder"),
    ],
)
def test_bad_input_is_one_sentence(runs, tmp_path, names, options, sentence):
    if "output" in options:  # refused before anything is sampled
        options = {"output": runs / "full" / options["output"]}
    with pytest.raises(UserError, match=sentence):
        compare([runs / name for name in names], **{"output": tmp_path / "page"} | options)
    assert not (tmp_path / "page").exists()


def test_the_reference_is_named_by_its_title_or_its_workdir(runs, tmp_path):
    for number, reference in enumerate(("B", str(runs / "other"))):
        workdirs = [runs / "full", runs / "other"]
        output = tmp_path / str(number)
        compare(workdirs, output, names=["A", "B"], reference=reference)
        assert "farther from it than *B*" in (output / "report.md").read_text()
