"""The element on a host in memory."""

import unittest

from dibhost_element import TestHost
from element import {{type}}


class Server(unittest.TestCase):
    def test_it_is_installed_and_started_unless_it_is_not_to_be(self):
        for started, state in ((True, "enabled"), (False, "disabled")):
            planned = TestHost().parameter("started", started).plan({{type}}, "install")
            self.assertEqual(planned.packages, [("nginx", "install")])
            self.assertEqual(planned.services, {"nginx.service": state})
