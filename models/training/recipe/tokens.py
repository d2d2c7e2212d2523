"""Stage 2: the training texts as arrays of token ids, made once (tokens.npz)."""

import itertools
import multiprocessing

import numpy as np

from recipe import corpus
from recipe.wordpiece import WordPiece

MAX_TOKENS = 128  # a text; the start of a passage says what it is about
HELD_BACK_PAIRS = 2000
HELD_BACK_PASSAGES = 200
_TEXTS_PER_TASK = 2000


class Texts:
    """Many token sequences in one flat array; text i is flat[starts[i]:starts[i + 1]]."""

    def __init__(self, flat, starts):
        self.flat, self.starts = flat, starts

    def __len__(self):
        return len(self.starts) - 1

    def __getitem__(self, i):
        return self.flat[self.starts[i]:self.starts[i + 1]]

    def bags(self, chosen, dropper=None):
        """The chosen texts as (flat ids, start of each), the form that EmbeddingBag takes."""
        parts = [self[i] if dropper is None else dropper(self[i]) for i in chosen]
        lengths = np.fromiter((len(p) for p in parts), np.int64, len(parts))
        return np.concatenate(parts).astype(np.int64), np.concatenate(([0], np.cumsum(lengths)[:-1]))


_tokenizer = None


def _start_worker(vocabulary_path):
    global _tokenizer
    _tokenizer = WordPiece.from_file(vocabulary_path)


def _encode_chunk(texts):
    rows = [_tokenizer.plain_ids(text)[:MAX_TOKENS] or [_tokenizer.unk_id] for text in texts]
    return np.concatenate([np.array(r, np.uint16) for r in rows]), [len(r) for r in rows]


def encode_all(texts, vocabulary_path, threads):
    chunks = iter(lambda source=iter(texts): list(itertools.islice(source, _TEXTS_PER_TASK)), [])
    with multiprocessing.Pool(threads, _start_worker, (str(vocabulary_path),)) as pool:
        results = list(pool.imap(_encode_chunk, chunks))
    lengths = list(itertools.chain.from_iterable(r[1] for r in results))
    return Texts(np.concatenate([r[0] for r in results]), np.concatenate(([0], np.cumsum(lengths))))


def _synonyms(record):
    """WordNet lists all words of a sense before its definition: neighbours in the list are synonyms."""
    words = record["query"].split(", ")
    return list(zip(words, words[1:])) if record["kind"] == "definition" else []


def all_pairs(data_dir):
    """(query, positive, kind), the synonyms of each definition among them, in a fixed shuffled order."""
    pairs = []
    for record in corpus.pairs(data_dir):
        pairs.append((record["query"], record["positive"], record["kind"]))
        if record["source"] == "wordnet":
            pairs.extend((one, other, "synonym") for one, other in _synonyms(record))
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i] for i in order]


def run(settings):
    vocabulary = settings.out / "vocab.txt"
    pairs = all_pairs(settings.data)
    queries = encode_all((p[0] for p in pairs), vocabulary, settings.threads)
    positives = encode_all((p[1] for p in pairs), vocabulary, settings.threads)
    passages = encode_all((p["text"] for p in corpus.passages(settings.data)), vocabulary, settings.threads)
    np.savez(settings.out / "tokens.npz", kinds=np.array([p[2] for p in pairs]),
             **{f"{name}_{part}": getattr(texts, part)
                for name, texts in (("queries", queries), ("positives", positives), ("passages", passages))
                for part in ("flat", "starts")})
    settings.log(f"tokens: {len(pairs)} pairs of {len(queries.flat) + len(positives.flat)} tokens, "
                 f"{len(passages)} passages of {len(passages.flat)} tokens")


class TrainingTexts:
    """What `run` wrote. The first pairs are held back for early stopping: never train on those."""

    def __init__(self, settings):
        with np.load(settings.out / "tokens.npz") as saved:
            self.kinds = saved["kinds"]
            self.queries, self.positives, self.passages = (
                Texts(saved[f"{name}_flat"], saved[f"{name}_starts"]) for name in ("queries", "positives", "passages"))
        self.held_back = np.arange(HELD_BACK_PAIRS)
        self.training = np.arange(HELD_BACK_PAIRS, len(self.queries))

    def token_probabilities(self, vocabulary_size):
        counts = sum(np.bincount(texts.flat, minlength=vocabulary_size)
                     for texts in (self.queries, self.positives, self.passages))
        return counts / counts.sum()
