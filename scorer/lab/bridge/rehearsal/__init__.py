"""The rehearsal of a bridge: tokens, a round, a vote, faults and the PoS portal, on two local chains."""
