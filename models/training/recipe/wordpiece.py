"""BERT's WordPiece, lower-case: text -> token ids.

The rules are those of Hugging Face's BertNormalizer (clean text, space around CJK, strip accents, lower-case),
BertPreTokenizer and WordPiece, which Kith's C++ encoder implements too. A plain ASCII text takes a short cut that
gives the same ids; everything else goes character by character.
"""

import re
import unicodedata

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_WORD_LENGTH = 100

_ASCII_WORD = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_ASCII_PLAIN = re.compile(r"[\t\n\r -~]*\Z")
_SPECIAL = re.compile("(" + "|".join(re.escape(t) for t in SPECIAL_TOKENS) + ")")

_CJK_RANGES = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)


def _is_cjk(char):
    code = ord(char)
    return code >= 0x3400 and any(low <= code <= high for low, high in _CJK_RANGES)


def _is_punctuation(char):
    return _ASCII_WORD.fullmatch(char) is not None and not char.isalnum() or unicodedata.category(char)[0] == "P"


def _clean(text):
    for char in text:
        if char in "\t\n\r" or char.isspace() and unicodedata.category(char)[0] == "Z":
            yield " "
        elif char != "\ufffd" and unicodedata.category(char)[0] != "C":
            yield f" {char} " if _is_cjk(char) else char


def _normalise(text):
    decomposed = unicodedata.normalize("NFD", "".join(_clean(text)))
    # Lower-casing goes one character at a time, as the Rust library does: no final sigma.
    return "".join(c.lower() for c in decomposed if unicodedata.category(c) != "Mn")


def words_of(text):
    """The normalised words and punctuation marks of a text without special tokens."""
    if _ASCII_PLAIN.match(text):
        return _ASCII_WORD.findall(text.lower())
    words = []
    for chunk in _normalise(text).split():
        start = 0
        for i, char in enumerate(chunk):
            if _is_punctuation(char):
                if start < i:
                    words.append(chunk[start:i])
                words.append(char)
                start = i + 1
        if start < len(chunk):
            words.append(chunk[start:])
    return words


class WordPiece:
    def __init__(self, vocabulary):
        """`vocabulary`: the list of tokens; a token's place is its id."""
        self.vocabulary = list(vocabulary)
        self.id_of = {token: i for i, token in enumerate(self.vocabulary)}
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (self.id_of[t] for t in SPECIAL_TOKENS)
        self._ids_of_word = {}

    @classmethod
    def from_file(cls, path):
        with open(path, encoding="utf-8") as lines:
            return cls(line.rstrip("\n") for line in lines)

    def _pieces(self, word):
        """Greedy longest match first; a word that cannot be covered is one unknown token."""
        if len(word) > MAX_WORD_LENGTH:
            return [self.unk_id]
        ids, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self.id_of.get(prefix + word[start:end])
                if piece is not None:
                    break
            else:
                return [self.unk_id]
            ids.append(piece)
            start = end
        return ids

    def plain_ids(self, text):
        """Ids without [CLS] and [SEP], no truncation."""
        ids = []
        for part in _SPECIAL.split(text):
            if part in SPECIAL_TOKENS:
                ids.append(self.id_of[part])
                continue
            for word in words_of(part):
                pieces = self._ids_of_word.get(word)
                if pieces is None:
                    pieces = self._ids_of_word[word] = self._pieces(word)
                ids.extend(pieces)
        return ids

    def encode(self, text, max_seq_length):
        """(ids with [CLS] and [SEP], whether the text was truncated)."""
        ids = self.plain_ids(text)
        room = max_seq_length - 2
        return [self.cls_id, *ids[:room], self.sep_id], len(ids) > room
