"""Batches of pairs that are alike, so that the other pairs of a batch are hard negatives at no extra cost."""

import numpy as np
import torch

from recipe.table import PairSampler, embed_bags

CENTRES = 1500
GROUP = 8  # pairs of one neighbourhood in a batch


def _assign(texts, table, rng):
    """The nearest of CENTRES random positives, for every pair."""
    centres = embed_bags(table, *texts.positives.bags(rng.choice(texts.training, CENTRES, replace=False)))
    nearest = []
    for begin in range(0, len(texts.positives), 20_000):
        chosen = range(begin, min(begin + 20_000, len(texts.positives)))
        nearest.append((embed_bags(table, *texts.positives.bags(chosen)) @ centres.T).argmax(1).numpy())
    return np.concatenate(nearest)


class NeighbourSampler:
    """Like PairSampler, but pairs come in groups from one neighbourhood of the trained table."""

    def __init__(self, texts, table, rng):
        self._rng = rng
        self._singles = PairSampler(texts, rng)
        with torch.no_grad():
            centre = _assign(texts, table, rng)
        self._centre = centre
        self._members = [[] for _ in range(CENTRES)]
        for pair in texts.training:
            self._members[centre[pair]].append(pair)

    def batch(self, size):
        """Each group is that of a pair drawn by itself, so that the kinds keep their weights."""
        groups = []
        for first in self._singles.batch(size // GROUP):
            others = self._rng.choice(self._members[self._centre[first]], GROUP - 1)
            groups.extend([first, *others])
        return np.unique(groups)
