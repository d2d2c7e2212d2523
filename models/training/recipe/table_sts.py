"""Stage 4: human scores for the table: the strongest bag of words, and the floor that a transformer must beat.

Many short fits from the same start; the mean of their weights is better than any of them, for the scores and for
retrieval, since all stay in one valley. Only the rows of a batch's words are touched, which makes a fit a matter of
seconds. The fits strengthen what the scores are about, so that the mean is made more even once more.

First all that on the training rows alone: the rows held back choose how even, and the log says what the settings are
worth on rows not seen. Then on all rows.
"""

import multiprocessing

import numpy as np
import torch

from recipe import measures
from recipe.sts import WORD_DROPOUT, ScoredPairs, squared_error
from recipe.table import drop_words, embed_bags, evened, held_back_loss
from recipe.tokens import TrainingTexts

FITS = 16
FITS_TO_MEASURE = 4
RATE, LAST_RATE = 0.08, 0.004
EPOCHS = 6
BATCH = 64
SCORE_WEIGHT = 5.0  # beside the optimizer's epsilon, for rare words
EVENNESSES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def _bags(rows):
    lengths = [len(r) for r in rows]
    return np.concatenate(rows).astype(np.int64), np.concatenate(([0], np.cumsum(lengths)[:-1]))


def _held_back_score(table, pairs):
    one, other = (embed_bags(table, *_bags([side[i] for i in pairs.held_back])) for side in (pairs.one, pairs.other))
    return measures.spearman((one * other).sum(1).numpy(), pairs.targets[pairs.held_back])


def _fitted(table, scored, on_all_rows, seed):
    rng = np.random.default_rng(seed)
    table = table.clone().requires_grad_()
    # No momentum: a word that is not in a batch then stays where it is.
    optimizer = torch.optim.SparseAdam([table], lr=RATE, betas=(0.0, 0.999))
    rows_used = np.concatenate((scored.training, scored.held_back)) if on_all_rows else scored.training
    batches, steps = scored.epochs(rows_used, rng, BATCH), EPOCHS * (len(rows_used) // BATCH)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE + (LAST_RATE - RATE) * step / steps
        rows = next(batches)
        one, other = (embed_bags(table, *_bags([drop_words(rng, side[i], WORD_DROPOUT) for i in rows]), sparse=True)
                      for side in (scored.one, scored.other))
        loss = SCORE_WEIGHT * squared_error(one, other, torch.from_numpy(scored.targets[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return table.detach()


def _fits(settings, table, on_all_rows, seeds):
    """The sum of the fits with these seeds: the work of one process."""
    torch.set_num_threads(1)
    scored, table = ScoredPairs(settings), torch.from_numpy(table)
    return sum(_fitted(table, scored, on_all_rows, [settings.seed, seed]) for seed in seeds).numpy()


def _mean_of_fits(settings, table, on_all_rows, count):
    workers = min(settings.threads, count)
    tasks = [(settings, table.numpy(), on_all_rows, range(first, count, workers)) for first in range(workers)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        return torch.from_numpy(sum(pool.starmap(_fits, tasks)) / count)


def run(settings):
    scored, texts, table = ScoredPairs(settings), TrainingTexts(settings), torch.load(settings.out / "table.pt")
    dim = table.shape[1]

    def report(name, table):
        settings.log(f"table_sts: {name}, held-back Spearman {_held_back_score(table, scored):.2f}, "
                     f"InfoNCE {held_back_loss(table, texts):.4f}")

    report("before", table)
    without_held_back = _mean_of_fits(settings, table, False, FITS_TO_MEASURE)
    for evenness in EVENNESSES:
        report(f"mean of {FITS_TO_MEASURE} fits without the held-back rows, evened by {evenness}",
               evened(without_held_back, dim, evenness))
    chosen = max(EVENNESSES, key=lambda evenness: _held_back_score(evened(without_held_back, dim, evenness), scored))
    table = evened(_mean_of_fits(settings, table, True, FITS), dim, chosen)
    report(f"mean of {FITS} fits on all rows, evened by {chosen} (Spearman then says nothing)", table)
    torch.save(table, settings.out / "table_sts.pt")
