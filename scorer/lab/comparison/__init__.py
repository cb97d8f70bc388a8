"""Attackers against rules: the returns of copies, hedges, noise, griefing and collusion beside skill.

Reward functions and rates are those of real rounds. Scores are computed in float32, blocks of models against
the meta models of all rules at once, and agree with `scorer.scoring` to some 1e-4.
"""
