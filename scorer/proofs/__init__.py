"""Everything a contract needs to recompute a score: rank tables, targets and meta models as whole numbers.

The layout is that of contracts/lib/ScoreProof.sol. All numbers are those that `scorer.scoring` multiplies;
nothing is computed here that the scorer does not compute.
"""
