"""Stage 6: the trained weights as a model directory, OUT/model; the floor, the table alone, beside it in OUT/floor."""

import torch

from recipe import identity, model_directory


def run(settings):
    vocabulary = (settings.out / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    bert = identity.start(settings, torch.load(settings.out / "table_sts.pt"))
    model_directory.write(settings.out / "floor", bert, settings, vocabulary)
    bert.load_state_dict(torch.load(settings.out / "layers.pt", map_location="cpu"))
    model_directory.write(settings.out / "model", bert, settings, vocabulary)
    settings.log(f"export: {sum(p.numel() for p in bert.parameters()) / 1e6:.2f} M parameters")
