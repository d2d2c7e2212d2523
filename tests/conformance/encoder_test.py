"""EncoderService: embeddings, tokens and passages without storing anything."""

import math

import kith
from harness import ServerCase
from kith.v1 import encoder_service_pb2 as pb


class EncoderTest(ServerCase):
    def test_the_model_says_what_it_is(self) -> None:
        models = self.client.models()
        self.assertEqual([model.is_default for model in models], [True] + [False] * (len(models) - 1))
        model = models[0]
        self.assertEqual(model.name, self.client.server_info().default_encoder)
        self.assertGreater(model.dimension, 0)
        self.assertGreater(model.max_tokens, 0)
        self.assertGreater(model.parameter_count, 0)
        self.assertGreater(model.memory_bytes, 0)
        self.assertTrue(model.fingerprint and model.artifact_hash and model.precision)

    def test_a_text_embeds_the_same_alone_and_among_others(self) -> None:
        texts = ["one", "two words", "a " * 100, "Größe 日本 🔥", "one"]
        together = self.client.encode(texts)
        self.assertEqual(together.fingerprint, self.client.models()[0].fingerprint)
        self.assertEqual(len(together.embeddings), len(texts))
        for text, embedding in zip(texts, together.embeddings):
            alone = self.client.encode([text]).embeddings[0]
            self.assertEqual(alone.token_count, embedding.token_count)
            for a, b in zip(alone.vector, embedding.vector):
                self.assertAlmostEqual(a, b, places=5)
        self.assertEqual(together.embeddings[0].vector, together.embeddings[4].vector)

    def test_embeddings_are_finite_and_of_the_models_length(self) -> None:
        model = self.client.models()[0]
        for role in ("passage", "query"):
            for embedding in self.client.encode(["x", "?!", "a\x00b"], role=role).embeddings:
                self.assertEqual(len(embedding.vector), model.dimension)
                self.assertTrue(all(map(math.isfinite, embedding.vector)))
                if model.normalised:
                    self.assertAlmostEqual(math.hypot(*embedding.vector), 1.0, places=4)

    def test_a_text_of_invisible_characters_harms_nobody(self) -> None:
        # To the tokenizer nothing is there; whether its embedding has a direction is the model's.
        self.make_texts()
        for text in ("\u200b", "\u200b\ufeff\x00"):
            vector = self.client.encode([text]).embeddings[0].vector
            self.assertTrue(all(map(math.isfinite, vector)))
            for call in (
                lambda: self.client.upsert(self.collection, [{"id": "a", "text": text}]),
                lambda: self.client.search(self.collection, text=text),
            ):
                if any(vector):
                    call()
                else:
                    with self.assertRaises(kith.InvalidArgument):
                        call()
                self.assert_alive()

    def test_a_long_text_is_truncated_and_says_so_or_is_refused(self) -> None:
        limit = self.client.models()[0].max_tokens
        text = "word " * (limit * 2)
        embedding = self.client.encode([text]).embeddings[0]
        self.assertTrue(embedding.truncated)
        self.assertEqual(embedding.token_count, limit)
        with self.refused(kith.InvalidArgument, "TOO_MANY_TOKENS", "texts[1]") as caught:
            self.client.encode(["short", text], truncation="never")
        self.assertEqual(caught.exception.metadata["limit"], str(limit))
        self.assertFalse(self.client.encode(["short"], truncation="never").embeddings[0].truncated)

    def test_tokens_lie_where_they_say(self) -> None:
        text = "Küche, Größe 日本 and HNSW!"
        tokens = self.client.tokenize([text, ""])
        self.assertEqual(tokens[1], [])
        end = 0
        for token in tokens[0]:
            self.assertGreaterEqual(token.begin_byte, end)
            self.assertGreater(token.end_byte, token.begin_byte)
            end = token.end_byte
            text.encode()[token.begin_byte : token.end_byte].decode()  # whole characters
        self.assertEqual(end, len(text.encode()))

    def test_passages_cover_the_text_in_order(self) -> None:
        text = "# One\n\n" + "A sentence of some words. " * 60 + "\n\n# Two\n\nThe end."
        splitter = kith.SplitterOptions("markdown", max_tokens=40, overlap_tokens=0)
        passages = self.client.split(text, splitter=splitter)
        self.assertGreater(len(passages), 5)
        self.assertEqual([p.index for p in passages], list(range(len(passages))))
        self.assertEqual({p.heading_path for p in passages}, {"One", "Two"})
        for a, b in zip(passages, passages[1:]):
            self.assertLessEqual(a.end_byte, b.begin_byte)
        self.assertTrue(all(p.token_count <= 40 for p in passages))
        joined = " ".join(p.text_in(text) for p in passages)
        self.assertEqual(joined.count("A sentence of some words."), 60)
        whole = self.client.split(text, splitter=kith.SplitterOptions("none"))
        self.assertEqual(len(whole), 1)

    def test_texts_that_cannot_be_encoded(self) -> None:
        limit = self.client.server_info().limits.max_text_bytes
        for text, reason in (("", "EMPTY_TEXT"), (" \n", "EMPTY_TEXT"), ("x" * (limit + 1), "TEXT_TOO_LONG")):
            with self.subTest(reason=reason, bytes=len(text)):
                with self.refused(kith.InvalidArgument, reason, "texts[1]"):
                    self.client.encode(["good", text])
                with self.refused(kith.InvalidArgument, reason, "text"):
                    self.client.split(text)
        with self.refused(kith.InvalidArgument, "TEXT_TOO_LONG", "texts[0]"):
            self.client.tokenize(["x" * (5 << 20)])

    def test_batches_at_the_limit_and_past_it(self) -> None:
        limit = self.client.server_info().limits.max_encode_texts
        for call in (self.client.encode, self.client.tokenize):
            with self.subTest(call=call.__name__):
                call(["x"] * limit)
                with self.refused(
                    kith.InvalidArgument, "BATCH_TOO_LARGE", "texts", {"limit": str(limit)}
                ):
                    call(["x"] * (limit + 1))
                with self.refused(kith.InvalidArgument, "EMPTY_BATCH", "texts"):
                    call([])

    def test_a_model_that_is_not_there(self) -> None:
        for call in (
            lambda: self.client.encode(["x"], model="nobody"),
            lambda: self.client.tokenize(["x"], model="nobody"),
            lambda: self.client.split("x", model="nobody"),
        ):
            with self.refused(kith.NotFound, "ENCODER_NOT_FOUND", metadata={"encoder": "nobody"}):
                call()
        name = self.client.models()[0].name
        self.assertEqual(len(self.client.encode(["x"], model=name).embeddings), 1)

    def test_enum_values_that_the_server_does_not_know(self) -> None:
        for field in ("role", "truncation"):
            request = pb.EncodeRequest(texts=["x"], **{field: 9})
            with self.refused(kith.InvalidArgument, "INVALID_REQUEST", field):
                self.raw_call("EncoderService/Encode", request.SerializeToString())
        request = pb.SplitTextRequest(text="x", splitter={"kind": 9})
        with self.refused(kith.InvalidArgument, "INVALID_REQUEST", "splitter.kind"):
            self.raw_call("EncoderService/SplitText", request.SerializeToString())
        for options in (kith.SplitterOptions(max_tokens=10, overlap_tokens=5),):
            with self.refused(
                kith.InvalidArgument, "LIMIT_OUT_OF_RANGE", "splitter.overlap_tokens"
            ):
                self.client.split("x", splitter=options)
