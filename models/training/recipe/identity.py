"""Stage 5: the trained table as the starting point of a plain BERT.

BERT normalises every embedding row, which would erase a word's weight (the length of its vector). So the hidden state
is laid out as

    [ content: C - 18, zero mean | position: 16 | filler: +d, -d ]

with d chosen so that each row has mean 0 and variance 1: every layer norm is then the identity. Position dimensions
hold sin, -sin, cos, -cos of four wavelengths: zero mean, constant energy. The output matrices of attention and FFN
start at zero, and the last layer norm's gain is zero outside the content. Mean pooling then gives exactly the weighted
bag of words that the table is, while the layers see words and places from their first step on. In each layer one
head starts by looking at the word before, one at the word after; the others start at random.
"""

import math

import torch

from recipe.bert import Bert
from recipe.wordpiece import SPECIAL_TOKENS

WAVE_STEPS = (1.0, 0.4, 0.12, 0.03)  # radians a token
WAVE_HEIGHT = 1.5
POSITION_DIM = 4 * len(WAVE_STEPS)
FILLER_DIM = 2
NEIGHBOUR_SHARPNESS = 4.0
LARGEST_ROW_SHARE = 0.8  # of a row's energy that the heaviest word's content may take


def content_dim(hidden_size):
    return hidden_size - POSITION_DIM - FILLER_DIM


def _zero_mean_basis(dim):
    """[dim, dim - 1]: orthonormal columns that all sum to zero."""
    start = torch.eye(dim, dtype=torch.float64)
    start[:, 0] = 1
    return torch.linalg.qr(start)[0][:, 1:].float()


def reduce_table(table, token_probabilities, dim):
    """The best `dim`-wide table in the least-squares sense of the vectors' contributions to texts."""
    weight = torch.from_numpy(token_probabilities).float().clamp(min=1e-7).sqrt()[:, None]
    _, _, directions = torch.linalg.svd(table * weight, full_matrices=False)
    return table @ directions[:dim].T


def _place_words(bert, table):
    hidden = bert.embeddings["word_embeddings"].weight.shape[1]
    dim = content_dim(hidden)
    content = table @ _zero_mean_basis(dim).T
    position_energy = POSITION_DIM / 2 * WAVE_HEIGHT ** 2
    room = hidden - position_energy
    content = content * math.sqrt(LARGEST_ROW_SHARE * room / content.square().sum(1).max().item())
    filler = ((room - content.square().sum(1)) / 2).sqrt()
    rows = bert.embeddings["word_embeddings"].weight
    rows.zero_()
    rows[:, :dim] = content
    rows[:, -2], rows[:, -1] = filler, -filler


def _waves(max_positions):
    """[positions, POSITION_DIM]"""
    angle = torch.arange(max_positions).float()[:, None] * torch.tensor(WAVE_STEPS)
    sin, cos = angle.sin(), angle.cos()
    return WAVE_HEIGHT * torch.stack([sin, -sin, cos, -cos], dim=2).flatten(1)


def _look_at_neighbour(attention, head, offset, dim):
    """Makes `head` attend to the token `offset` places away: its query turns the waves by that many tokens."""
    size = attention.self["query"].weight.shape[0] // attention.num_heads
    for name, turn in (("query", offset), ("key", 0)):
        weight, bias = attention.self[name].weight, attention.self[name].bias
        rows = slice(head * size, (head + 1) * size)
        weight[rows], bias[rows] = 0, 0
        for wave, step in enumerate(WAVE_STEPS):
            sin_at, cos_at, row = dim + 4 * wave, dim + 4 * wave + 2, head * size + 2 * wave
            turned_cos, turned_sin = math.cos(turn * step), math.sin(turn * step)
            weight[row, sin_at], weight[row, cos_at] = NEIGHBOUR_SHARPNESS * turned_cos, NEIGHBOUR_SHARPNESS * turned_sin
            weight[row + 1, cos_at], weight[row + 1, sin_at] = NEIGHBOUR_SHARPNESS * turned_cos, -NEIGHBOUR_SHARPNESS * turned_sin


@torch.no_grad()
def start(settings, table):
    """`table`: [vocabulary, content_dim - 1], see reduce_table."""
    torch.manual_seed(settings.seed)
    bert = Bert(settings.vocabulary_size, settings.hidden_size, settings.num_layers, settings.num_heads,
                settings.intermediate_size, settings.max_seq_length)
    dim = content_dim(settings.hidden_size)
    _place_words(bert, table)
    bert.embeddings["position_embeddings"].weight.zero_()
    bert.embeddings["position_embeddings"].weight[:, dim:dim + POSITION_DIM] = _waves(settings.max_seq_length)
    bert.embeddings["token_type_embeddings"].weight.zero_()
    for layer in bert.encoder["layer"]:
        for dense in (layer.attention.output["dense"], layer.output["dense"]):
            dense.weight.zero_()
            dense.bias.zero_()
        _look_at_neighbour(layer.attention, 0, -1, dim)
        _look_at_neighbour(layer.attention, 1, +1, dim)
    bert.encoder["layer"][-1].output["LayerNorm"].weight[dim:] = 0
    return bert
