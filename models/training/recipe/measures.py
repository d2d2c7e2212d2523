"""The measures and the bag-of-words floors: Spearman, nDCG@10, tf-idf, BM25, weighted rank fusion."""

import collections
import math
import re

import numpy as np
import scipy.stats

_WORD = re.compile(r"[a-z0-9]+")
K1, B = 1.2, 0.75  # BM25
RANK_CONSTANT = 60  # reciprocal rank fusion
CUT = 10  # nDCG@10
FUSED_DEPTH = 1000
TIE = 1e-4  # cosines nearer than this are equal: the same words summed in another order, in half precision


def plain_words(text):
    return _WORD.findall(text.lower())


def spearman(similarities, scores):
    return 100 * scipy.stats.spearmanr(similarities, scores)[0]


def ndcg(ranking, grades):
    """`ranking`: document ids, best first; `grades`: document id -> grade (absent: 0); gain 2^grade - 1."""
    def discounted(gains):
        return sum((2 ** gain - 1) / math.log2(rank + 2) for rank, gain in enumerate(gains))
    ideal = discounted(sorted(grades.values(), reverse=True)[:CUT])
    return discounted([grades.get(d, 0) for d in ranking[:CUT]]) / ideal if ideal > 0 else None


def mean_ndcg(scores, retrieval_set):
    """`scores`: queries x documents, larger is better."""
    values = []
    for row, query in zip(scores, retrieval_set.query_ids):
        best = np.argsort(-row, kind="stable")[:CUT]
        value = ndcg([retrieval_set.document_ids[i] for i in best], retrieval_set.grades[query])
        if value is not None:
            values.append(value)
    return float(np.mean(values))


def bm25_scores(queries, documents):
    counts = [collections.Counter(plain_words(d)) for d in documents]
    lengths = np.array([sum(c.values()) for c in counts], float)
    postings = collections.defaultdict(list)
    for i, count in enumerate(counts):
        for word, frequency in count.items():
            postings[word].append((i, frequency))
    scores = np.zeros((len(queries), len(documents)))
    norm = K1 * (1 - B + B * lengths / lengths.mean())
    for row, query in zip(scores, queries):
        for word in dict.fromkeys(plain_words(query)):
            if word in postings:
                where, frequency = np.array(postings[word]).T
                idf = math.log(1 + (len(documents) - len(where) + 0.5) / (len(where) + 0.5))
                row[where] += idf * frequency * (K1 + 1) / (frequency + norm[where])
    return scores


def tfidf_similarities(sentence_pairs):
    """Cosine of tf-idf vectors, idf counted over the sentences themselves."""
    bags = [[collections.Counter(plain_words(s)) for s in pair] for pair in sentence_pairs]
    document_frequency = collections.Counter(word for pair in bags for bag in pair for word in bag)
    total = 2 * len(bags)
    idf = {word: math.log(total / count) for word, count in document_frequency.items()}

    def dot(a, b):
        return sum(n * b[word] * idf[word] ** 2 for word, n in a.items() if word in b)
    return [dot(a, b) / math.sqrt(dot(a, a) * dot(b, b) or 1.0) for a, b in bags]


def fuse(dense, lexical, dense_weight):
    """Weighted reciprocal rank fusion; a document that BM25 scores 0 is not in its list."""
    fused = np.zeros_like(dense)
    for row, dense_row, lexical_row in zip(fused, dense, lexical):
        order = np.argsort(-dense_row, kind="stable")[:FUSED_DEPTH]
        row[order] += dense_weight / (RANK_CONSTANT + 1 + np.arange(len(order)))
        order = np.argsort(-lexical_row, kind="stable")[:FUSED_DEPTH]
        order = order[lexical_row[order] > 0]
        row[order] += 1 / (RANK_CONSTANT + 1 + np.arange(len(order)))
    return fused


def probe_accuracy(similar, different):
    """Share of triples whose anchor is closer to the same meaning; a tie (a bag of words) counts one half."""
    gap = np.asarray(similar) - np.asarray(different)
    return 100 * float(np.mean(np.where(np.abs(gap) < TIE, 0.5, gap > 0)))
