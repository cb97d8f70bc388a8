"""What a round is: its rules, submissions, positions, scores and report, and the proof that they belong together."""
