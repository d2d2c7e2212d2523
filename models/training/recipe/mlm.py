"""An optional stage before the layers: masked words, for whoever has hours of CPU or a GPU.

The embeddings stay frozen, so that the table survives; the layers learn what a word means among its neighbours. A few
minutes of this do harm (the layers are then neither the table's nor a language model's); `train` without --stage leaves
it out. It writes OUT/mlm.pt, where the stage `layers` then begins.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F

from recipe import identity
from recipe.bert import padded
from recipe.tokens import HELD_BACK_PASSAGES, TrainingTexts
from recipe.wordpiece import WordPiece

DEFAULT_MINUTES = 120.0
TEXTS = 64  # of one step
LENGTH = 64
MASKED_SHARE = 0.15
RATE = 5e-4
WARM_UP_STEPS = 200
REPORT_STEPS = 200


class MaskedBatches:
    def __init__(self, settings, rng):
        self._rng = rng
        self._tokenizer = WordPiece.from_file(settings.out / "vocab.txt")
        texts = TrainingTexts(settings)
        self._passages = texts.passages
        self.log_frequencies = np.log(texts.token_probabilities(settings.vocabulary_size) + 1e-7).astype(np.float32)

    def batch(self, chosen):
        """(masked ids [B, T], mask [B, T], where [N] flat places, what [N] the words that stood there)"""
        tokenizer, rows = self._tokenizer, []
        for i in chosen:
            passage = self._passages[i]
            begin = int(self._rng.integers(0, max(1, len(passage) - LENGTH)))
            rows.append([tokenizer.cls_id, *passage[begin:begin + LENGTH], tokenizer.sep_id])
        ids, mask = padded(rows)
        words = (mask > 0) & (ids != tokenizer.cls_id) & (ids != tokenizer.sep_id)
        hidden = words & (self._rng.random(ids.shape) < MASKED_SHARE)
        where = np.flatnonzero(hidden)
        what = ids.reshape(-1)[where]
        ids[hidden] = tokenizer.mask_id
        return tuple(torch.from_numpy(array) for array in (ids, mask, where, what))

    def training(self):
        return self.batch(self._rng.integers(HELD_BACK_PASSAGES, len(self._passages), size=TEXTS))

    def held_back(self):
        return self.batch(range(HELD_BACK_PASSAGES))


def masked_loss(bert, scale, prior, batch, device):
    """Cross-entropy of the hidden words; the table itself is the output matrix, `scale` its learnt temperature and
    `prior` [vocabulary] the logarithm of each word's frequency."""
    ids, mask, where, what = (tensor.to(device) for tensor in batch)
    states = bert.hidden_states(ids, mask).flatten(0, 1)[where]
    return F.cross_entropy(states @ bert.embeddings["word_embeddings"].weight.T * scale + prior, what)


def run(settings):
    device = settings.device
    bert = identity.start(settings).to(device)
    bert.embeddings.requires_grad_(False)
    scale = torch.full((), 0.05, device=device, requires_grad=True)
    batches = MaskedBatches(settings, np.random.default_rng(settings.seed))
    prior = torch.from_numpy(batches.log_frequencies).to(device)
    held_back = batches.held_back()
    optimizer = torch.optim.AdamW([{"params": list(bert.encoder.parameters())}, {"params": [scale], "weight_decay": 0.0}],
                                  weight_decay=0.01)
    begin, step, done, losses = time.time(), 0, 0.0, []
    while done < 1:
        done = (time.time() - begin) / (60 * (settings.minutes or DEFAULT_MINUTES))
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * max(0.0, 1 - 0.9 * done)
        loss = masked_loss(bert, scale, prior, batches.training(), device)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(bert.encoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if step % REPORT_STEPS == 0 or done >= 1:
            with torch.no_grad():
                kept = masked_loss(bert, scale, prior, held_back, device).item()
            settings.log(f"mlm: step {step}, {100 * min(done, 1):.0f} %, loss {np.mean(losses):.3f}, held back {kept:.3f}")
            torch.save(bert.state_dict(), settings.out / "mlm.pt")
            losses = []
