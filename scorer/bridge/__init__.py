"""The bridge between Ethereum and Polygon: messages, proofs from checkpoints, conservation, and the relayer."""
