"""What a round is: rules, submissions, positions, scores, report, and the proof that they belong together."""
