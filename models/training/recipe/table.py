"""Stage 3: a table of token vectors, trained as a bag-of-words encoder with symmetric InfoNCE.

A text is the mean of its token vectors, normalised. A token starts as a random direction whose length is its
inverse-document-frequency weight, which alone is a fair encoder; a few minutes of pairs do the rest.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F

from recipe.identity import content_dim
from recipe.tokens import TrainingTexts
from recipe.wordpiece import SPECIAL_TOKENS

DEFAULT_MINUTES = 5.0
BATCH = 2048
TEMPERATURE = 0.08
RATE = 0.2
WORD_DROPOUT = 0.2
CROP_SHARE = 0.05  # of a batch: two random crops of one passage
IDF_SMOOTHING = 1e-3
# Kinds drawn less often than the others: trivia needs knowledge that no table has, commands have a wording of their own.
KIND_WEIGHTS = {"trivia": 0.3, "command": 0.5}


def start_table(texts, vocabulary_size, dim, seed):
    """Random directions scaled by a / (a + p(token)); special tokens weigh nothing."""
    generator = torch.Generator().manual_seed(seed)
    weight = IDF_SMOOTHING / (IDF_SMOOTHING + texts.token_probabilities(vocabulary_size))
    weight[:len(SPECIAL_TOKENS)] = 0
    return torch.randn(vocabulary_size, dim, generator=generator) * torch.from_numpy(weight).float()[:, None]


def embed_bags(table, flat, starts):
    return F.normalize(F.embedding_bag(torch.from_numpy(flat), table, torch.from_numpy(starts), mode="mean"), dim=1)


def info_nce(one, other, temperature):
    """Symmetric InfoNCE with the rest of the batch as negatives; rows of `one` and `other` [B, C] belong together."""
    logits = one @ other.T / temperature
    target = torch.arange(len(one), device=one.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


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


def train(texts, table, minutes, rng, log):
    table = table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table], lr=RATE)
    sampler = PairSampler(texts, rng)
    crops = int(BATCH * CROP_SHARE)
    dropper = lambda ids: drop_words(rng, ids, WORD_DROPOUT)
    begin, step, running = time.time(), 0, 0.0
    log(f"table: held-back loss {held_back_loss(table, texts):.4f} at the start")
    while (done := (time.time() - begin) / (60 * minutes)) < 1:
        optimizer.param_groups[0]["lr"] = RATE * (1 - done)
        pairs = sampler.batch(BATCH - crops)
        one_crop, other_crop = _crops(texts, rng, crops)
        one = embed_bags(table, *_append(texts.queries.bags(pairs, dropper), one_crop))
        other = embed_bags(table, *_append(texts.positives.bags(pairs, dropper), other_crop))
        loss = info_nce(one, other, TEMPERATURE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running, step = running + loss.item(), step + 1
        if step % 200 == 0:
            log(f"table: step {step}, {100 * done:.0f} %, loss {running / 200:.4f}, held-back {held_back_loss(table, texts):.4f}")
            running = 0.0
    return table.detach()


def run(settings):
    texts = TrainingTexts(settings)
    table = start_table(texts, settings.vocabulary_size, content_dim(settings.hidden_size) - 1, settings.seed)
    table = train(texts, table, settings.minutes or DEFAULT_MINUTES, np.random.default_rng(settings.seed), settings.log)
    torch.save(table, settings.out / "table.pt")
    settings.log(f"table: held-back loss {held_back_loss(table, texts):.4f} at the end")
