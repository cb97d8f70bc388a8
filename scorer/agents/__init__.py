"""Consensus documents of rounds, and portable records of models: what others check without our server.

`document`, `leaves`, `signing` and `record` are pure. A *consensus document* names the meta model of a sealed
round by the root of a tree of salted leaves (asset, rank, weight); members sign it under an EIP-712 domain
without a chain, so that contracts/agents/ConsensusVerifier.sol takes the same signatures on every chain.
"""
