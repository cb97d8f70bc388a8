"""Fuzzing of every parser that reads what a stranger wrote.

To add a parser: write a module with ``TARGETS``, a tuple of `tests.hostile.target.Target`, and name it in
`tests.hostile.target.MODULES`. ``make hostile`` and the fast part of ``make test`` then run it.
"""
