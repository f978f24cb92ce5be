"""python3 -m unittest"""
import json
import pathlib
import tempfile
import unittest

import adapter

MESSAGE = {"attempt": "a", "part": 0, "key": "d-p-0-0", "to": "anna", "text": "Meeting at seven."}


class Test(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = pathlib.Path(folder.name, "out")
        self.adapter = adapter.Adapter(folder.name)

    def ask(self, do, given=None):
        return self.adapter.answer(json.dumps({"id": "1", "do": do, "with": given or {}}))

    def test_a_message_is_delivered_once(self):
        first, again = self.ask("send", MESSAGE), self.ask("send", MESSAGE)
        self.assertEqual(first, again)
        texts = [json.loads(each.read_text())["text"] for each in self.out.iterdir()]
        self.assertEqual(texts, ["Meeting at seven."])

    def test_what_was_refused_may_be_tried_again(self):
        def closed(*_):
            raise adapter.Refused("temporary", "channel", "closed", "the provider is closed")

        self.adapter.deliver, deliver = closed, self.adapter.deliver
        self.assertEqual(self.ask("send", MESSAGE)["error"]["class"], "temporary")
        self.adapter.deliver = deliver
        self.assertIn("ok", self.ask("send", MESSAGE))

    def test_doubt_stays_doubt(self):
        def silent(*_):
            raise TimeoutError

        self.adapter.deliver = silent
        for _ in range(2):
            self.assertEqual(self.ask("send", MESSAGE)["error"]["class"], "unknown")


if __name__ == "__main__":
    unittest.main()
