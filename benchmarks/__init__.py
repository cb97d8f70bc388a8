"""Speed and gas beside peers, measured in the same run."""
