"""Stage 5: the trained table as the starting point of a plain BERT.

BERT normalises every embedding row, which would erase a word's weight (the length of its vector). So the hidden state
is laid out as

    [ content: C - 34 | code of a frequent word: 16 | position: 16 | filler: +d, -d ]     each part with zero mean

with d chosen so that each row has mean 0 and variance 1: every layer norm is then the identity. The words that carry
grammar (by, was, not, than) weigh next to nothing in a bag of words, so the most frequent words also have a random code
that the layers can see and the pooled mean cannot. Position dimensions hold sin, -sin, cos, -cos of four wavelengths: zero mean, constant energy. The output matrices of attention and FFN
start at zero, and the last layer norm's gain is zero outside the content. Mean pooling then gives exactly the weighted
bag of words that the table is (`table_as_bert`).

For training, that point is a saddle: as long as the outputs are zero, no gradient tells one order of the words from
another. `start` therefore wakes the layers: each head looks at the word one or two places before or after and writes
a little of it, and the FFN writes a little of random even functions (pairs of opposite units, so that nothing linear is
left) of what it sees: pairs of neighbours. The start stays close to the table.
"""

import math

import torch

from recipe.bert import Bert
from recipe.tokens import TrainingTexts

WAVE_STEPS = (1.0, 0.4, 0.12, 0.03)  # radians a token
WAVE_HEIGHT = 1.5
POSITION_DIM = 4 * len(WAVE_STEPS)
FILLER_DIM = 2
CODE_DIM = 16
CODE_LENGTH = 7.0
CODED_WORDS = 300
NEIGHBOUR_SHARPNESS = 4.0
HEAD_OFFSETS = (-1, +1, -2, +2)  # where the heads look at the start
# Shares of the hidden state's length that attention and FFN write at the start: a first layer has nothing to disturb.
FIRST_LAYER_SHARES = (0.5, 0.3)
HIGHER_LAYER_SHARES = (0.2, 0.1)
LARGEST_ROW_SHARE = 0.9  # of a row's energy that content may take, the rest is filler
# Rows longer than this quantile are cut to its length: the few heaviest words would otherwise make all others faint.
FULL_LENGTH_QUANTILE = 0.97


def content_dim(hidden_size):
    return hidden_size - CODE_DIM - POSITION_DIM - FILLER_DIM


def _zero_mean_basis(dim):
    """[dim, dim - 1]: orthonormal columns that all sum to zero."""
    start = torch.eye(dim, dtype=torch.float64)
    start[:, 0] = 1
    return torch.linalg.qr(start)[0][:, 1:].float()


def _codes(token_probabilities):
    """[vocabulary, CODE_DIM]: random directions of CODE_LENGTH for the most frequent tokens, nothing for the others."""
    codes = torch.randn(len(token_probabilities), CODE_DIM - 1) @ _zero_mean_basis(CODE_DIM).T
    codes *= CODE_LENGTH / codes.norm(dim=1, keepdim=True)
    frequent = torch.from_numpy(token_probabilities).argsort(descending=True)[:CODED_WORDS]
    kept = torch.zeros(len(codes), 1)
    kept[frequent] = 1
    return codes * kept


def _place_words(bert, table, codes):
    hidden = bert.embeddings["word_embeddings"].weight.shape[1]
    dim = content_dim(hidden)
    content = table @ _zero_mean_basis(dim).T
    position_energy = POSITION_DIM / 2 * WAVE_HEIGHT ** 2
    room = hidden - position_energy - CODE_LENGTH ** 2
    lengths = content.norm(dim=1, keepdim=True)
    longest = math.sqrt(LARGEST_ROW_SHARE * room)
    unit = torch.quantile(lengths, FULL_LENGTH_QUANTILE)
    content = content * (longest / torch.maximum(lengths, unit))
    filler = ((hidden - position_energy - content.square().sum(1) - codes.square().sum(1)) / 2).sqrt()
    rows = bert.embeddings["word_embeddings"].weight
    rows.zero_()
    rows[:, :dim] = content
    rows[:, dim:dim + CODE_DIM] = codes
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
def table_as_bert(settings):
    """A BERT that embeds exactly as the trained table of the stages before does."""
    torch.manual_seed(settings.seed)
    table = torch.load(settings.out / "table_sts.pt")  # [vocabulary, content_dim - 1]
    codes = _codes(TrainingTexts(settings).token_probabilities(settings.vocabulary_size))
    bert = Bert(settings.vocabulary_size, settings.hidden_size, settings.num_layers, settings.num_heads,
                settings.intermediate_size, settings.max_seq_length)
    dim = content_dim(settings.hidden_size)
    _place_words(bert, table, codes)
    bert.embeddings["position_embeddings"].weight.zero_()
    bert.embeddings["position_embeddings"].weight[:, -POSITION_DIM - FILLER_DIM:-FILLER_DIM] = _waves(settings.max_seq_length)
    bert.embeddings["token_type_embeddings"].weight.zero_()
    for layer in bert.encoder["layer"]:
        for dense in (layer.attention.output["dense"], layer.output["dense"]):
            dense.weight.zero_()
            dense.bias.zero_()
    bert.encoder["layer"][-1].output["LayerNorm"].weight[dim:] = 0
    return bert


@torch.no_grad()
def start(settings):
    """The table with its layers awake: where the training of the layers begins."""
    bert = table_as_bert(settings)
    hidden, dim = settings.hidden_size, content_dim(settings.hidden_size)
    for i, layer in enumerate(bert.encoder["layer"]):
        _wake(layer, hidden, dim, HIGHER_LAYER_SHARES if i else FIRST_LAYER_SHARES)
    return bert


def depth_of(weights):
    """The number of layers in a state dict."""
    return len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})


@torch.no_grad()
def grow(settings, trained):
    """A BERT whose lower layers are `trained` (a state dict), and whose layers above have just been woken."""
    bert = start(settings)
    bert.load_state_dict(trained, strict=False)
    depth = depth_of(trained)
    if depth < settings.num_layers:  # the layer that was the last hides all but the content; that is for the new last one to do
        norm, dim = bert.encoder["layer"][depth - 1].output["LayerNorm"], content_dim(settings.hidden_size)
        norm.weight[dim:], norm.bias[dim:] = 1, 0
    return bert


def _wake(layer, hidden, dim, shares):
    attention_share, ffn_share = shares
    seen, attention = dim + CODE_DIM, layer.attention
    for head, offset in enumerate(HEAD_OFFSETS):
        _look_at_neighbour(attention, head, offset, hidden - POSITION_DIM - FILLER_DIM)
    value, mixed = attention.self["value"], attention.output["dense"]
    value.weight.zero_()
    value.bias.zero_()
    value.weight[:, :seen].normal_(std=seen ** -0.5)
    _write_random(mixed, attention_share * hidden ** -0.5, dim)
    inner, outer = layer.intermediate["dense"], layer.output["dense"]
    half = len(inner.weight) // 2
    inner.bias.zero_()
    inner.weight.zero_()
    inner.weight[:half, :seen].normal_(std=seen ** -0.5)
    inner.weight[half:] = -inner.weight[:half]
    _write_random(outer, ffn_share * half ** -0.5, dim)
    outer.weight[:, half:] = outer.weight[:, :half]


def _write_random(dense, std, dim):
    """Random output weights that write into the content alone, with zero mean."""
    dense.weight[:dim].normal_(std=std)
    dense.weight[:dim] -= dense.weight[:dim].mean(0)
