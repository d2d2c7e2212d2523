"""Stage 1: weighted word counts -> byte-pair merges -> a WordPiece vocabulary (vocab.txt).

The reference pages are many and alike, the dictionary and the trivia few and broad, so that words are counted with a
weight by source: the vocabulary must serve everyday English, not only the manuals it is mostly read from.
"""

import collections
import heapq
import itertools

from recipe import corpus
from recipe.wordpiece import SPECIAL_TOKENS, words_of

MIN_WEIGHTED_COUNT = 4
MIN_CHARACTER_COUNT = 60


def _weight(source):
    if source in ("wordnet", "opentriviaqa"):
        return 4.0
    if source.startswith("openstax"):
        return 3.0
    if source == "medquad":
        return 1.0
    return 0.5 if source in ("gutenberg", "pepys") else 0.3


def count_words(data_dir):
    raw = collections.defaultdict(collections.Counter)  # weight -> word counts
    for record in itertools.chain(corpus.passages(data_dir), corpus.pairs(data_dir)):
        counts = raw[_weight(record["source"])]
        for field in ("text", "query", "positive"):
            if field in record:
                counts.update(words_of(record[field]))
    for _, sentence1, sentence2 in corpus.stsb_train(data_dir):
        raw[10.0].update(words_of(sentence1) + words_of(sentence2))
    total = collections.Counter()
    for weight, counts in raw.items():
        for word, count in counts.items():
            total[word] += weight * count
    return total


def merge_pieces(counts, size):
    """BPE over `counts` (word -> weight), pieces written the WordPiece way; returns `size` pieces at most."""
    words = [(word, count) for word, count in counts.items() if count >= MIN_WEIGHTED_COUNT and len(word) <= 40]
    characters = collections.Counter()
    for word, count in words:
        for char in word:
            characters[char] += count
    alphabet = {c for c, n in characters.items() if n >= MIN_CHARACTER_COUNT or c.isascii()}
    words = [(word, count) for word, count in words if set(word) <= alphabet]

    pieces = dict.fromkeys(sorted(alphabet) + ["##" + c for c in sorted(alphabet) if c.isalnum()])
    spelled = [[word[0], *("##" + c for c in word[1:])] for word, _ in words]
    weight_of_pair, words_with = collections.Counter(), collections.defaultdict(set)
    for i, (symbols, (_, count)) in enumerate(zip(spelled, words)):
        for pair in zip(symbols, symbols[1:]):
            weight_of_pair[pair] += count
            words_with[pair].add(i)
    heap = [(-weight, pair) for pair, weight in weight_of_pair.items()]
    heapq.heapify(heap)

    while len(pieces) < size and heap:
        weight, pair = heapq.heappop(heap)
        if -weight != weight_of_pair[pair]:  # an old entry: the pair lost or gained weight since
            continue
        merged = pair[0] + pair[1][2:]
        pieces[merged] = None
        changed = set()
        for i in words_with.pop(pair):
            before, count = spelled[i], words[i][1]
            after = _merge(before, pair, merged)
            for old in zip(before, before[1:]):
                weight_of_pair[old] -= count
                changed.add(old)
            for new in zip(after, after[1:]):
                weight_of_pair[new] += count
                words_with[new].add(i)
                changed.add(new)
            spelled[i] = after
        for other in changed:
            if weight_of_pair[other] > 0:
                heapq.heappush(heap, (-weight_of_pair[other], other))
    return list(pieces)


def _merge(symbols, pair, merged):
    result, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            result.append(merged)
            i += 2
        else:
            result.append(symbols[i])
            i += 1
    return result


def run(settings):
    counts = count_words(settings.data)
    pieces = merge_pieces(counts, settings.vocabulary_size - len(SPECIAL_TOKENS))
    (settings.out / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *pieces]) + "\n", encoding="utf-8")
    settings.log(f"vocabulary: {len(pieces) + len(SPECIAL_TOKENS)} pieces from {len(counts)} words")
