"""The element on a host in memory."""

import unittest

from dibhost_element import TestHost
from element import {{type}}


class Program(unittest.TestCase):
    def test_it_is_run_once(self):
        for verbose, command in ((False, ["ldconfig"]), (True, ["ldconfig", "-v"])):
            ran = TestHost().parameter("verbose", verbose).run({{type}}, "post-install")
            self.assertEqual(ran.commands, [command])
