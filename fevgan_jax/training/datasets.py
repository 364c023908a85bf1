"""Opens the prepared set that a run is evaluated on."""

import ml_collections

from fevgan_jax.data import prepared
from fevgan_jax.runtime.errors import UserError


def open_evaluated(
    config: ml_collections.ConfigDict, split: str, version: str = ""
) -> prepared.Source:
    """Opens a split of the set that `config.eval` names, by default the training's.

    Args:
      config: a run's config.
      split: the split's name.
      version: of a set that is not the training's; "" is the newest. The training's own is opened
        in the version of the training, or without `data.version` in the newest.

    Raises:
      UserError: the set or the split is missing, the set is not the one the run was trained on,
        or another set has other classes.
    """
    data = config.data
    dataset = config.eval.dataset or data.dataset
    is_own = dataset == data.dataset
    version = data.version if is_own else version
    source = prepared.open_source(data.data_dir, dataset, split, data.frames, version)
    if is_own and data.fingerprint not in ("", source.fingerprint):
        raise UserError(
            f"the run was trained on {dataset} {version} with fingerprint {data.fingerprint}, but "
            f"{source.builder_dir} has {source.fingerprint}: name the folder of the training's set "
            "with --data_dir, or train on this one."
        )
    if source.class_names and source.class_names != tuple(data.class_names):
        raise UserError(
            f"the run was trained on the classes {', '.join(data.class_names)}, but {dataset} has "
            f"{', '.join(source.class_names)}: set --config.eval.dataset to a set of the same "
            "classes."
        )
    return source
