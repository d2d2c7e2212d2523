"""Sentences whose meaning hangs on word order and on where the negation stands.

Each square is (a, b, c, d): a and b say one thing in two ways, c and d say another thing in the same two ways, and a and
c, like b and d, hold (in nearly all) the very same words. No bag of words can tell which of b and d means a: whatever
is learnt here is learnt by the layers. Two makers: templates over the words of lexicon.py, and real sentences of the
clean passages whose clauses or arguments change places.
"""

import re

from recipe import lexicon


class TemplateMaker:
    def __init__(self, rng):
        self._rng = rng
        self._families = [(self._voice, 5), (self._converse, 3), (self._place, 2), (self._comparison, 3),
                          (self._negated_one, 3), (self._negated_verb, 2), (self._negated_adjective, 2),
                          (self._opposite, 2), (self._fronted, 2), (self._joined, 3)]
        weights = [weight for _, weight in self._families]
        self._chances = [weight / sum(weights) for weight in weights]

    def square(self):
        family = self._families[self._rng.choice(len(self._families), p=self._chances)][0]
        texts = family()
        if self._chance(0.3):
            adverb = self._pick(lexicon.ADVERBS)
            texts = [f"{text} {adverb}" for text in texts]
        end = "." if self._chance(0.6) else ""
        return tuple(text[0].upper() + text[1:] + end for text in texts)

    def _pick(self, words):
        return words[self._rng.integers(len(words))]

    def _chance(self, share):
        return self._rng.random() < share

    def _two(self, make):
        one, other = make(), make()
        while other == one:
            other = make()
        return one, other

    def _noun_phrase(self, nouns):
        adjective = self._pick(lexicon.ADJECTIVES) + " " if self._chance(0.25) else ""
        return f"{self._pick(('the', 'the', 'a', 'my', 'this', 'his', 'her'))} {adjective}{self._pick(nouns)}"

    def _someone(self):
        kind = self._rng.random()
        if kind < 0.35:
            return self._pick(lexicon.NAMES)
        if kind < 0.45:
            return self._pick(lexicon.COMPANIES)
        return self._noun_phrase(lexicon.PEOPLE if kind < 0.75 else lexicon.ANIMALS)

    def _something(self):
        return self._noun_phrase(lexicon.THINGS)

    def _verb(self):
        participle, _, past = self._pick(lexicon.VERBS).replace("_", " ").partition(":")
        return past or participle, participle

    def _clauses(self):
        """(active, passive) as functions of doer and undergoer."""
        past, participle = self._verb()
        active, passive = self._pick((
            (past, f"was {participle}"), (past, f"was {participle}"), (f"has {participle}", f"has been {participle}"),
            (f"had {participle}", f"had been {participle}"), (f"must have {participle}", f"must have been {participle}"),
            (f"might have {participle}", f"might have been {participle}"),
            (f"never {past}", f"was never {participle}")))
        return (lambda x, y: f"{x} {active} {y}"), (lambda x, y: f"{y} {passive} by {x}")

    def _voice(self):
        x, y = self._two(self._someone)
        anchor, other = self._clauses()
        if self._chance(0.4):
            anchor, other = other, anchor
        return anchor(x, y), other(x, y), anchor(y, x), other(y, x)

    def _fronted(self):
        x, y = self._two(self._someone)
        clause = self._pick(self._clauses())
        adverb = self._pick(lexicon.ADVERBS)
        return (f"{clause(x, y)} {adverb}", f"{adverb}, {clause(x, y)}",
                f"{clause(y, x)} {adverb}", f"{adverb}, {clause(y, x)}")

    def _joined(self):
        """Two clauses may change places, their subjects may not."""
        x, y = self._two(self._someone)
        (one, _), (other, _) = self._two(self._verb)
        p, q = self._two(self._something if self._chance(0.5) else self._someone)
        and_ = self._pick((" and", ", and", ", but", ", while"))
        return (f"{x} {one} {p}{and_} {y} {other} {q}", f"{y} {other} {q}{and_} {x} {one} {p}",
                f"{y} {one} {p}{and_} {x} {other} {q}", f"{x} {other} {q}{and_} {y} {one} {p}")

    def _either_way(self, forms, x, y, thing=""):
        anchor, other = (forms if self._chance(0.5) else forms[::-1])
        return (anchor.format(x=x, y=y, t=thing), other.format(x=x, y=y, t=thing),
                anchor.format(x=y, y=x, t=thing), other.format(x=y, y=x, t=thing))

    def _converse(self):
        return self._either_way(self._pick(lexicon.CONVERSES), *self._two(self._someone), self._something())

    def _place(self):
        return self._either_way(self._pick(lexicon.PLACES), *self._two(self._something))

    def _comparison(self):
        x, y = self._two(self._someone if self._chance(0.5) else self._something)
        if self._chance(0.3):
            adjective = self._pick(lexicon.ADJECTIVES)
            more, less = f"more {adjective}", f"less {adjective}"
        else:
            more, less = self._pick(lexicon.COMPARATIVES).split(":")
        if self._chance(0.5):
            more, less = less, more
        be = self._pick(("is", "was", "looks", "seems", "became"))
        return (f"{x} {be} {more} than {y}", f"{y} {be} {less} than {x}",
                f"{y} {be} {more} than {x}", f"{x} {be} {less} than {y}")

    def _auxiliary(self):
        return self._pick((("can", "cannot"), ("will", "will not"), ("did", "did not"), ("could", "could not"),
                           ("must", "must not"), ("may", "may not"), ("can", "can't"), ("will", "won't")))

    def _negated_one(self):
        x, y = self._two(self._someone)
        yes, no = self._auxiliary()
        verb, but = self._pick(lexicon.SHORT_VERBS), self._pick(("but", "and", "while", "whereas", ", but"))
        return (f"{x} {yes} {verb} {but} {y} {no}", f"{y} {no} {verb} {but} {x} {yes}",
                f"{y} {yes} {verb} {but} {x} {no}", f"{x} {no} {verb} {but} {y} {yes}")

    def _negated_verb(self):
        x = self._someone()
        yes, no = self._auxiliary()
        one, other = self._two(lambda: self._pick(lexicon.SHORT_VERBS))
        but = self._pick(("but", "and", ", but"))
        return (f"{x} {yes} {one} {but} {no} {other}", f"{x} {no} {other} {but} {yes} {one}",
                f"{x} {yes} {other} {but} {no} {one}", f"{x} {no} {one} {but} {yes} {other}")

    def _negated_adjective(self):
        x = self._someone() if self._chance(0.5) else self._something()
        one, other = self._two(lambda: self._pick(lexicon.ADJECTIVES))
        be = self._pick(("is", "was", "looks", "seems"))
        return (f"{x} {be} {one}, not {other}", f"{x} {be} not {other} but {one}",
                f"{x} {be} {other}, not {one}", f"{x} {be} not {one} but {other}")

    def _opposite(self):
        x = self._someone() if self._chance(0.5) else self._something()
        one, other = self._pick(lexicon.OPPOSITES).split(":")
        if self._chance(0.5):
            one, other = other, one
        be = self._pick(("is", "was", "looks", "seems", "became"))
        return f"{x} {be} {one}", f"{x} {be} not {other}", f"{x} {be} {other}", f"{x} {be} not {one}"


_SENTENCE = re.compile(r"(?<=[.!?]) +")
_CLAUSES = re.compile(r"([A-Z][^,;:.()\"]{12,90}?),? (because|when|while|although|if|until|unless|though|whereas|where) "
                      r"([^,;:.()\"]{12,90})\.\Z")
_PASSIVE = re.compile(r"((?:The|A|An|This|Each|His|Her|Its) [a-z]+(?: [a-z]+)?) (is|was|are|were|has been) ([a-z]+ed) by "
                      r"((?:the|a|an|his|her|its) [a-z]+(?: [a-z]+)?)(?: (?:in|to|from|for|when|that|at|on|with)\b[^.;:()\"]*)?\.\Z")


def _lower_first(text):
    return text if text.startswith("I ") else text[0].lower() + text[1:]


def _upper_first(text):
    return text[0].upper() + text[1:]


def from_sentence(sentence):
    """A square made of one real sentence, or None."""
    if match := _CLAUSES.match(sentence):
        main, connective, other = match.groups()
        main = _lower_first(main)
        return (sentence, f"{_upper_first(connective)} {other}, {main}.",
                f"{_upper_first(other)} {connective} {main}.", f"{_upper_first(connective)} {main}, {other}.")
    if match := _PASSIVE.match(sentence):
        undergoer, be, participle, doer = match.groups()
        return (f"{undergoer} {be} {participle} by {doer}.", f"{_upper_first(doer)} {participle} {_lower_first(undergoer)}.",
                f"{_upper_first(doer)} {be} {participle} by {_lower_first(undergoer)}.", f"{undergoer} {participle} {doer}.")
    return None


def from_passages(passages, limit):
    """Up to `limit` squares from real sentences."""
    squares = []
    for passage in passages:
        for sentence in _SENTENCE.split(passage["text"]):
            if 30 <= len(sentence) <= 180 and (square := from_sentence(sentence)):
                squares.append(square)
                if len(squares) == limit:
                    return squares
    return squares


# Words that say nothing about a template: the probe may share these.
FUNCTION_WORDS = frozenset("a an and at but by for from has had have been be in is it its my never no not of on once that "
                           "than the this to up was will with his her again".split())


def words_shared_with(probe_rows):
    """Content words that occur both in the lexicon and in the probe (kind, anchor, same, different): must be none."""
    def words(text):
        return set(re.findall(r"[a-z]+", text.lower())) - FUNCTION_WORDS
    of_lexicon = words(" ".join(str(value) for name, value in vars(lexicon).items() if name.isupper()))
    return sorted(of_lexicon & words(" ".join(text for row in probe_rows for text in row[1:])))
