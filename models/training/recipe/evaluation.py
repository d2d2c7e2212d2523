"""All measures of one encoder on the dev sets; an encoder is a function: texts -> [texts, C] normalised rows."""

import csv
import pathlib

import numpy as np

from recipe import corpus, measures

STS_SETS = {"STS-B dev": "stsb-en-dev.tsv", "SICK dev": "sick-dev.tsv"}
RETRIEVAL_SETS = ("cranfield", "med", "dbpedia-5k")
FUSION_WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)  # of the dense list; BM25 weighs 1
PROBE = pathlib.Path(__file__).parent.parent / "probe.tsv"


def sts_score(embed, rows):
    """`rows`: (score, sentence1, sentence2)"""
    both = embed([row[1] for row in rows] + [row[2] for row in rows])
    similarities = (both[:len(rows)] * both[len(rows):]).sum(1)
    return measures.spearman(similarities, [row[0] for row in rows])


def dense_scores(embed, retrieval_set):
    vectors = embed(retrieval_set.queries + retrieval_set.documents)
    count = len(retrieval_set.queries)
    return vectors[:count] @ vectors[count:].T


def read_probe(path=PROBE):
    """(kind, anchor, same, different)"""
    with open(path, encoding="utf-8", newline="") as lines:
        return [tuple(row) for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)][1:]


def probe_scores(embed, rows):
    """kind -> accuracy, and "all"."""
    vectors = embed([text for row in rows for text in row[1:]])
    anchor, same, different = vectors[0::3], vectors[1::3], vectors[2::3]
    similar, dissimilar = (anchor * same).sum(1), (anchor * different).sum(1)
    kinds = np.array([row[0] for row in rows])
    scores = {kind: measures.probe_accuracy(similar[kinds == kind], dissimilar[kinds == kind])
              for kind in dict.fromkeys(kinds)}
    return {**scores, "all": measures.probe_accuracy(similar, dissimilar)}


class DevSets:
    """The dev sets, read once, with BM25's scores beside them."""

    def __init__(self, data_dir):
        data_dir = pathlib.Path(data_dir)
        self.sts = {name: corpus.sentence_pairs(data_dir / "sts" / file) for name, file in STS_SETS.items()}
        self.retrieval = [corpus.RetrievalSet(data_dir / "retrieval" / name) for name in RETRIEVAL_SETS]
        self.bm25 = [measures.bm25_scores(r.queries, r.documents) for r in self.retrieval]
        self.probe = read_probe()

    def lexical_floor(self):
        scores = {name: measures.spearman(measures.tfidf_similarities([row[1:] for row in rows]), [row[0] for row in rows])
                  for name, rows in self.sts.items()}
        ndcg = [measures.mean_ndcg(scores, r) for scores, r in zip(self.bm25, self.retrieval)]
        return {**scores, "dense": ndcg}

    def measure(self, embed):
        """{"STS-B dev", "SICK dev", "dense": [3 nDCG], "fused": [3 nDCG], "fused weight", "probe": kind -> accuracy}"""
        result = {name: sts_score(embed, rows) for name, rows in self.sts.items()}
        dense = [dense_scores(embed, r) for r in self.retrieval]
        result["dense"] = [measures.mean_ndcg(scores, r) for scores, r in zip(dense, self.retrieval)]
        result["fused weight"], result["fused"] = max(
            ((weight, self._fused(dense, weight)) for weight in FUSION_WEIGHTS), key=lambda pair: np.mean(pair[1]))
        result["probe"] = probe_scores(embed, self.probe)
        return result

    def _fused(self, dense, weight):
        return [measures.mean_ndcg(measures.fuse(scores, lexical, weight), r)
                for scores, lexical, r in zip(dense, self.bm25, self.retrieval)]
