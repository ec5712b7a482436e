# SPDX-License-Identifier: GPL-2.0-or-later
"""Sphinx's settings for doc/: `make html`, and tools/check's stage doc."""

from pygments.lexers.special import TextLexer

project = "Dyncast for FRR"
author = "The authors of Dyncast for FRR"
html_theme = "alabaster"
html_copy_source = False
highlight_language = "none"
# warnings are errors in tools/check: a missing page or label among them
nitpicky = True
exclude_patterns = []


def setup(app):
    # FRR's own documentation has a lexer of this name
    app.add_lexer("frr", TextLexer)
