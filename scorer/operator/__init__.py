"""The operator of a tournament: opens planned rounds, collects submissions and locks stakes."""
