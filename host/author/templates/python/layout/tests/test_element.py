"""The element on a host in memory."""

import unittest

from dibhost_element import TestHost
from element import {{type}}


class Disk(unittest.TestCase):
    def test_it_has_one_filesystem(self):
        planned = TestHost().plan({{type}}, "block-device")
        names = [node.name for node in planned.nodes]
        self.assertEqual(names, ["disk", "table", "root", "root-fs", "root-mount"])
