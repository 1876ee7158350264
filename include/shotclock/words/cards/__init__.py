"""Pages for people: a champion's model card, and a decision with its reasons. Values in, one HTML file out.

A page holds all that it needs, loads nothing, and runs nothing. The same values give the same bytes.
"""
