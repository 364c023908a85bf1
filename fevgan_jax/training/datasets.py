"""Opens the prepared set that a run is evaluated on."""

import ml_collections

from fevgan_jax.data import prepared
from fevgan_jax.runtime.errors import UserError


def open_evaluated(config: ml_collections.ConfigDict, split: str) -> prepared.Source:
    """Opens a split of the set that `config.eval` names, by default the training's.

    Args:
      config: a run's config. Without `data.version` the newest version is opened.
      split: the split's name.

    Raises:
      UserError: the set or the split is missing, the set is not the one the run was trained on,
        or another set has other classes.
    """
    data = config.data
    dataset = config.eval.dataset or data.dataset
    is_own = dataset == data.dataset
    version = data.version if is_own else ""
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
