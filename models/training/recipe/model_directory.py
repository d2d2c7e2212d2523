"""Writes and reads the model directory: a BERT-family sentence-transformers model, as Kith and Hugging Face read it."""

import json
import pathlib

import torch

from recipe import safetensors
from recipe.bert import LAYER_NORM_EPS, Bert
from recipe.wordpiece import SPECIAL_TOKENS, WordPiece


def _write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _config(settings):
    return {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": settings.hidden_size,
        "num_hidden_layers": settings.num_layers, "num_attention_heads": settings.num_heads,
        "intermediate_size": settings.intermediate_size, "vocab_size": settings.vocabulary_size,
        "max_position_embeddings": settings.max_seq_length, "type_vocab_size": 2, "layer_norm_eps": LAYER_NORM_EPS,
        "hidden_act": "gelu", "pad_token_id": 0, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "position_embedding_type": "absolute", "initializer_range": 0.02, "torch_dtype": "float16",
    }


def _template(tokens):
    return [{"Sequence": {"id": token, "type_id": kind}} if len(token) == 1 else
            {"SpecialToken": {"id": token, "type_id": kind}} for token, kind in tokens]


def _tokenizer(vocabulary):
    ids = {token: i for i, token in enumerate(vocabulary)}
    single = [("[CLS]", 0), ("A", 0), ("[SEP]", 0)]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": ids[t], "special": True, "content": t, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False} for t in SPECIAL_TOKENS],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": _template(single),
            "pair": _template(single + [("B", 1), ("[SEP]", 1)]),
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": ids},
    }


def _special_tokens():
    return {f"{t[1:-1].lower()}_token": t for t in SPECIAL_TOKENS}


def write(folder, bert, settings, vocabulary):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.save_f16(folder / "model.safetensors",
                         {name: values.cpu().numpy() for name, values in bert.state_dict().items()})
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    _write_json(folder / "config.json", _config(settings))
    _write_json(folder / "tokenizer.json", _tokenizer(vocabulary))
    _write_json(folder / "tokenizer_config.json", {
        "do_lower_case": True, **_special_tokens(), "tokenize_chinese_chars": True, "strip_accents": None,
        "model_max_length": settings.max_seq_length, "tokenizer_class": "BertTokenizer"})
    _write_json(folder / "special_tokens_map.json", _special_tokens())
    _write_json(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")))])
    _write_json(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": settings.hidden_size, "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False})
    _write_json(folder / "sentence_bert_config.json",
                {"max_seq_length": settings.max_seq_length, "do_lower_case": False})
    _write_json(folder / "config_sentence_transformers.json", {
        "__version__": {"sentence_transformers": "2.2.2", "transformers": "4.30.0", "pytorch": "1.13.1"}})


class Model:
    """A model directory read back: its tokenizer and its encoder in float32 from the stored F16 weights."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        self.max_seq_length = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.tokenizer = WordPiece.from_file(folder / "vocab.txt")
        self.bert = Bert(config["vocab_size"], config["hidden_size"], config["num_hidden_layers"],
                         config["num_attention_heads"], config["intermediate_size"],
                         config["max_position_embeddings"])
        weights = safetensors.load(folder / "model.safetensors")
        self.bert.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})

    @torch.no_grad()
    def embed(self, texts):
        """[texts, C] float32, normalised"""
        rows = [self.tokenizer.encode(text, self.max_seq_length)[0] for text in texts]
        return self.bert.embed(rows).numpy()
