"""Stage 5: the transformer, from the identity start (identity.py): three losses in every step.

    InfoNCE over natural pairs                     keeps and improves retrieval
    a margin between same and different meaning    teaches word order and negation, which no table can learn
    regression on human scores                     keeps the cosine calibrated

What is kept is a running mean of the weights, which costs nothing and serves all three better than the last step.
"""

import contextlib
import copy
import time

import numpy as np
import torch
import torch.nn.functional as F

from recipe import corpus, evaluation, identity, measures
from recipe.meaning_pairs import TemplateMaker, from_passages, words_shared_with
from recipe.sts import WORD_DROPOUT, ScoredPairs, squared_error
from recipe.table import PairSampler, drop_words, info_nce
from recipe.tokens import TrainingTexts
from recipe.wordpiece import WordPiece

DEFAULT_MINUTES = 40.0
PAIRS, TRIPLES, SCORED = 128, 48, 32  # of one step
QUERY_TOKENS, POSITIVE_TOKENS, SENTENCE_TOKENS = 32, 48, 48
TEMPERATURE = 0.05
MARGIN, MARGIN_SOFTNESS = 0.1, 0.05
MEANING_WEIGHT, SCORE_WEIGHT = 1.0, 10.0
LAYER_RATE, EMBEDDING_RATE = 6e-4, 3e-4
WARM_UP_STEPS = 100
MEAN_DECAY = 0.998  # of the weights' running mean, a step
REAL_TRIPLES = 60_000
REAL_SHARE = 0.35  # of the triples of a step
HELD_BACK_TRIPLES = 500
REPORT_SECONDS = 180


class Examples:
    """Batches of the three kinds as token ids with [CLS] and [SEP], and the held-back ones."""

    def __init__(self, settings, rng):
        self._rng = rng
        self._tokenizer = WordPiece.from_file(settings.out / "vocab.txt")
        self._texts = TrainingTexts(settings)
        self._sampler = PairSampler(self._texts, rng)
        self._scored = ScoredPairs(settings)
        self._scored_batches = self._scored.epochs(rng, SCORED)
        self._templates = TemplateMaker(rng)
        real = from_passages(corpus.passages(settings.data), REAL_TRIPLES)
        real = [real[i] for i in np.random.default_rng(0).permutation(len(real))]
        self._real, held_back_real = real[HELD_BACK_TRIPLES // 2:], real[:HELD_BACK_TRIPLES // 2]
        made = TemplateMaker(np.random.default_rng(0))
        self.held_back_triples = self._encode_triples(
            held_back_real + [made.triple() for _ in range(HELD_BACK_TRIPLES - len(held_back_real))])
        if shared := words_shared_with(evaluation.read_probe()):
            raise ValueError(f"the probe's words are in the lexicon: {shared}")

    def _close(self, ids, limit):
        return [self._tokenizer.cls_id, *ids[:limit - 2], self._tokenizer.sep_id]

    def _encode_triples(self, triples):
        """All anchors, then all same, then all different."""
        return [self._close(self._tokenizer.plain_ids(triple[part]), SENTENCE_TOKENS)
                for part in range(3) for triple in triples]

    def _sides(self, chosen):
        return ([self._close(self._texts.queries[i], QUERY_TOKENS) for i in chosen]
                + [self._close(self._texts.positives[i], POSITIVE_TOKENS) for i in chosen])

    def pairs(self):
        return self._sides(self._sampler.batch(PAIRS))

    def held_back_pairs(self):
        return self._sides(self._texts.held_back[:1000])

    def triples(self):
        real = int(TRIPLES * REAL_SHARE)
        chosen = [self._real[i] for i in self._rng.integers(len(self._real), size=real)]
        return self._encode_triples(chosen + [self._templates.triple() for _ in range(TRIPLES - real)])

    def scored(self):
        rows = next(self._scored_batches)
        texts = [self._close(drop_words(self._rng, side[i], WORD_DROPOUT), SENTENCE_TOKENS)
                 for side in (self._scored.one, self._scored.other) for i in rows]
        return texts, self._scored.targets[rows]

    def held_back_scored(self):
        rows = self._scored.held_back
        texts = [self._close(side[i], SENTENCE_TOKENS) for side in (self._scored.one, self._scored.other) for i in rows]
        return texts, self._scored.targets[rows]


def meaning_loss(anchor, same, different):
    gap = (anchor * same).sum(1) - (anchor * different).sum(1)
    return F.softplus((MARGIN - gap) / MARGIN_SOFTNESS).mean() * MARGIN_SOFTNESS


def _step_losses(bert, examples, device):
    """One pass through the encoder for all three kinds of examples."""
    pairs, triples, (scored, targets) = examples.pairs(), examples.triples(), examples.scored()
    vectors = bert.embed(pairs + triples + scored).float()
    pair_rows, triple_rows, scored_rows = vectors.split((len(pairs), len(triples), len(scored)))
    return (info_nce(*pair_rows.chunk(2), TEMPERATURE), meaning_loss(*triple_rows.chunk(3)),
            squared_error(*scored_rows.chunk(2), torch.from_numpy(targets).to(device)))


@torch.no_grad()
def held_back_measures(bert, examples):
    one, other = bert.embed(examples.held_back_pairs()).chunk(2)
    anchor, same, different = bert.embed(examples.held_back_triples).chunk(3)
    scored, targets = examples.held_back_scored()
    left, right = bert.embed(scored).chunk(2)
    return {"InfoNCE": info_nce(one, other, TEMPERATURE).item(),
            "meaning %": measures.probe_accuracy((anchor * same).sum(1).cpu(), (anchor * different).sum(1).cpu()),
            "scores": measures.spearman((left * right).sum(1).cpu().numpy(), targets)}


def _rate(step, done):
    """Linear warm-up, then linear fall to a tenth."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (1 - 0.9 * done)


def train(settings, bert, minutes):
    rng = np.random.default_rng(settings.seed)
    examples = Examples(settings, rng)
    bert = bert.to(settings.device)
    mean = copy.deepcopy(bert).requires_grad_(False)
    optimizer = torch.optim.AdamW([
        {"params": bert.embeddings.parameters(), "base": EMBEDDING_RATE, "weight_decay": 0.0},
        {"params": bert.encoder.parameters(), "base": LAYER_RATE, "weight_decay": 0.01}], lr=0.0)
    half_precision = (torch.autocast("cuda", torch.bfloat16) if settings.device == "cuda" else contextlib.nullcontext())
    begin, reported, step, losses = time.time(), time.time(), 0, []
    settings.log(f"layers: at the start {_shown(held_back_measures(bert, examples))}")
    while (done := (time.time() - begin) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * _rate(step, done)
        with half_precision:
            pairs, meaning, scores = _step_losses(bert, examples, settings.device)
        optimizer.zero_grad()
        (pairs + MEANING_WEIGHT * meaning + SCORE_WEIGHT * scores).backward()
        torch.nn.utils.clip_grad_norm_(bert.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append((pairs.item(), meaning.item(), scores.item()))
        with torch.no_grad():
            decay = min(MEAN_DECAY, step / (step + 10))
            for kept, now in zip(mean.parameters(), bert.parameters()):
                kept.lerp_(now, 1 - decay)
        if time.time() - reported > REPORT_SECONDS:
            means = " ".join(f"{value:.4f}" for value in np.mean(losses, axis=0))
            settings.log(f"layers: step {step}, {100 * done:.0f} %, losses {means}, held back "
                         f"{_shown(held_back_measures(mean, examples))}")
            torch.save(mean.state_dict(), settings.out / "layers.pt")
            reported, losses = time.time(), []
    torch.save(mean.state_dict(), settings.out / "layers.pt")
    settings.log(f"layers: step {step}, at the end {_shown(held_back_measures(mean, examples))}")


def _shown(values):
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def run(settings):
    """Goes on from OUT/layers.pt where there is one, so that a long training can be done in several sittings."""
    bert = identity.start(settings, torch.load(settings.out / "table_sts.pt"))
    if (settings.out / "layers.pt").exists():
        bert.load_state_dict(torch.load(settings.out / "layers.pt", map_location="cpu"))
    train(settings, bert, settings.minutes or DEFAULT_MINUTES)
