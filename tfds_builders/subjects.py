"""The split of people into train and test: no person is in both."""

from collections.abc import Iterable

import numpy as np

from fevgan_jax.runtime.errors import UserError


def split(
    subjects: Iterable[str], test_share: float = 0.2, seed: int = 0
) -> tuple[list[str], list[str]]:
    """Splits people into train and test, independently of their order.

    Args:
      subjects: names of people; repeated names count once.
      test_share: share of people in test, in (0, 1); each split gets at least one. The paper has
        0.2.
      seed: another seed gives another split.

    Returns:
      The sorted names of train and of test.

    Raises:
      UserError: fewer than two people, or a share outside of (0, 1).
    """
    names = sorted(set(subjects))
    if len(names) < 2 or not 0 < test_share < 1:
        raise UserError(
            f"{len(names)} subjects cannot be split with test_share={test_share}: give two or "
            "more, and a share in (0, 1)."
        )
    count = min(max(round(test_share * len(names)), 1), len(names) - 1)
    chosen = np.random.Generator(np.random.PCG64(seed)).permutation(len(names))[:count]
    test = {names[i] for i in chosen}
    return [name for name in names if name not in test], sorted(test)
