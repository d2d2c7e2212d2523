"""Stage 5: the transformer, from the table with its layers awake (identity.start). Up to four losses in every step:

    meaning   a margin between same and different meaning: word order and negation, which no table can learn
    scores    regression on human scores: keeps the cosine calibrated
    keep      natural texts stay where the table has them: keeps retrieval, from few tokens
    pairs     InfoNCE over natural pairs, in groups that are alike: improves retrieval, given many tokens

A CPU has the tokens for the first three with the embeddings frozen, a GPU for all. What is kept is a running mean of
the weights, which costs nothing and serves better than the last step.
"""

import contextlib
import copy
import dataclasses
import os
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F

from recipe import corpus, evaluation, identity, measures
from recipe.bert import Bert
from recipe.meaning_pairs import TemplateMaker, from_passages, words_shared_with
from recipe.neighbours import NeighbourSampler
from recipe.sts import WORD_DROPOUT, ScoredPairs, squared_error
from recipe.table import drop_words
from recipe.tokens import HELD_BACK_PASSAGES, TrainingTexts
from recipe.wordpiece import WordPiece


@dataclasses.dataclass(frozen=True)
class Mix:
    """How many examples of each kind are in one step of one worker, and how many steps there are."""
    steps: tuple  # of the first layer alone, of each later one together with those below it
    squares: int
    scored: int
    kept: int
    pairs: int
    trains_embeddings: bool


MIXES = {"cpu": Mix(steps=(160, 480), squares=16, scored=12, kept=12, pairs=0, trains_embeddings=False),
         "cuda": Mix(steps=(1000, 8000), squares=64, scored=64, kept=64, pairs=256, trains_embeddings=True)}
QUERY_TOKENS, POSITIVE_TOKENS, SENTENCE_TOKENS = 32, 48, 48
TEMPERATURE, TWIN_COSINE = 0.05, 0.9
MARGIN, MARGIN_SOFTNESS = 0.02, 0.02
RELATIVE_MARGIN, RELATIVE_SOFTNESS, RELATIVE_WEIGHT = 0.5, 0.25, 1.0
SMALLEST_APART = 1e-3  # product of two distances
WEIGHTS = {"meaning": 1.0, "scores": 10.0, "keep": 6.0, "pairs": 1.0}
LAYER_RATE, EMBEDDING_RATE = 1e-3, 3e-4
WARM_UP_STEPS = 50
STEPS_BETWEEN_AVERAGES = 16  # of the workers' weights: busy cores need not wait for each other in every step
MEAN_DECAY = 0.995  # of the weights' running mean, a step
REAL_SQUARES = 60_000
REAL_SHARE = 0.2  # of the squares of a step
HELD_BACK_SQUARES = 200
HELD_BACK_PAIRS = 200
REPORT_STEPS = 2 * STEPS_BETWEEN_AVERAGES


class Examples:
    """Batches of the kinds as token ids with [CLS] and [SEP], and the held-back ones."""

    def __init__(self, settings, rng):
        self._rng = rng
        self._mix = MIXES[settings.device]
        self._tokenizer = WordPiece.from_file(settings.out / "vocab.txt")
        self._texts = TrainingTexts(settings)
        self._sampler = NeighbourSampler(self._texts, torch.load(settings.out / "table_sts.pt"), rng) if self._mix.pairs else None
        self._scored = ScoredPairs(settings)
        self._scored_batches = self._scored.epochs(self._scored.training, rng, self._mix.scored)
        self._templates = TemplateMaker(rng)
        real = from_passages(corpus.passages(settings.data), REAL_SQUARES)
        real = [real[i] for i in np.random.default_rng(0).permutation(len(real))]
        self._real, held_back_real = real[HELD_BACK_SQUARES // 2:], real[:HELD_BACK_SQUARES // 2]
        made = TemplateMaker(np.random.default_rng(0))
        self.held_back_squares = self._encode_squares(
            held_back_real + [made.square() for _ in range(HELD_BACK_SQUARES - len(held_back_real))])
        if shared := words_shared_with(evaluation.read_probe()):
            raise ValueError(f"the probe's words are in the lexicon: {shared}")

    def _close(self, ids, limit):
        return [self._tokenizer.cls_id, *ids[:limit - 2], self._tokenizer.sep_id]

    def _encode_squares(self, squares):
        """All first sentences, then all second ones, and so on."""
        return [self._close(self._tokenizer.plain_ids(square[part]), SENTENCE_TOKENS)
                for part in range(4) for square in squares]

    def _sides(self, chosen):
        return ([self._close(self._texts.queries[i], QUERY_TOKENS) for i in chosen]
                + [self._close(self._texts.positives[i], POSITIVE_TOKENS) for i in chosen])

    def pairs(self):
        return self._sides(self._sampler.batch(self._mix.pairs)) if self._sampler else []

    def held_back_pairs(self):
        return self._sides(self._texts.held_back[:HELD_BACK_PAIRS])

    def squares(self):
        real = round(self._mix.squares * REAL_SHARE)
        chosen = [self._real[i] for i in self._rng.integers(len(self._real), size=real)]
        return self._encode_squares(chosen + [self._templates.square() for _ in range(self._mix.squares - real)])

    def scored(self):
        rows = next(self._scored_batches)
        texts = [self._close(drop_words(self._rng, side[i], WORD_DROPOUT), SENTENCE_TOKENS)
                 for side in (self._scored.one, self._scored.other) for i in rows]
        return texts, torch.from_numpy(self._scored.targets[rows])

    def held_back_scored(self):
        rows = self._scored.held_back
        texts = [self._close(side[i], SENTENCE_TOKENS) for side in (self._scored.one, self._scored.other) for i in rows]
        return texts, self._scored.targets[rows]

    def kept(self):
        """Spans of natural passages."""
        texts = []
        for i in self._rng.integers(HELD_BACK_PASSAGES, len(self._texts.passages), size=self._mix.kept):
            passage = self._texts.passages[i]
            length = min(len(passage), int(4 * 2 ** (5 * self._rng.random())))  # 4 to 128, short ones more often
            begin = int(self._rng.integers(0, len(passage) - length + 1))
            texts.append(passage[begin:begin + length])
        return [self._close(text, len(text) + 2) for text in texts]


def info_nce(one, other):
    """Symmetric InfoNCE over rows [B, C]; near-duplicates of a row's partner are no negatives."""
    itself = torch.eye(len(one), dtype=torch.bool, device=one.device)
    logits = one @ other.T / TEMPERATURE
    with torch.no_grad():
        twins = (one @ one.T > TWIN_COSINE) | (other @ other.T > TWIN_COSINE)
    logits = logits.masked_fill(twins & ~itself, -1e4)
    target = torch.arange(len(one), device=one.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def meaning_gaps(a, b, c, d):
    """How much nearer each sentence of the squares is to its other wording than to the other meaning: [4, squares]."""
    def cosine(one, other):
        return (one * other).sum(1)
    ab, cd, ad, bc = cosine(a, b), cosine(c, d), cosine(a, d), cosine(b, c)
    return torch.stack([ab - ad, ab - bc, cd - ad, cd - bc])


def meaning_loss(a, b, c, d):
    """A margin on the gaps, and one on the gaps in units of how far the meanings stand apart at all.

    The sum of the four gaps is 2 (a - c).(b - d). Two sentences of the same words differ by little at first, and then
    only the second term, which is free of that scale, has a gradient worth following.
    """
    gaps = meaning_gaps(a, b, c, d)
    relative = gaps / ((a - c).norm(dim=1) * (b - d).norm(dim=1) + SMALLEST_APART)
    return (F.softplus((MARGIN - gaps) / MARGIN_SOFTNESS).mean() * MARGIN_SOFTNESS
            + RELATIVE_WEIGHT * F.softplus((RELATIVE_MARGIN - relative) / RELATIVE_SOFTNESS).mean() * RELATIVE_SOFTNESS)


def frozen_table(bert, dim):
    """The word vectors that the layers began with, without what the pooled mean cannot see: [vocabulary, C]."""
    table = bert.embeddings["word_embeddings"].weight.detach().clone()
    table[:, dim:] = 0
    return table


def keep_loss(vectors, texts, table):
    """How far natural texts have moved from where the table has them."""
    flat = torch.from_numpy(np.concatenate(texts)).to(table.device)
    starts = torch.from_numpy(np.concatenate(([0], np.cumsum([len(text) for text in texts])[:-1]))).to(table.device)
    bags = F.normalize(F.embedding_bag(flat, table, starts, mode="sum"), dim=1)
    return (1 - (vectors * bags).sum(1)).mean()


def _step_losses(bert, table, examples, device):
    """One pass through the encoder for all kinds of examples: name -> loss."""
    squares, (scored, targets), kept, pairs = examples.squares(), examples.scored(), examples.kept(), examples.pairs()
    parts = (squares, scored, kept, pairs)
    vectors = bert.embed([text for part in parts for text in part]).float()
    square_rows, scored_rows, kept_rows, pair_rows = vectors.split([len(part) for part in parts])
    losses = {"meaning": meaning_loss(*square_rows.chunk(4)),
              "scores": squared_error(*scored_rows.chunk(2), targets.to(device)),
              "keep": keep_loss(kept_rows, kept, table)}
    if pairs:
        losses["pairs"] = info_nce(*pair_rows.chunk(2))
    return losses


@torch.no_grad()
def held_back_measures(bert, examples):
    one, other = bert.embed(examples.held_back_pairs()).chunk(2)
    gaps = meaning_gaps(*bert.embed(examples.held_back_squares).chunk(4))
    scored, targets = examples.held_back_scored()
    left, right = bert.embed(scored).chunk(2)
    return {"InfoNCE": info_nce(one, other).item(),
            "meaning %": 100 * (gaps > 0).float().mean().item(),
            "scores": measures.spearman((left * right).sum(1).cpu().numpy(), targets)}


def _rate(step, done):
    """Linear warm-up, then linear fall to a tenth."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (1 - 0.9 * done)


@torch.no_grad()
def _average(values):
    """The mean over the workers of each tensor, in place."""
    workers = torch.distributed.get_world_size()
    if workers == 1:
        return
    flat = torch.cat([value.flatten() for value in values])
    torch.distributed.all_reduce(flat)
    for value, mean in zip(values, (flat / workers).split([value.numel() for value in values])):
        value.copy_(mean.view_as(value))


def _optimizer(bert, mix):
    bert.embeddings.requires_grad_(mix.trains_embeddings)
    groups = [{"params": list(bert.encoder.parameters()), "base": LAYER_RATE, "weight_decay": 0.01}]
    if mix.trains_embeddings:
        groups.append({"params": list(bert.embeddings.parameters()), "base": EMBEDDING_RATE, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=0.0)


@dataclasses.dataclass
class _Progress:
    """One worker's training of one depth, as a checkpoint holds it."""
    bert: Bert
    mean: Bert  # the running mean of the weights
    optimizer: torch.optim.Optimizer
    rng: np.random.Generator
    step: int = 0

    def save(self, path):
        state = {"bert": self.bert.state_dict(), "mean": self.mean.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "rng": self.rng.bit_generator.state, "step": self.step}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path):
        state = torch.load(path, map_location=self.bert.embeddings["word_embeddings"].weight.device)
        for part in ("bert", "mean", "optimizer"):
            getattr(self, part).load_state_dict(state[part])
        self.rng.bit_generator.state, self.step = state["rng"], state["step"]


def _one_step(progress, table, examples, settings, steps):
    bert, optimizer = progress.bert, progress.optimizer
    half_precision = torch.autocast("cuda", torch.bfloat16) if settings.device == "cuda" else contextlib.nullcontext()
    for group in optimizer.param_groups:
        group["lr"] = group["base"] * _rate(progress.step, progress.step / steps)
    with half_precision:
        losses = _step_losses(bert, table, examples, settings.device)
    optimizer.zero_grad()
    sum(WEIGHTS[name] * loss for name, loss in losses.items()).backward()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
    optimizer.step()
    progress.step += 1
    with torch.no_grad():
        decay = min(MEAN_DECAY, progress.step / (progress.step + 10))
        for kept, now in zip(progress.mean.parameters(), bert.parameters()):
            kept.lerp_(now, 1 - decay)
    return {name: loss.item() for name, loss in losses.items()}


def _train(settings, worker, until):
    """Trains settings.num_layers layers, from the checkpoint where there is one, until the last step or that time."""
    depth, steps = settings.num_layers, _steps(settings)
    bert = _begin(settings).to(settings.device)
    table = frozen_table(bert, identity.content_dim(settings.hidden_size))
    optimizer = _optimizer(bert, MIXES[settings.device])
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    progress = _Progress(bert, copy.deepcopy(bert).requires_grad_(False), optimizer,
                         np.random.default_rng((settings.seed, depth, worker)))
    checkpoint, history = _checkpoint(settings, worker), []
    if checkpoint.exists():
        progress.load(checkpoint)
    examples = Examples(settings, progress.rng)
    if worker == 0 and progress.step == 0:
        settings.log(f"layers: depth {depth}, at the start held back {shown(held_back_measures(bert, examples))}")
    late = torch.zeros(1)
    while progress.step < steps and late == 0:
        history.append(_one_step(progress, table, examples, settings, steps))
        if progress.step % STEPS_BETWEEN_AVERAGES == 0:
            _average(trained)
        if progress.step % REPORT_STEPS == 0 or progress.step == steps:
            late.fill_(float(time.time() > until))
            _average([late])  # all workers stop, or none
            progress.save(checkpoint)
            if worker == 0:
                means = {name: np.mean([losses[name] for losses in history]) for name in history[0]}
                settings.log(f"layers: depth {depth}, step {progress.step} of {steps}, losses {shown(means)}; held back "
                             f"{shown(held_back_measures(progress.mean, examples))}")
            history = []
    if worker == 0 and progress.step == steps:
        torch.save(progress.mean.state_dict(), weights_path(settings, depth))


def shown(values):
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())


def _steps(settings):
    of_first, of_later = MIXES[settings.device].steps
    return of_first if settings.num_layers == 1 else of_later


def weights_path(settings, depth):
    """The finished weights of that many layers."""
    return settings.out / f"layers-{depth}.pt"


def _checkpoint(settings, worker):
    return settings.out / f"checkpoint-{settings.num_layers}-{worker}.pt"


def _begin(settings):
    """What `mlm` made; else a new layer on top of the finished ones below it; else the table's layer, awake."""
    for path in (_masked(settings), weights_path(settings, settings.num_layers - 1)):
        if path.exists():
            return identity.grow(settings, torch.load(path, map_location="cpu"))
    return identity.start(settings)


def _masked(settings):
    return settings.out / "mlm.pt"


def _work(worker, settings, workers, meeting_file, until):
    """On a CPU: one process and one thread a core, which is three times as fast as one process with many threads."""
    torch.set_num_threads(1 if settings.device == "cpu" else settings.threads)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting_file}", rank=worker, world_size=workers)
    _train(settings, worker, until)


def run(settings):
    """One layer is trained first, then the next grown on top of it; all at once after `mlm`.

    Goes on from the checkpoints where there are some: settings.minutes, if given, ends a sitting before the steps do. The
    number of workers must not change in between, since each has a checkpoint of its own.
    """
    workers = settings.threads if settings.device == "cpu" else 1
    until = time.time() + 60 * (settings.minutes or float("inf"))
    for depth in range(settings.num_layers if _masked(settings).exists() else 1, settings.num_layers + 1):
        if weights_path(settings, depth).exists():
            continue
        part = dataclasses.replace(settings, num_layers=depth)
        with tempfile.TemporaryDirectory() as folder:
            torch.multiprocessing.spawn(_work, (part, workers, os.path.join(folder, "meeting"), until), nprocs=workers)
        if not weights_path(settings, depth).exists():
            raise SystemExit(f"layers: time is over at depth {depth}; run the stage again to go on")
