"""The floor that costs nothing: random word vectors weighted by how rare a word is."""

import itertools

import numpy as np

from recipe import corpus
from recipe.wordpiece import SPECIAL_TOKENS, WordPiece

DIM = 254
IDF_SMOOTHING = 1e-3
COUNTED_PASSAGES = 20_000  # every fourteenth, to count words in
MAX_TOKENS = 256


class RandomBags:
    def __init__(self, vocabulary_path, data_dir, seed=1):
        self._tokenizer = WordPiece.from_file(vocabulary_path)
        size = len(self._tokenizer.vocabulary)
        counts = np.ones(size)
        for passage in itertools.islice(corpus.passages(data_dir), 0, 14 * COUNTED_PASSAGES, 14):
            np.add.at(counts, self._tokenizer.plain_ids(passage["text"]), 1)
        weight = IDF_SMOOTHING / (IDF_SMOOTHING + counts / counts.sum())
        weight[:len(SPECIAL_TOKENS)] = 0
        self._table = np.random.default_rng(seed).standard_normal((size, DIM)) * weight[:, None]

    def embed(self, texts):
        vectors = np.stack([self._table[self._tokenizer.encode(t, MAX_TOKENS)[0]].sum(0) for t in texts])
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
