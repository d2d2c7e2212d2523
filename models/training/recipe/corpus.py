"""Reads the training and dev data, and knows which of its sources may go into weights that are given away."""

import csv
import json
import pathlib
import subprocess

# Sources whose licences allow redistribution of what is built from them. Everything else in the data (non-commercial
# textbooks, research-only captions and paraphrases, recipes of unclear terms, translations) is never read.
CLEAN_SOURCES = frozenset({
    "openstax-economics", "openstax-anthropology", "openstax-business", "medquad", "gutenberg", "pepys", "peps",
    "rust-rfcs", "aws-ec2", "aws-lambda", "aws-rds", "mdn-archived", "ms-cpp", "ms-powershell", "ms-drivers",
    "ms-win32", "ms-biztalk", "ms-vba", "wordnet", "tldr", "opentriviaqa",
})


def _records(data_dir, pattern):
    for path in sorted((pathlib.Path(data_dir) / "corpus").glob(pattern)):
        with subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE, text=True, encoding="utf-8") as unpack:
            for line in unpack.stdout:
                record = json.loads(line)
                if record["source"] in CLEAN_SOURCES:
                    yield record
        if unpack.returncode:
            raise OSError(f"{path}: zstd ended with status {unpack.returncode}")


def passages(data_dir):
    """Clean paragraphs: {"text", "source", ...}."""
    return _records(data_dir, "passages-*.jsonl.zst")


def pairs(data_dir):
    """Clean natural pairs: {"query", "positive", "kind", "source"}."""
    return _records(data_dir, "pairs-*.jsonl.zst")


def sentence_pairs(path):
    """Rows of an STS file: (score, sentence1, sentence2)."""
    with open(path, encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return [(float(row[0]), row[1], row[2]) for row in rows]


def stsb_train(data_dir):
    return sentence_pairs(pathlib.Path(data_dir) / "sts" / "stsb-en-train.tsv")


class RetrievalSet:
    """Documents, queries and graded judgements of one dev set."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.name = folder.name
        documents = _json_lines(folder / "corpus.jsonl")
        self.document_ids = [d["_id"] for d in documents]
        self.documents = [f'{d.get("title", "")} {d["text"]}'.strip() for d in documents]
        queries = _json_lines(folder / "queries.jsonl")
        self.query_ids = [q["_id"] for q in queries]
        self.queries = [q["text"] for q in queries]
        self.grades = {query: {} for query in self.query_ids}  # query id -> document id -> grade
        with open(folder / "qrels.tsv", encoding="utf-8") as lines:
            next(lines)
            for line in lines:
                query, document, grade = line.rstrip("\n").split("\t")
                if query in self.grades:
                    self.grades[query][document] = int(grade)


def _json_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
