"""Stage 4: human scores for the table: the strongest bag of words, and the floor that a transformer must beat.

Two fits from the same start, one gentler and on all rows, one sharper and without the held-back ones; the mean of their
weights is better than either, since both stay in one valley.
"""

import dataclasses

import numpy as np
import torch

from recipe import measures
from recipe.sts import WORD_DROPOUT, ScoredPairs, squared_error
from recipe.table import drop_words, embed_bags


@dataclasses.dataclass(frozen=True)
class Fit:
    rate: float
    epochs: int
    on_all_rows: bool


FITS = (Fit(rate=0.025, epochs=9, on_all_rows=True), Fit(rate=0.04, epochs=10, on_all_rows=False))
BATCH = 64


def _bags(rows):
    lengths = [len(r) for r in rows]
    return np.concatenate(rows).astype(np.int64), np.concatenate(([0], np.cumsum(lengths)[:-1]))


def _held_back_score(table, pairs):
    one, other = (embed_bags(table, *_bags([side[i] for i in pairs.held_back])) for side in (pairs.one, pairs.other))
    return measures.spearman((one * other).sum(1).numpy(), pairs.targets[pairs.held_back])


def _fitted(table, pairs, fit, rng, log):
    table = table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table], lr=fit.rate)
    rows_used = np.concatenate((pairs.training, pairs.held_back)) if fit.on_all_rows else pairs.training
    batches = pairs.epochs(rows_used, rng, BATCH)
    for epoch in range(fit.epochs):
        for _ in range(len(rows_used) // BATCH):
            rows = next(batches)
            one, other = (embed_bags(table, *_bags([drop_words(rng, side[i], WORD_DROPOUT) for i in rows]))
                          for side in (pairs.one, pairs.other))
            loss = squared_error(one, other, torch.from_numpy(pairs.targets[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if not fit.on_all_rows:
            log(f"table_sts: epoch {epoch + 1}, held-back Spearman {_held_back_score(table.detach(), pairs):.2f}")
    return table.detach()


def run(settings):
    pairs, rng = ScoredPairs(settings), np.random.default_rng(settings.seed)
    table = torch.load(settings.out / "table.pt")
    fitted = [_fitted(table, pairs, fit, rng, settings.log) for fit in FITS]
    torch.save(torch.stack(fitted).mean(0), settings.out / "table_sts.pt")
