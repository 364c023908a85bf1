import pytest

from fevgan_jax.configs import base
from fevgan_jax.evaluation import protocol
from fevgan_jax.runtime.errors import UserError


def settings(**changed):
    config = base.get_config().eval
    config.update(changed)
    return config


HASHES = {"openface": "0" * 64, "i3d": "1" * 64, "lpips": "2" * 64}


def said(config, clips=9):
    return protocol.describe(
        protocol.asked(config), config, data="1.0.0", frames="all", clips=clips, hashes=HASHES
    )


def test_the_paper_config_asks_for_its_metrics_and_every_variant_of_acd():
    asked = protocol.asked(settings())
    assert asked.shown == tuple(settings().metrics)
    assert set(asked.shown) <= set(asked.clip)
    assert len([name for name in asked.clip if name.startswith("acd_")]) == 7  # acd_i and 6 more


@pytest.mark.parametrize("pairs", ["consecutive", "all"])
@pytest.mark.parametrize("distance", ["l2", "squared_l2"])
def test_a_headline_says_which_variant_it_is(pairs, distance):
    config = settings(identity_pairs=pairs, identity_distance=distance)
    words = said(config)
    assert words["acd"].startswith(f"acd_{pairs}_{distance}: ")
    assert words["acd_i"].startswith(f"acd_i_{distance}: ")
    asked = protocol.asked(config)
    assert asked.clip["acd"].function is asked.clip[f"acd_{pairs}_{distance}"].function


def test_one_variant_alone_can_be_asked_for():
    assert list(protocol.asked(settings(metrics=("acd_all_l2",))).clip) == ["acd_all_l2"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"metrics": ("psnr", "motoin")}, r"eval\.metrics is 'motoin': did you mean 'motion'\?"),
        ({"identity_pairs": "consecutiv"}, "identity_pairs is 'consecutiv': did you mean 'cons"),
        ({"identity_distance": "L2"}, "identity_distance is 'L2': "),
        ({"metrics": ()}, "config.eval.metrics is empty"),
        ({"metrics": ("psnr", "recognised")}, "set --config.eval.classifier_steps=400"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(changed, sentence):
    with pytest.raises(UserError, match=sentence):
        protocol.asked(settings(**changed))


def test_the_protocol_speaks_of_what_ran_and_of_nothing_else():
    words = said(settings(metrics=("psnr",)))
    assert {"psnr", "interval", "clips", "data", "frames", "noise"} == set(words)
    assert said(settings(classifier_steps=7))["classifier"].startswith("trained for 7 steps")
    assert "sha256 0000000000000000" in said(settings())["embedder"]


@pytest.mark.parametrize(
    "changed",
    [
        {"metrics": ("psnr",)},
        {"identity_pairs": "all"},
        {"identity_distance": "squared_l2"},
        {"max_clips": 5},
        {"seed": 1},
        {"classifier_steps": 1},
        {"embedder": {"features": "inception_4e"}},
    ],
)
def test_the_digest_is_of_all_that_changes_a_number(changed):
    assert protocol.digest(said(settings(**changed))) != protocol.digest(said(settings()))


def test_a_set_is_described_with_how_many_clips_it_has_and_by_which_net():
    config = settings(metrics=("fvd", "lpips"))
    words = said(config)
    assert "of 9 clips" in words["fvd"]
    assert words["fvd"].endswith("; sha256 1111111111111111")
    assert words["lpips"].endswith("; sha256 2222222222222222")
    assert protocol.digest(said(config, clips=8)) != protocol.digest(words)


def test_clips_too_short_for_a_metric_are_refused():
    asked = protocol.asked(settings(metrics=("psnr", "fvd")))
    protocol.check_length(asked, 16, "mug/demo")
    with pytest.raises(UserError, match="'fvd', which needs clips of 16 frames, and those of mug"):
        protocol.check_length(asked, 15, "mug/demo")
    protocol.check_length(protocol.asked(settings(metrics=("psnr", "frechet_face"))), 1, "mug")


def test_the_digest_is_not_of_what_changes_no_number():
    other = said(settings(batch_size=3, split="train"))
    assert protocol.digest(other) == protocol.digest(said(settings()))
