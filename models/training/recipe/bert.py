"""A BERT encoder with mean pooling, its parameters named as Hugging Face names them.

Shapes: B texts, T tokens, C hidden, H heads. Dropout is left out: the texts are few passes from being new, and word
dropout (see sts.py) does its work at a lower price.
"""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

LAYER_NORM_EPS = 1e-12
_TOKENS_PER_CHUNK = 8192  # padded tokens in one matrix product: big enough for speed, small enough for the cache


class _Attention(nn.Module):
    def __init__(self, hidden, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.self = nn.ModuleDict({name: nn.Linear(hidden, hidden) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(hidden, hidden),
                                     "LayerNorm": nn.LayerNorm(hidden, eps=LAYER_NORM_EPS)})

    def forward(self, x, bias):
        batch, tokens, hidden = x.shape
        query, key, value = (self.self[name](x).view(batch, tokens, self.num_heads, -1).transpose(1, 2)
                             for name in ("query", "key", "value"))
        scores = query @ key.transpose(2, 3) / math.sqrt(hidden // self.num_heads) + bias  # [B, H, T, T]
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, tokens, hidden)
        return self.output["LayerNorm"](x + self.output["dense"](mixed))


class _Layer(nn.Module):
    def __init__(self, hidden, num_heads, intermediate):
        super().__init__()
        self.attention = _Attention(hidden, num_heads)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, intermediate)})
        self.output = nn.ModuleDict({"dense": nn.Linear(intermediate, hidden),
                                     "LayerNorm": nn.LayerNorm(hidden, eps=LAYER_NORM_EPS)})

    def forward(self, x, bias):
        x = self.attention(x, bias)
        inner = F.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](x + self.output["dense"](inner))


class Bert(nn.Module):
    def __init__(self, vocabulary_size, hidden_size, num_layers, num_heads, intermediate_size, max_positions):
        super().__init__()
        self.embeddings = nn.ModuleDict({
            "word_embeddings": nn.Embedding(vocabulary_size, hidden_size),
            "position_embeddings": nn.Embedding(max_positions, hidden_size),
            "token_type_embeddings": nn.Embedding(2, hidden_size),
            "LayerNorm": nn.LayerNorm(hidden_size, eps=LAYER_NORM_EPS)})
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(
            _Layer(hidden_size, num_heads, intermediate_size) for _ in range(num_layers))})

    def hidden_states(self, ids, mask):
        """ids, mask [B, T] -> [B, T, C]."""
        embeddings = self.embeddings
        x = (embeddings["word_embeddings"](ids) + embeddings["position_embeddings"].weight[:ids.shape[1]]
             + embeddings["token_type_embeddings"].weight[0])
        x = embeddings["LayerNorm"](x)
        bias = (mask - 1)[:, None, None, :] * 1e9
        for layer in self.encoder["layer"]:
            x = layer(x, bias)
        return x

    def embed(self, texts):
        """Token id sequences, [CLS] and [SEP] included -> normalised means [B, C]. Texts of like length go together."""
        device = self.embeddings["word_embeddings"].weight.device
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for chunk in _chunks(order, [len(t) for t in texts]):
            ids, mask = (torch.from_numpy(a).to(device) for a in padded([texts[i] for i in chunk]))
            summed = torch.einsum("btc,bt->bc", self.hidden_states(ids, mask), mask)
            parts.append(F.normalize(summed, dim=1))
        back = torch.empty(len(texts), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(texts))
        return torch.cat(parts)[back.to(device)]


def _chunks(order, lengths):
    """Splits `order`, sorted by length, so that each part pads to at most _TOKENS_PER_CHUNK tokens."""
    begin = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - begin) * lengths[order[end]] > _TOKENS_PER_CHUNK:
            yield order[begin:end]
            begin = end


def padded(rows):
    """ids [B, T] (0 is [PAD]) and a float mask of the same shape."""
    width = max(len(r) for r in rows)
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros((len(rows), width), np.float32)
    for i, row in enumerate(rows):
        ids[i, :len(row)] = row
        mask[i, :len(row)] = 1
    return ids, mask
