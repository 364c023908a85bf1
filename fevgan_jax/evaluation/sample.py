"""Which clips of a split are measured, where not all are."""

from collections.abc import Sequence

import numpy as np


def balanced(labels: Sequence[int], subjects: Sequence[str], count: int, seed: int) -> np.ndarray:
    """Chooses clips so that expressions are as equal in number as can be, and then subjects.

    The expressions take turns. Each time, a clip is taken of the subject that has the fewest clips
    in the sample so far; the seed decides between equals.

    Args:
      labels: `[N]`, the expression of every clip.
      subjects: `[N]`, whose clip it is.
      count: how many clips to choose; all of them when there are no more.
      seed: of the choice.

    Returns:
      Numbers of the clips, int `[min(count, N)]`, ascending.
    """
    random = np.random.default_rng(seed)
    labels = np.asarray(labels)
    _, owner = np.unique(np.asarray(subjects), return_inverse=True)
    shuffled = random.permutation(len(labels))
    waiting = [shuffled[labels[shuffled] == name] for name in random.permutation(np.unique(labels))]
    taken = np.zeros(owner.max(initial=-1) + 1, int)
    chosen: list[int] = []
    while len(chosen) < min(count, len(labels)):
        waiting = [clips for clips in waiting if len(clips)]
        for turn, clips in enumerate(waiting[: count - len(chosen)]):
            place = int(np.argmin(taken[owner[clips]]))
            chosen.append(int(clips[place]))
            taken[owner[clips[place]]] += 1
            waiting[turn] = np.delete(clips, place)
    return np.array(sorted(chosen), int)
