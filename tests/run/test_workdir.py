import json

import pytest

from fevgan_jax.configs import demo, demo_warmup
from fevgan_jax.run.workdir import find_changes, keep_config, read_config
from fevgan_jax.runtime.errors import UserError

SCHEDULE = {"name": "constant_schedule", "value": 1e-4}


def resume(config, workdir, step=7):
    """What the loop does on a resume: look first, then write."""
    keep_config(config, workdir, find_changes(config, workdir), step)


def recorded(workdir):
    path = workdir / "changes.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_config_comes_back_as_it_was_kept(tmp_path):
    config = demo.get_config()
    keep_config(config, tmp_path / "new")
    kept = read_config(tmp_path / "new")
    assert json.loads(kept.to_json()) == json.loads(config.to_json())
    assert not find_changes(config, tmp_path / "new")


def test_looking_writes_nothing(tmp_path):
    assert find_changes(demo.get_config(), tmp_path / "new") == []
    assert not (tmp_path / "new").exists()
    config = demo.get_config()
    keep_config(config, tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    config.num_steps += 1
    assert find_changes(config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_bytes() == before


def test_what_may_change_is_kept_and_recorded(tmp_path):
    config = demo.get_config()
    keep_config(config, tmp_path)
    config.num_steps = 9
    config.generator_optimizer.learning_rate = 1e-5
    resume(config, tmp_path, step=3)
    config.generator_loss.identity = SCHEDULE
    config.log_every, config.eval.max_clips = 1, 7
    config.data.on_device, config.data.data_dir = True, "elsewhere"
    resume(config, tmp_path, step=5)
    assert json.loads(read_config(tmp_path).to_json()) == json.loads(config.to_json())
    assert recorded(tmp_path) == [
        {"step": 3, "field": "generator_optimizer.learning_rate", "from": 2e-4, "to": 1e-5},
        {"step": 3, "field": "num_steps", "from": 6_000, "to": 9},
        {"step": 5, "field": "data.data_dir", "from": "", "to": "elsewhere"},
        {"step": 5, "field": "data.on_device", "from": False, "to": True},
        {"step": 5, "field": "eval.max_clips", "from": 60, "to": 7},
        {"step": 5, "field": "generator_loss.identity", "from": 2.5, "to": SCHEDULE},
        {"step": 5, "field": "log_every", "from": 100, "to": 1},
    ]
    resume(config, tmp_path, step=6)
    assert len(recorded(tmp_path)) == 7


def test_a_schedule_may_become_another_schedule(tmp_path):
    config = demo_warmup.get_config()
    keep_config(config, tmp_path)
    config.generator_optimizer.learning_rate = SCHEDULE
    (change,) = find_changes(config, tmp_path)
    assert change["field"] == "generator_optimizer.learning_rate"
    assert change["from"]["name"] == "cosine_decay_schedule"


def change(config, path, value):
    *sections, name = path.split(".")
    for section in sections:
        config = config[section]
    config[name] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 3),
        ("batch_size", 8),
        ("ema_decay", 0.5),
        ("model.generator.decoder_features", (8, 8, 8, 8)),
        ("model.identity_encoder", None),
        ("data.dataset", "another"),
        ("identity_loss.frames", (3,)),
        ("rule.order", "discriminator_first"),
        ("generator_optimizer.b1", 0.9),
        ("generator_optimizer.name", "adamw"),
        ("generator_optimizer.l2", 0.1),
        ("generator_optimizer.learning_rate", SCHEDULE),
        ("generator_loss.wasserstein", 1.0),
        ("discriminator_loss", {}),
        ("freeze", ("generator",)),
    ],
)
def test_another_experiment_is_refused_by_the_fields_name(tmp_path, path, value):
    config = demo.get_config()
    keep_config(config, tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    change(config, path, value)
    with pytest.raises(UserError, match=f"holds another experiment .{path}") as caught:
        find_changes(config, tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "config.json").read_bytes() == before


def test_what_a_run_began_with_stays_said(tmp_path):
    config = demo.get_config()
    config.initial_weights = "demo"
    keep_config(config, tmp_path)
    config.initial_weights, config.initial_parts = "another", {"generator/a": "generator/b"}
    resume(config, tmp_path, step=1)
    kept = read_config(tmp_path)
    assert (kept.initial_weights, kept.initial_parts.to_dict()) == ("demo", {})
    assert not recorded(tmp_path)
    resume(config, tmp_path, step=0)  # without a checkpoint, the run begins with them
    assert read_config(tmp_path).initial_weights == "another"
    assert [line["field"] for line in recorded(tmp_path)] == [
        "initial_parts.generator/a",
        "initial_weights",
    ]


def test_what_is_no_workdir_is_named(tmp_path):
    with pytest.raises(UserError, match="is not a workdir"):
        read_config(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is not a workdir"):
        read_config(tmp_path / "file")
    for other in ("[]", "{}", '{"architectures": ["ViT"]}'):
        (tmp_path / "config.json").write_text(other)
        with pytest.raises(UserError, match=r"config\.json is not the config of a run"):
            read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"seed":')
    with pytest.raises(UserError, match=r"config\.json is broken"):
        read_config(tmp_path)
