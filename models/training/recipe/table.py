"""Stage 3: a table of token vectors, trained as a bag-of-words encoder with symmetric InfoNCE.

A text is the mean of its token vectors, normalised. A token starts as a random direction whose length is its
inverse-document-frequency weight, which alone is a fair encoder; a few minutes of pairs do the rest. At the end the
training forks: the mean of several branches, each itself a running mean, generalises better than any one of them. Last,
the table is made more even along its principal directions: the strongest are those that all texts share, and say least
about any of them.
"""

import multiprocessing

import numpy as np
import torch
import torch.nn.functional as F

from recipe.identity import content_dim
from recipe.tokens import TrainingTexts
from recipe.wordpiece import SPECIAL_TOKENS

# Dimensions more than the encoder has room for, the weakest of which are left out at the end: words that have nothing to
# do with each other are the less alike, by chance, the wider the table is.
SPARE_DIM = 16
EVENNESS = 0.3
STEPS = 600
BRANCHES, BRANCH_STEPS = 4, 200
BATCH = 2048
TEMPERATURE = 0.08
RATE = 0.2  # falls linearly to nothing in the trunk, to a tenth in a branch
SMALLEST_MEAN_SHARE = 0.01  # of a branch's newest weights in its running mean
WORD_DROPOUT = 0.2
CROP_SHARE = 0.05  # of a batch: two random crops of one passage
IDF_SMOOTHING = 1e-3
REPORT_STEPS = 100
# Kinds drawn less often than the others: trivia needs knowledge that no table has, commands have a wording of their own.
KIND_WEIGHTS = {"trivia": 0.3, "command": 0.5}


def start_table(texts, vocabulary_size, dim, seed):
    """Random directions scaled by a / (a + p(token)); special tokens weigh nothing."""
    generator = torch.Generator().manual_seed(seed)
    weight = IDF_SMOOTHING / (IDF_SMOOTHING + texts.token_probabilities(vocabulary_size))
    weight[:len(SPECIAL_TOKENS)] = 0
    return torch.randn(vocabulary_size, dim, generator=generator) * torch.from_numpy(weight).float()[:, None]


def embed_bags(table, flat, starts, sparse=False):
    """Normalised means [texts, C]; `sparse` says what kind of gradient the table gets."""
    means = F.embedding_bag(torch.from_numpy(flat), table, torch.from_numpy(starts), mode="mean", sparse=sparse)
    return F.normalize(means, dim=1)


def info_nce(one, other, temperature):
    """Symmetric InfoNCE with the rest of the batch as negatives; rows of `one` and `other` [B, C] belong together."""
    logits = one @ other.T / temperature
    target = torch.arange(len(one), device=one.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def evened(table, dim, evenness):
    """`table` on its `dim` strongest principal directions, each divided by its strength to the power `evenness`."""
    _, strengths, directions = torch.linalg.svd(table, full_matrices=False)
    turned = table @ directions[:dim].T * strengths[:dim] ** -evenness
    return turned * (table.norm() / turned.norm())


def drop_words(rng, ids, share):
    """Leaves each word out with chance `share`, but never all of them."""
    kept = ids[rng.random(len(ids)) >= share]
    return kept if len(kept) else ids


class PairSampler:
    """Endless batches of pair numbers, the kinds weighted by KIND_WEIGHTS."""

    def __init__(self, texts, rng):
        self._rng = rng
        weights = np.array([KIND_WEIGHTS.get(k, 1.0) for k in texts.kinds[texts.training]])
        self._candidates = texts.training
        self._keep_chance = np.zeros(len(texts.kinds))
        self._keep_chance[texts.training] = weights / weights.max()

    def batch(self, size):
        drawn = self._rng.choice(self._candidates, 2 * size)
        return drawn[self._rng.random(2 * size) < self._keep_chance[drawn]][:size]


def _crops(texts, rng, size):
    """Two overlapping or distant spans of each of `size` passages."""
    chosen = [texts.passages[i] for i in rng.integers(len(texts.passages), size=size)]
    chosen = [p for p in chosen if len(p) >= 24]
    sides = []
    for _ in range(2):
        lengths = [int(rng.integers(8, len(p) // 2 + 1)) for p in chosen]
        begins = [int(rng.integers(0, len(p) - n + 1)) for p, n in zip(chosen, lengths)]
        sides.append([p[b:b + n] for p, b, n in zip(chosen, begins, lengths)])
    return sides


def _append(bags, rows):
    flat, starts = bags
    more = np.concatenate(([len(flat)], len(flat) + np.cumsum([len(r) for r in rows])[:-1]))
    return np.concatenate([flat, *rows]).astype(np.int64), np.concatenate([starts, more])


def held_back_loss(table, texts):
    with torch.no_grad():
        return info_nce(embed_bags(table, *texts.queries.bags(texts.held_back)),
                        embed_bags(table, *texts.positives.bags(texts.held_back)), TEMPERATURE).item()


class _Batches:
    """Endless batches, (queries, positives) as bags, words dropped, two crops of a passage among the pairs."""

    def __init__(self, texts, seed):
        self._texts, self._rng = texts, np.random.default_rng(seed)
        self._sampler = PairSampler(texts, self._rng)

    def next(self):
        crops = int(BATCH * CROP_SHARE)
        pairs, sides = self._sampler.batch(BATCH - crops), _crops(self._texts, self._rng, crops)
        return [_append(side.bags(pairs, lambda ids: drop_words(self._rng, ids, WORD_DROPOUT)), crop)
                for side, crop in zip((self._texts.queries, self._texts.positives), sides)]


def _train(texts, table, steps, last_rate, seed, log):
    """The table after `steps` steps, and the running mean over them."""
    table = table.clone().requires_grad_()
    mean = table.detach().clone()
    optimizer = torch.optim.Adam([table], lr=RATE)
    batches, losses = _Batches(texts, seed), []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE + (last_rate - RATE) * step / steps
        one, other = (embed_bags(table, *bags) for bags in batches.next())
        loss = info_nce(one, other, TEMPERATURE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        with torch.no_grad():
            mean.lerp_(table, max(SMALLEST_MEAN_SHARE, 1 / (step + 1)))
        if (step + 1) % REPORT_STEPS == 0:
            log(f"table: seed {seed}, step {step + 1} of {steps}, loss {np.mean(losses):.4f}, "
                f"held-back {held_back_loss(table.detach(), texts):.4f}, of the mean {held_back_loss(mean, texts):.4f}")
            losses = []
    return table.detach(), mean


def _branch(settings, trunk, seed):
    torch.set_num_threads(1)
    return _train(TrainingTexts(settings), torch.from_numpy(trunk), BRANCH_STEPS, RATE / 10, seed, settings.log)[1].numpy()


def run(settings):
    texts = TrainingTexts(settings)
    dim = content_dim(settings.hidden_size) - 1
    table = start_table(texts, settings.vocabulary_size, dim + SPARE_DIM, settings.seed)
    settings.log(f"table: held-back loss {held_back_loss(table, texts):.4f} at the start")
    trunk, _ = _train(texts, table, STEPS, 0.0, [settings.seed, 0], settings.log)
    torch.save(trunk, settings.out / "trunk.pt")
    branches = [(settings, trunk.numpy(), [settings.seed, branch]) for branch in range(1, BRANCHES + 1)]
    with multiprocessing.get_context("spawn").Pool(min(settings.threads, BRANCHES)) as pool:
        means = pool.starmap(_branch, branches)
    table = torch.from_numpy(np.mean(means, axis=0))
    settings.log(f"table: held-back loss {held_back_loss(table, texts):.4f} of the mean of the branches")
    table = evened(table, dim, EVENNESS)
    torch.save(table, settings.out / "table.pt")
    settings.log(f"table: held-back loss {held_back_loss(table, texts):.4f} of that, evened")
