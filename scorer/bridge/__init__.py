"""The bridge between Ethereum and Polygon: messages, proofs from checkpoints, conservation, the relayer."""
