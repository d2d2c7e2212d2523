"""Stage 6: the trained weights as a model directory, OUT/model; the floor, the table alone, beside it in OUT/floor.

What the layers add to the table buys word order and negation and costs some retrieval. How much of it is kept is set
here, after the training, on the held-back slices alone: the largest share that leaves retrieval nearly where it was.
"""

import numpy as np
import torch

from recipe import identity, layers, model_directory

SHARES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LOSS_ALLOWED = 1.02  # InfoNCE on held-back pairs, beside the table's


def scaled(trained, silent, share):
    """`trained` with the layers' outputs multiplied by `share`; `silent` is the same model with outputs of zero."""
    weights = {}
    for name, values in trained.items():
        if ".output.dense." in name or "output.LayerNorm" in name:
            weights[name] = silent[name] + share * (values - silent[name])
        else:
            weights[name] = values
    return weights


def _choose_share(settings, bert, trained, silent):
    examples = layers.Examples(settings, np.random.default_rng(settings.seed))
    allowed, chosen = None, 0.0
    for share in (0.0, *SHARES):
        bert.load_state_dict(scaled(trained, silent, share))
        measured = layers.held_back_measures(bert, examples)
        settings.log(f"export: share {share:.1f} of the layers, held back {layers.shown(measured)}")
        allowed = allowed or LOSS_ALLOWED * measured["InfoNCE"]
        if measured["InfoNCE"] <= allowed:
            chosen = share
    return chosen


def run(settings):
    vocabulary = (settings.out / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    bert = identity.table_as_bert(settings)
    model_directory.write(settings.out / "floor", bert, settings, vocabulary)
    silent = {name: values.clone() for name, values in bert.state_dict().items()}
    trained = torch.load(layers.weights_path(settings, settings.num_layers), map_location="cpu")
    share = _choose_share(settings, bert, trained, silent)
    bert.load_state_dict(scaled(trained, silent, share))
    model_directory.write(settings.out / "model", bert, settings, vocabulary)
    settings.log(f"export: {sum(p.numel() for p in bert.parameters()) / 1e6:.2f} M parameters, share {share:.1f}")
