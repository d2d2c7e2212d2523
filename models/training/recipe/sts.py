"""Human similarity scores (STS-B train) as a regression: cosine -> score / 5, with word dropout."""

import numpy as np

from recipe import corpus
from recipe.wordpiece import WordPiece

HELD_BACK_ROWS = 500
WORD_DROPOUT = 0.1
MAX_SCORE = 5.0


class ScoredPairs:
    """STS-B train as token ids without [CLS] and [SEP]; the last rows in a fixed shuffle are held back."""

    def __init__(self, settings):
        tokenizer = WordPiece.from_file(settings.out / "vocab.txt")
        rows = corpus.stsb_train(settings.data)
        rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
        self.one, self.other = ([np.array(tokenizer.plain_ids(row[side])) for row in rows] for side in (1, 2))
        self.targets = np.array([row[0] / MAX_SCORE for row in rows], np.float32)
        self.training = np.arange(len(rows) - HELD_BACK_ROWS)
        self.held_back = np.arange(len(rows) - HELD_BACK_ROWS, len(rows))

    def epochs(self, rows, rng, batch):
        """Endless shuffled batches of the row numbers `rows`."""
        while True:
            order = rng.permutation(rows)
            yield from (order[i:i + batch] for i in range(0, len(order) - batch + 1, batch))


def squared_error(one, other, targets):
    return ((one * other).sum(1) - targets).square().mean()
