"""The registry of scores: what rules may name, what each score needs, and how it is computed.

A round's rules name a scoring version; `scorer.factors.registry` holds the scores of each version, which stay
for ever. An entry is one `Score`: its declaration (name, tables and their columns, targets) and, beside it,
its computation for all submissions. So a new score is written in one module and tested in one.

This room stands below `scorer.protocol`, since rules are checked against the declarations. Scoring functions
that need pandas or scipy are imported when a score is computed, so that reading rules imports neither.
"""
