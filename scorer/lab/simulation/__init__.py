"""Rules tried out before anyone's money is in: many data scientists through hundreds of rounds, no chain.

Scores, rewards and settlement are those of real rounds; people and market are made up, or the demo's.
"""
