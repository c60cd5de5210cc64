"""The element on a host in memory."""

import unittest

from dibhost_element import Error, TestHost
from element import Guest, {{type}}


class Greetings(unittest.TestCase):
    def test_every_guest_is_greeted(self):
        host = TestHost().parameter("greeting", "Hello").fact("zebra", "1", Guest("somebody", 2))
        planned = host.plan({{type}}, "arrive")
        self.assertEqual(planned.provided(Guest), [Guest("{{name}}", 1)])
        host.run({{type}}, "greet")
        self.assertEqual(host.text("/etc/guests/{{name}}"), "Hello, {{name}} (1)\nHello, somebody (2)\n")

    def test_a_greeting_is_a_text(self):
        with self.assertRaises(Error) as caught:
            TestHost().parameter("greeting", 7).plan({{type}}, "arrive")
        self.assertEqual(caught.exception.code, "invalid-argument")
        self.assertIn("`greeting`", str(caught.exception))
