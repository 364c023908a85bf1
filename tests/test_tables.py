import copy
import pathlib
import time

import jax
import pytest

from fevgan_jax import tables as verb
from fevgan_jax.configs import tables
from fevgan_jax.data.prepared import open_source
from fevgan_jax.run.workdir import keep_config, to_json
from fevgan_jax.runtime.commands import FailedError
from fevgan_jax.runtime.errors import UserError
from fevgan_jax.training.check import check_config
from fevgan_jax.training.family import build_family
from fevgan_jax.training.loop import describe_data
from fevgan_jax.training.state import init_state
from fevgan_jax.training.step import make_metrics

EVERY = [f"{size}/{name}" for size in tables.CLIPS for name in tables.RUNS]


def shapes_of(run):
    config = tables.get_config(run)
    family = build_family(config)
    return jax.eval_shape(lambda: init_state(config, family, make_metrics(config, family)))


@pytest.mark.parametrize("run", EVERY)
def test_a_run_is_a_whole_config(run):
    config = tables.get_config(run)
    check_config(config)
    build_family(config)
    size = run.partition("/")[0]
    rows = config.batch_size * config.rule.critic_steps
    assert 0 <= tables.CLIPS[size] - config.num_steps * rows < rows
    assert (config.eval.max_clips, "fvd" in config.eval.metrics) in ((72, False), (0, True))


@pytest.mark.parametrize(
    ("name", "factor", "steps"), [("rvgan", 1, 2400), ("cvgan", 2, 2400), ("fevgan", 4, 600)]
)
def test_narrow_systems_learn_faster_but_those_of_noise_alone(name, factor, steps):
    assert tables.get_config(f"small/{name}").num_steps == steps
    for player in ("generator", "discriminator"):
        small, full = (
            tables.get_config(f"{size}/{name}")[f"{player}_optimizer"].learning_rate
            for size in ("small", "full")
        )
        assert small == factor * full


def test_all_evaluations_belong_in_one_table():
    for size in tables.CLIPS:
        settings = [tables.get_config(f"{size}/{name}").eval.to_dict() for name in tables.RUNS]
        assert all(each == settings[0] for each in settings)


@pytest.mark.parametrize("second", tables.STARTS_FROM)
def test_a_second_stage_fits_its_first(second):
    for size in tables.CLIPS:
        made = shapes_of(f"{size}/{tables.STARTS_FROM[second]}").generator.params
        wanted = shapes_of(f"{size}/{second}").generator.params
        for here, there in tables.get_config(f"{size}/{second}").initial_parts.items():
            parts = [wanted, made]
            for number, path in enumerate((here, there)):
                for name in path.split("/")[1:]:
                    parts[number] = parts[number][name]
            shapes = [jax.tree.map(lambda leaf: leaf.shape, part) for part in parts]
            assert shapes[0] == shapes[1], (size, here)


def test_every_run_but_first_stages_has_a_title():
    assert list(tables.TITLES) == [
        name for name in tables.RUNS if name not in tables.STARTS_FROM.values()
    ]


def test_an_unknown_run_names_those_there_are():
    with pytest.raises(UserError, match=r"no run 'small/gan'.*small, full.*fevgan, .*rvgan"):
        tables.get_config("small/gan")


class Commands:
    """Stands in for the commands of a run, and keeps what was asked."""

    def __init__(self, monkeypatch, fails=()):
        self.asked, self.fails, self.changed = [], fails, []
        monkeypatch.setattr(verb.Commands, "run", self.run)
        monkeypatch.setattr(verb, "_evaluated", self.evaluated)
        monkeypatch.setattr(verb, "_changed", lambda *_: self.changed)
        monkeypatch.setattr(verb, "prepare", lambda *_: None)
        monkeypatch.setattr(verb, "compare", self.compare)

    def run(self, command, log):
        module, *flags = command
        given = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
        workdir = pathlib.Path(given["workdir"])
        self.asked.append((module, workdir.name, given))
        if (module, workdir.name) in self.fails:
            raise FailedError(f"{module} failed")
        if module == "export":
            output = pathlib.Path(given["output"])
            output.mkdir(parents=True)
            config = tables.get_config(f"small/{workdir.name}")
            (output / "config.json").write_bytes(to_json(config))
        if module == "evaluate":
            (workdir / "eval").mkdir(parents=True, exist_ok=True)

    def evaluated(self, workdir, step):
        return "psnr 20" if (workdir / "eval").is_dir() else ""

    def compare(self, workdirs, output, names, weights_dir):
        self.names = names
        self.compared = [workdir.name for workdir in workdirs]
        return [output / "index.html"]


ONLY = ("fevgan", "motiongan", "texturegan")


def test_runs_are_trained_evaluated_and_compared(tmp_path, monkeypatch, capsys):
    commands = Commands(monkeypatch)
    made = verb.make_tables("small", tmp_path, ONLY, data_dir="d", weights_dir="w")
    assert made == [tmp_path / "report" / "index.html"]
    assert [asked[:2] for asked in commands.asked] == [
        ("main", "fevgan"),
        ("evaluate", "fevgan"),
        ("main", "motiongan"),
        ("export", "motiongan"),
        ("main", "texturegan"),
        ("evaluate", "texturegan"),
    ]
    first, *_, third, _ = (given for *_, given in commands.asked)
    assert first["config"] == "tables:small/fevgan" and first["config.data.data_dir"] == "d"
    assert first["weights_dir"] == "w" and "config.initial_weights" not in first
    assert [given["weights_dir"] for *_, given in commands.asked] == ["w"] * 6
    assert third["config.initial_weights"] == str(tmp_path / "weights" / "motiongan")
    assert commands.compared == ["fevgan", "texturegan"]
    assert commands.names == ["FEV-GAN", "MotionGAN"]
    said = capsys.readouterr()
    assert [line.partition(":")[0] for line in said.out.split("\n")[:3]] == list(ONLY)


def test_a_second_stage_waits_for_its_first_wherever_it_is_asked_for(tmp_path, monkeypatch):
    commands = Commands(monkeypatch)
    run = commands.run

    def slow_first_stage(self, command, log):
        time.sleep(0.5 * (log.stem == "motiongan"))
        run(command, log)

    monkeypatch.setattr(verb.Commands, "run", slow_first_stage)
    verb.make_tables("small", tmp_path, ("texturegan", "motiongan", "fevgan"), jobs=2)
    asked = [each[:2] for each in commands.asked]
    assert asked.index(("export", "motiongan")) < asked.index(("main", "texturegan"))
    assert len(asked) == 6


def test_what_is_done_is_kept(tmp_path, monkeypatch):
    verb_commands = Commands(monkeypatch)
    verb.make_tables("small", tmp_path, ONLY)
    verb_commands.asked.clear()
    verb.make_tables("small", tmp_path, ONLY)
    assert verb_commands.asked == []


def test_a_run_is_evaluated_again_when_the_evaluation_is_another(tmp_path, monkeypatch):
    commands = Commands(monkeypatch)
    verb.make_tables("small", tmp_path, ("fevgan",))
    for changed, asked in (("num_steps", []), ("eval.max_clips", ["main", "evaluate"])):
        commands.asked.clear()
        commands.changed = [changed]
        verb.make_tables("small", tmp_path, ("fevgan",))
        assert [module for module, *_ in commands.asked] == asked


def test_a_run_of_another_config_is_refused_before_anything_is_trained(
    tmp_path, tiny_data, monkeypatch
):
    changed = verb._changed
    commands = Commands(monkeypatch)
    monkeypatch.setattr(verb, "_changed", changed)
    config = tables.get_config("small/fevgan")
    config.data.dataset = config.eval.dataset = "synthetic_faces/tiny"
    monkeypatch.setattr(tables, "get_config", lambda _: config)
    kept = copy.deepcopy(config)
    kept.data.data_dir = str(tiny_data)
    describe_data(kept, open_source(tiny_data, kept.data.dataset, "train"))
    keep_config(kept, tmp_path / "fevgan")
    config.eval.max_clips += 1
    assert changed(config, tmp_path / "fevgan", str(tiny_data)) == ["eval.max_clips"]
    config.batch_size += 1
    with pytest.raises(UserError, match=r"another experiment \(batch_size is 16 there and 17"):
        verb.make_tables("small", tmp_path, ("fevgan", "cvgan"), str(tiny_data))
    assert commands.asked == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, monkeypatch):
    commands = Commands(monkeypatch)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file; name a folder"):
        verb.make_tables("small", tmp_path / "file", ("fevgan",))
    assert commands.asked == []


def test_a_first_stage_of_another_length_is_told_before_anything_is_trained(tmp_path, monkeypatch):
    commands = Commands(monkeypatch)
    verb.make_tables("small", tmp_path, ONLY)
    commands.asked.clear()
    monkeypatch.setitem(tables.CLIPS, "small", 2 * tables.CLIPS["small"])
    with pytest.raises(UserError, match=r"motiongan has \d+ steps.* texturegan starts from it: r"):
        verb.make_tables("small", tmp_path, ONLY)
    assert commands.asked == []


def test_a_failed_run_is_told_and_the_others_are_finished(tmp_path, monkeypatch):
    commands = Commands(monkeypatch, fails={("main", "fevgan")})
    with pytest.raises(UserError, match=r"fevgan failed: see .*logs, then run the same command"):
        verb.make_tables("small", tmp_path, ONLY)
    assert ("evaluate", "texturegan") in [asked[:2] for asked in commands.asked]
    assert not hasattr(commands, "compared")
