"""A collection gets another encoder while it is used: from the call to the last byte of the old one."""

import pathlib
import tempfile
import unittest

import kith
from harness import DEADLINES, MODEL, ROOT, Kithd, ServerCase

OTHER = ROOT / "tests" / "data" / "encoder" / "tiny-bert-mean"
TEXTS = {
    "cats": "Cats purr when they are content.",
    "dogs": "Dogs bark at strangers.",
    "sea": "The sea is deep and cold.",
}


class ReembedTest(unittest.TestCase):
    """A collection of one encoder, on a server whose default is another."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="kith-conformance-")
        self.addCleanup(folder.cleanup)
        self.data = pathlib.Path(folder.name) / "data"
        self.start(OTHER)
        self.client.collections.create("articles")
        self.write(TEXTS)
        self.restart()

    def start(self, model: pathlib.Path) -> None:
        self.server = Kithd(self.data, f"--model-dir={model}").wait_until_serving()
        self.addCleanup(self.server.kill)
        self.client = kith.connect(self.server.address, deadlines=DEADLINES)
        self.addCleanup(self.client.close)

    def restart(self) -> None:
        self.assertEqual(self.server.stop(), 0, self.server.log_tail())
        self.start(MODEL)

    def write(self, texts: dict[str, str]) -> None:
        documents = [{"id": id, "text": text} for id, text in texts.items()]
        self.client.upsert("articles", documents)

    def encoder(self) -> str:
        return self.client.collections.get("articles").vector_space.encoder

    def check(self, encoder: str, texts: dict[str, str]) -> None:
        """Every text finds its document first, by that encoder."""
        self.assertEqual(self.encoder(), encoder)
        for id, text in texts.items():
            hits = self.client.search("articles", text).hits
            self.assertEqual(hits[0].document_id, id)
            self.assertEqual({hit.document_id for hit in hits}, set(texts))

    def reembed(self, **options: bool) -> None:
        operation = self.client.collections.reembed("articles", **options)
        self.assertIs(operation.kind, kith.OperationKind.REEMBED)
        self.assertEqual(operation.target, "articles")
        ended = self.client.operations.wait(operation)
        self.assertIs(ended.state, kith.OperationState.SUCCEEDED, ended)

    def test_forth_back_and_forth_for_good(self) -> None:
        self.check(OTHER.name, TEXTS)
        etags = {d.id: d.etag for d in self.client.list("articles")}
        self.reembed()
        made = self.client.collections.get("articles")
        assert made.reembedding is not None
        self.assertIs(made.reembedding.state, kith.ReembeddingState.CUT_OVER)
        self.assertEqual(made.reembedding.other.encoder, OTHER.name)
        self.assertEqual({d.id: d.etag for d in self.client.list("articles")}, etags)
        self.check(MODEL.name, TEXTS)

        more = {**TEXTS, "birds": "Birds sing in the morning."}
        self.write({"birds": more["birds"]})
        self.restart()
        self.check(MODEL.name, more)
        self.client.collections.rollback_reembedding("articles")
        self.check(OTHER.name, more)
        self.assertIsNone(self.client.collections.get("articles").reembedding)

        self.reembed()
        self.client.collections.commit_reembedding("articles")
        self.check(MODEL.name, more)
        self.restart()
        self.check(MODEL.name, more)

    def test_committed_at_the_cut_over(self) -> None:
        self.reembed(commit_at_cut_over=True)
        self.assertIsNone(self.client.collections.get("articles").reembedding)
        self.check(MODEL.name, TEXTS)

    def test_an_unchanged_text_is_not_encoded_again(self) -> None:
        written = self.client.upsert("articles", [{"id": "cats", "text": TEXTS["cats"]}])
        self.assertEqual(written.encoded_token_count, 0)
        changed = self.client.upsert("articles", [{"id": "cats", "text": "Cats sleep."}])
        self.assertGreater(changed.encoded_token_count, 0)


class RefusedTest(ServerCase):
    def test_what_cannot_be_reembedded(self) -> None:
        collections = self.client.collections
        self.make_texts()
        with self.refused(kith.FailedPrecondition, "REEMBEDDING"):
            collections.commit_reembedding(self.collection)
        with self.refused(kith.FailedPrecondition, "REEMBEDDING"):
            collections.rollback_reembedding(self.collection)
        with self.refused(kith.NotFound, "ENCODER_NOT_FOUND"):
            collections.reembed(self.collection, encoder="nobody")
        with self.refused(kith.NotFound, "COLLECTION_NOT_FOUND"):
            collections.reembed("nothing")
        with self.refused(kith.Aborted, "ETAG_MISMATCH", field="if_match"):
            collections.reembed(self.collection, if_match="stale")
