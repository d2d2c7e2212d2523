"""Stage 4: human scores for the table: the strongest bag of words, and the floor that a transformer must beat."""

import numpy as np
import torch

from recipe import measures
from recipe.sts import WORD_DROPOUT, ScoredPairs, squared_error
from recipe.table import drop_words, embed_bags

EPOCHS = 10
BATCH = 64
RATE = 0.02


def _bags(rows):
    lengths = [len(r) for r in rows]
    return np.concatenate(rows).astype(np.int64), np.concatenate(([0], np.cumsum(lengths)[:-1]))


def _held_back_score(table, pairs):
    one, other = (embed_bags(table, *_bags([side[i] for i in pairs.held_back])) for side in (pairs.one, pairs.other))
    return measures.spearman((one * other).sum(1).numpy(), pairs.targets[pairs.held_back])


def run(settings):
    pairs, rng = ScoredPairs(settings), np.random.default_rng(settings.seed)
    table = torch.load(settings.out / "table.pt").requires_grad_()
    optimizer = torch.optim.Adam([table], lr=RATE)
    batches = pairs.epochs(rng, BATCH)
    best = (-1.0, None)
    for epoch in range(EPOCHS):
        for _ in range(len(pairs.training) // BATCH):
            rows = next(batches)
            one, other = (embed_bags(table, *_bags([drop_words(rng, side[i], WORD_DROPOUT) for i in rows]))
                          for side in (pairs.one, pairs.other))
            loss = squared_error(one, other, torch.from_numpy(pairs.targets[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        score = _held_back_score(table.detach(), pairs)
        settings.log(f"table_sts: epoch {epoch + 1}, loss {loss.item():.4f}, held-back Spearman {score:.2f}")
        best = max(best, (score, table.detach().clone()), key=lambda entry: entry[0])
    torch.save(best[1], settings.out / "table_sts.pt")
