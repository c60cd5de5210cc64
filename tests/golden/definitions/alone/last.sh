#!/bin/sh -e
test "$SITE" = example
